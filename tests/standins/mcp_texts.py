"""An MCP server on standard input and output whose tool ``get`` returns the text of a file.

Usage: ``python mcp_texts.py FILE``.
"""

import json
import sys
from pathlib import Path
from typing import Any


def _result(message: dict[str, Any]) -> dict[str, Any]:
    if message["method"] == "initialize":
        version = message["params"]["protocolVersion"]
        info = {"name": "texts", "version": "1"}
        return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
    if message["method"] == "tools/list":
        schema = {"type": "object", "properties": {}}
        return {"tools": [{"name": "get", "description": "Returns the text.", "inputSchema": schema}]}
    if message["method"] == "tools/call":
        return {"content": [{"type": "text", "text": Path(sys.argv[1]).read_text(encoding="utf-8")}]}
    return {}


if __name__ == "__main__":
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" in asked:
            print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": _result(asked)}), flush=True)
