"""The MCP prompts, which clients show as slash commands. They send routine work to this app's tools."""

from typing import Annotated

from mcp.server.mcpserver.prompts import Prompt
from pydantic import Field

Files = Annotated[str, Field(description="Paths or globs, separated by spaces.")]
Paths = Annotated[
    str, Field(description="Paths to commit if nothing is staged; empty to commit the staged files.")
]
Focus = Annotated[str, Field(description="What to look for (optional).")]


def prompts() -> list[Prompt]:
    """Return the prompts."""
    return [
        Prompt.from_function(docstrings, description="Let the local model write docstrings"),
        Prompt.from_function(tests, description="Let the local model write unit tests"),
        Prompt.from_function(digest, description="Get a digest of logs, test runs or data"),
        Prompt.from_function(commit, description="Commit in one turn"),
    ]


def docstrings(files: Files) -> str:
    """Return the prompt for docstrings."""
    return (
        f"Let the local model write docstrings for {files}. For one file call `offload_work` with the task "
        "`Add docstrings to all public functions and classes`, the path in `files` and the same path as "
        "`output`; for several call `batch_offload` with that task, the paths in `each` and the output "
        "`{path}`. Do not read the files before or after, and report what the tool says."
    )


def tests(files: Files) -> str:
    """Return the prompt for unit tests."""
    return (
        f"Let the local model write unit tests for {files}. For each file call `offload_work` with the "
        "task `Write unit tests`, the path in `files`, one existing test file of the project as an "
        "example in `files`, if there is one, and the path of the new test file as `output`. Do not read "
        "the result unless a notice asks you to, and report what the tool says."
    )


def digest(files: Files, focus: Focus = "") -> str:
    """Return the prompt for a digest."""
    sought = f" with the focus `{focus}`" if focus else ""
    return (
        f"Make a digest of {files}{sought}: call `compress_context` with the paths in `files`. Do not read "
        "the files themselves. Answer from the digest, and look up single lines only if it lacks something."
    )


def commit(paths: Paths = "") -> str:
    """Return the prompt for a commit."""
    return (
        f"Run `token-saver commit {paths}`".rstrip("` ")
        + "` in the shell, without looking at the diff first: it stages only the named paths, writes the "
        "message, runs the hooks and prints two lines. Use `--message` for a message of your own. Push "
        "only if I asked for it. If it fails, report its error."
    )
