"""What the tools' errors say to Claude, for the user in a shell, who has his own next steps."""

import re

_FOR_CLAUDE = (
    (r"Do this task yourself, or ask the user\.", "Resume it in the tray's menu or on the dashboard."),
    (
        r"Do the task yourself, or ask the user to change the policy\.",
        "`token-saver policy explain` shows it.",
    ),
    (r"Tell the user; do the task yourself\.", "`token-saver policy check` says where."),
    (r"Do not retry; do the task yourself or in smaller steps, or ask the user\.", ""),
    (r"Do this task yourself, or call again later\.", "Try again later."),
    (r" Ask how to go on\.", ""),
    (r"Do the task yourself; ", ""),
    (r", or do th(?:e|is) task yourself\.", "."),
)


def in_shell_words(text: str) -> str:
    """Return the text of an error with the user's next step in the place of Claude's."""
    for said, better in _FOR_CLAUDE:
        text = re.sub(said, better, text)
    return text.strip()
