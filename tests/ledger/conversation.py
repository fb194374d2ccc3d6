"""Hand-written transcripts in Claude Code's format: one JSON object a line, usage as the API counts it.

The test chooses the token counts and keeps them consistent: each prompt contains the previous prompt, its
answer and the results since.
"""

import datetime
import json
from pathlib import Path
from typing import Any

PROJECT = "/home/me/project"


class Conversation:
    """One session's transcript."""

    def __init__(
        self,
        folder: Path,
        session: str = "s1",
        model: str = "claude-opus-5-5-20261001",
        at: datetime.datetime = datetime.datetime(2026, 11, 20, 10, tzinfo=datetime.UTC),
    ) -> None:
        self.path = folder / "projects" / "-home-me-project" / f"{session}.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.session = session
        self.model = model
        self.at = at
        self.prompt = 12_000
        self.placeholder = 0
        self._messages = 0
        self.write({"type": "summary", "summary": "About slugs", "leafUuid": "x"})
        self.write(self._line("user", {"role": "user", "content": "Please do it."}))

    def use(
        self,
        name: str,
        arguments: dict[str, Any],
        result: str,
        *,
        call_tokens: int,
        result_tokens: int,
        use_id: str = "",
        **options: Any,
    ) -> None:
        """Add an answer with one call, and its result."""
        use_id = use_id or f"toolu_{self.session}_{self._messages}"
        self.answer([{"type": "tool_use", "id": use_id, "name": name, "input": arguments}], call_tokens)
        self.results([(use_id, result)], result_tokens, **options)

    def answer(self, blocks: list[dict[str, Any]], output: int, message_id: str = "") -> None:
        """Add an answer, one line for each block; the usage grows until the last one."""
        self._messages += 1
        message_id = message_id or f"msg_{self.session}_{self._messages}"
        for number, block in enumerate(blocks, start=1):
            usage = {
                "input_tokens": 4,
                "cache_creation_input_tokens": 96,
                "cache_read_input_tokens": self.prompt - 100,
                "output_tokens": self.placeholder or (output if number == len(blocks) else 1),
            }
            message = {
                "id": message_id,
                "type": "message",
                "role": "assistant",
                "model": self.model,
                "content": [block],
                "usage": usage,
            }
            self.write(self._line("assistant", message))
        self.prompt += output

    def results(self, results: list[tuple[str, str]], tokens: int, *, error: bool = False) -> None:
        """Add the results of the last answer's calls, one line each, and their total size in tokens."""
        for use_id, text in results:
            block = {
                "type": "tool_result",
                "tool_use_id": use_id,
                "content": [{"type": "text", "text": text}],
                **({"is_error": True} if error else {}),
            }
            line = self._line("user", {"role": "user", "content": [block]})
            self.write(line | {"toolUseResult": {"stdout": text}})
        self.prompt += tokens

    def attach(self, kind: str, rendered: str, *, tokens: int = 0, **values: Any) -> None:
        """Add a text of the client's own, as the client records it."""
        line = self._line("attachment", {})
        del line["message"]
        self.write(line | {"attachment": {"type": kind, **values}, "rendered": [{"content": rendered}]})
        self.prompt += tokens

    def meta(self, text: str, *, tokens: int) -> None:
        """Add a message of the client's own."""
        self.write(self._line("user", {"role": "user", "content": text}) | {"isMeta": True})
        self.prompt += tokens

    def compact(self, prompt: int) -> None:
        """Replace the conversation by a summary; the next prompt has ``prompt`` tokens."""
        line = self._line("system", {})
        self.write(line | {"subtype": "compact_boundary", "content": "Conversation compacted"})
        self.prompt = prompt

    def read(self, path: str, text: str, tokens: int) -> None:
        self.use("Read", {"file_path": path}, text, call_tokens=90, result_tokens=tokens)

    def end(self) -> None:
        """Add a last answer, which makes the size of the previous result measurable."""
        self.answer([{"type": "text", "text": "Done."}], 5)

    def write(self, line: dict[str, Any]) -> None:
        self.write_text(json.dumps(line) + "\n")

    def write_text(self, text: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(text)

    def _line(self, kind: str, message: dict[str, Any]) -> dict[str, Any]:
        return {
            "parentUuid": None,
            "isSidechain": False,
            "userType": "external",
            "cwd": PROJECT,
            "sessionId": self.session,
            "version": "2.1.329",
            "type": kind,
            "message": message,
            "uuid": f"{self.session}-{self._messages}",
            "timestamp": self.at.isoformat(),
        }
