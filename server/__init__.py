"""The hub and everything behind it.

The rooms from top to bottom. An import points down this list, never up:

``commands``   the command line of ``token-saver``
``web``        the HTTP server: routes, authentication, limits, start and stop
``tools``      the MCP tools: arguments in, text out
``calls``      a tool call: prepared, judged by the policy, entered, continued as a job; secrets removed
``hub``        all parts of the app, composed by ``open_hub(settings, folders)``
``batch``      many tasks as one durable job
``tool_results``  large results inside Claude Code, replaced by digests
``digests``    digests of logs, outputs and data; ``compress`` adds the local model
``offload``    one task, from its files to a checked result (start in ``offload/pipeline.py``)
``execution``  code in a sandbox: checks, examples, candidates, mutants
``claude_context``  what fills Claude's context, its cost, and switches that remove parts
``models``     which models suit this machine and this work, measured and recommended
``ledger``     tokens and money saved and spent; the transcript check
``policy``     rules, limits, approvals, audit trail, file access, detection of secrets
``clients``    connections of MCP clients to this app
``gpu``        GPU memory and RAM: capacity, a model's need, fit, yielding to other programs
``state``      the snapshot that tray, dashboard and ``status`` show
``engine``     the engine in use: discovery, queue, model selection, pausing
``backends``   engine protocols: Ollama, OpenAI-compatible servers, the embedded engine
``store``      tables, migrations and queries of ``history.db``
``config``     settings, folders, edits of configuration files
``bridge``     MCP on standard input and output, forwarded to the hub (standard library only)
``common``     errors, events, days, atomic writes, asyncio building blocks

``reminder`` is an independent plugin for Claude Code; ``digest_hook`` is the hook's side of
``tool_results``, ``statusline`` is Claude Code's status line. ``server`` imports neither ``tray`` nor
``dashboard``. ``docs/architecture.md`` follows one call through the rooms.
"""
