"""Commit messages: written by the local model and checked against the diff, or made from file names."""

import re
import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from server.commands.commit.repository import StagedFile
from server.commands.commit.style import CONVENTIONAL, LONGEST_SUBJECT, Style, proper_nouns
from server.common.control_characters import in_line

Ask = Callable[[str, str], str]
"""Returns the model's answer to a task with a context; empty if there is none."""

ATTEMPTS = 2
MOST_CONTEXT = 5_000
"""Maximum characters of the change shown to the model: about 1,500 tokens, some ten seconds on a CPU."""
MOST_LISTED = 40
MOST_BODY_LINES = 12
_VERBS = {"A": "Add", "D": "Remove", "R": "Rename", "M": "Update", "T": "Change"}
_STATES = {"A": "new file", "D": "deleted", "R": "renamed", "M": "modified", "T": "type changed"}
"""Git's status letters as words, as in ``git status``: a small model may read ``R`` as anything."""
_DOCUMENTS = frozenset({".md", ".rst", ".adoc"})
_QUOTED = re.compile(r"[`\"“]([^`\"”\n]{1,80})[`\"”]")
_WORD = re.compile(r"[^\s`\"'“”()\[\]{},;:!?]+")
_NAME = re.compile(r".*(?:[_/\\]|\w\.\w|[a-z][A-Z]|\d|^[A-Z]{2,}s?$|::|->|^--?\w).*")
"""Words that name things: paths, identifiers, numbers, abbreviations, options."""
_ABBREVIATIONS = re.compile(r"[A-Z]{2,}s")
_ADDED_BY_GIT = re.compile(r"^(?:index [0-9a-f]+\.\..*|@@ [^@]*@@|(?:dis)?similarity index .*|.*\bmode \d+)")


def write_message(files: Sequence[StagedFile], style: Style, ask: Ask) -> tuple[str, str]:
    """Return the message and, if it is not the model's, a remark explaining why (otherwise empty)."""
    context = _context(files, style)
    problem = "the model did not answer"
    for attempt in range(ATTEMPTS):
        task = _task(style) + (f" The last answer was refused because {problem}." if attempt else "")
        answer = ask(task, context)
        if not answer.strip():
            break
        message = tidied(answer)
        problem = fault_of(message, files, style)
        if not problem:
            return message, ""
    return plain_message(files, style), problem


def tidied(answer: str) -> str:
    """Return the model's answer as a commit message: no fences or labels, body wrapped."""
    lines = [line.rstrip() for line in answer.strip().splitlines() if not line.strip().startswith("```")]
    lines = lines[next((number for number, line in enumerate(lines) if line.strip()), 0) :]
    if not lines:
        return ""
    subject = re.sub(r"^(?:commit message|subject|title):\s*", "", lines[0], flags=re.IGNORECASE)
    subject = subject.strip().strip('`"*# ').rstrip(".")
    body = "\n".join(lines[1:]).strip()
    wrapped = [
        line if len(line) <= LONGEST_SUBJECT else textwrap.fill(line, LONGEST_SUBJECT, break_long_words=False)
        for line in body.splitlines()
    ]
    return "\n\n".join(filter(None, (subject, "\n".join(wrapped[:MOST_BODY_LINES]))))


def fault_of(message: str, files: Sequence[StagedFile], style: Style) -> str:
    """Return what is wrong with a message; empty if nothing is."""
    subject = message.split("\n", 1)[0]
    text = message.replace("\n", "")
    if not subject or in_line(text) != text:
        return "it contains control characters" if subject else "it is empty"
    if len(subject) > LONGEST_SUBJECT:
        return f"its first line has {len(subject)} characters, more than {LONGEST_SUBJECT}"
    found = CONVENTIONAL.fullmatch(subject)
    if style.conventional and (found is None or found["type"] not in style.types):
        return f"its first line does not start with one of {', '.join(style.types)} and a colon"
    if unnamed := _unnamed_path(message, files):
        return f"the file was renamed, but the message does not mention {unnamed}"
    if missing := foreign_names(message, files, style):
        return f"it names {missing[0]}, which does not occur in the change"
    return ""


def foreign_names(message: str, files: Sequence[StagedFile], style: Style) -> list[str]:
    """Return the files and names that appear in a message but not in its change."""
    known = "\n".join(
        f"{file.shown}\n{file.shown_before}\n{_content(file.patch)}" for file in files
    ).casefold()
    scope = None
    if style.conventional:
        # The type comes from the style; a scope must occur in the change.
        found = CONVENTIONAL.match(message)
        scope = found["scope"] if found is not None else None
        message = re.sub(r"^[a-z]+(?:\([^()]*\))?!?", "", message)
    named = [*filter(None, [scope])]
    named += [quoted[1].strip() for quoted in _QUOTED.finditer(message)]
    named += [
        word for each in _WORD.findall(message) if _NAME.fullmatch(word := each.strip(".*").rstrip("-"))
    ]
    if not style.capitalises:
        named += proper_nouns(message)
    counted = {str(len(files)), *(str(n) for file in files for n in (file.added, file.removed) if n)}
    unknown = (name for name in dict.fromkeys(named) if name and not _occurs(name, known))
    return [name for name in unknown if name not in counted]


def _content(patch: str) -> str:
    """Return a patch without the hashes, modes and line numbers that git adds to the change."""
    lines = (
        line if line.startswith(("+", "-", " ")) else _ADDED_BY_GIT.sub("", line)
        for line in patch.split("\n")
    )
    return "\n".join(lines)


def _occurs(name: str, known: str) -> bool:
    """Return whether a name stands in the text, not as a piece of a longer name or number."""
    plural = "s?" if _ABBREVIATIONS.fullmatch(name) else ""
    name = name.removesuffix("s").casefold() if plural else name.casefold()
    before = r"(?<!\w)" if name[0].isalnum() or name[0] == "_" else ""
    after = r"(?!\w)" if name[-1].isalnum() or name[-1] == "_" else ""
    if name[0].isdigit():
        before += r"(?<!\d[.,])"
    if name[-1].isdigit():
        after += r"(?![.,]\d)"
    return re.search(f"{before}{re.escape(name)}{plural}{after}", known) is not None


def plain_message(files: Sequence[StagedFile], style: Style) -> str:
    """Return a message built only from the file names."""
    counts = Counter(file.status for file in files)
    status = counts.most_common(1)[0][0] if len(counts) == 1 else "M"
    first = files[0]
    name = PurePosixPath(first.shown).name
    if len(files) == 1 and first.status == "R":
        what = f"{PurePosixPath(first.shown_before).name} to {name}"
    elif len(files) == 1:
        what = name
    else:
        folder = _common_folder(files)
        what = f"{len(files)} files in {folder}" if folder else f"{name} and {len(files) - 1} other files"
        what = what.replace(" 1 other files", " 1 other file")
    verb = _VERBS.get(status, "Update")
    if not style.conventional:
        return _cut(f"{verb} {what}")
    return _cut(f"{_plain_type(files, style)}: {verb.lower()} {what}")


def _task(style: Style) -> str:
    form = (
        f"Start the first line with one of {', '.join(style.types)}, an optional (scope) and a colon."
        if style.conventional
        else "Write the first line as an imperative sentence without a full stop."
    )
    body = (
        "Then write a blank line and a short body with the change and, if the diff shows it, the reason."
        if style.has_body
        else "Write only that one line."
    )
    return (
        f"Write the git commit message of this change. {form} At most {LONGEST_SUBJECT} characters. {body} "
        "Write in the language and style of the repository's last messages. Name only files and names "
        "that the change contains."
    )


def _context(files: Sequence[StagedFile], style: Style) -> str:
    examples = "\n".join(style.examples) or "(none yet)"
    listed = "\n".join(_line(file) for file in files[:MOST_LISTED])
    if len(files) > MOST_LISTED:
        listed += f"\n… and {len(files) - MOST_LISTED} more files"
    parts = [f"The repository's last messages:\n{examples}", f"Changed files:\n{listed}"]
    room = MOST_CONTEXT - sum(map(len, parts))
    patches = [file.patch for file in files if file.patch and file.added is not None][:MOST_LISTED]
    for number, patch in enumerate(sorted(patches, key=len)):
        share = max(0, room // (len(patches) - number))
        part = patch if len(patch) <= share else patch[:share].rpartition("\n")[0]
        parts.append(part)
        room -= len(part)
    return "\n\n".join(part for part in parts if part)


def _line(file: StagedFile) -> str:
    size = "binary" if file.added is None else f"+{file.added} -{file.removed}"
    path = f"{file.shown_before} -> {file.shown}" if file.before else file.shown
    return f"{_STATES.get(file.status, file.status)}: {path} ({size})"


def _unnamed_path(message: str, files: Sequence[StagedFile]) -> str:
    """Return the old or new name of a single renamed file if the message lacks it; empty if it has both.

    Small models describe such a file as added.
    """
    if len(files) != 1 or files[0].status != "R":
        return ""
    names = [PurePosixPath(path).stem for path in (files[0].shown_before, files[0].shown)]
    found = (re.search(rf"(?<!\w){re.escape(name)}(?!\w)", message, re.IGNORECASE) for name in names)
    return next((name for name, match in zip(names, found, strict=True) if match is None), "")


def _common_folder(files: Sequence[StagedFile]) -> str:
    folders = [PurePosixPath(file.shown).parts[:-1] for file in files]
    shared = folders[0]
    for each in folders[1:]:
        same = sum(1 for _ in _same_head(shared, each))
        shared = shared[:same]
    return "/".join(shared)


def _same_head(one: Sequence[str], other: Sequence[str]) -> list[str]:
    head: list[str] = []
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        head.append(left)
    return head


def _plain_type(files: Sequence[StagedFile], style: Style) -> str:
    """Return a type that the repository uses and that the file names imply."""
    paths = [PurePosixPath(file.shown) for file in files]
    wanted = "chore"
    if all(path.suffix in _DOCUMENTS for path in paths):
        wanted = "docs"
    elif all("test" in path.as_posix().lower() for path in paths):
        wanted = "test"
    elif all(file.status == "A" for file in files):
        wanted = "feat"
    return next((each for each in (wanted, "chore", *style.types) if each in style.types), style.types[0])


def _cut(subject: str) -> str:
    return subject if len(subject) <= LONGEST_SUBJECT else subject[: LONGEST_SUBJECT - 1].rstrip() + "…"
