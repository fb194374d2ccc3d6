"""What Claude would have read of a text without a digest: the part that counts as saved."""

from server.digests.compress.sources import Text
from server.digests.decode import decoded_lines, encoding_of
from server.digests.engine import Findings

LARGEST_READ = 75_000
"""Characters; some 25,000 tokens, the most that Claude Code's Read returns of one file."""


def spared_text(text: Text, found: Findings) -> str:  # noqa: ARG001 - outputs follow
    """Return the beginning of the text, as much as Claude reads of a file at once. Blocks."""
    lines: list[str] = []
    length = 0
    with text.open() as file:
        for line in decoded_lines(file, encoding_of(file)):
            lines.append(line)
            length += len(line) + 1
            if length > LARGEST_READ:
                break
    return "\n".join(lines)[:LARGEST_READ]
