"""Everything that does the work: the hub, its MCP tools, engines, checks, history and ledger.

A reader's map, in the order in which one offload passes through:

``bridge``    stdio to HTTP, for clients that start a command (standard library only)
``http``      the ASGI app: routes, tokens, Host and Origin checks
``tools``     the MCP tools: arguments in, text out, nothing else
``policy``    what a call may touch: roots, rules, limits, approvals
``offload``   one task from files to checked result (start in ``offload/pipeline.py``)
``batch``     many tasks as durable jobs
``models``    what fits this machine, and how well it works
``backends``  the engines: Ollama, OpenAI-compatible servers, the embedded one
``ledger``    tokens and money, spared and spent
``store``     tables, migrations, queries
``hub``       composes all of these from ``settings``; ``snapshot`` is what it shows the world

``server`` imports neither ``tray`` nor ``dashboard``.
"""
