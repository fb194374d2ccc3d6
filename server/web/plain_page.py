"""Pages shown without the dashboard: not logged in, used login link, unknown address."""

import html

from starlette.responses import HTMLResponse

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · Claude Token Saver</title>
<style>
  body {{
    margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 24px; box-sizing: border-box;
    background: light-dark(#f4f6f7, #0f1315); color: light-dark(#182026, #e7ebed);
    font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif;
  }}
  main {{
    max-width: 30em; padding: 28px 32px; border-radius: 12px; background: light-dark(#fff, #171c1f);
    border: 1px solid light-dark(#dce1e5, #2a3237);
  }}
  h1 {{ margin: 0 0 10px; font-size: 22px; line-height: 1.3; }}
  p {{ margin: 0 0 14px; }}
  code {{
    display: block; padding: 10px 12px; border-radius: 8px; background: light-dark(#eef1f3, #111619);
    font: 14px/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, monospace;
    user-select: all; overflow-wrap: anywhere;
  }}
  a {{ color: light-dark(#0a7365, #4cd0ba); }}
  small {{ display: block; margin-top: 18px; color: light-dark(#55606a, #a2aeb7); font-size: 13px; }}
</style>
</head>
<body><main><h1>{title}</h1><p>{text}</p>{rest}<small>Claude Token Saver</small></main></body>
</html>
"""


def plain_page(status: int, title: str, text: str, *, command: str = "", link: str = "") -> HTMLResponse:
    """Return a page with a heading, a sentence, and a command to copy or a link to a page."""
    rest = f"<code>{html.escape(command)}</code>" if command else ""
    if link:
        rest += f'<p><a href="{html.escape(link)}">Go to the dashboard</a></p>'
    return HTMLResponse(_PAGE.format(title=html.escape(title), text=html.escape(text), rest=rest), status)
