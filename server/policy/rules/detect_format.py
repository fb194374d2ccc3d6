"""Detects a policy file's format from its keys.

A tool with ``rules`` is in Intercept's format; a tool with ``require``, ``deny_if`` or ``limits``, or a
top-level ``all_tools``, is in PolicyLayer's. A file with keys from both formats, or from neither, is an
error. If no tool has any content (``tools: {}``), the two formats are equivalent.
"""

from server.policy.rules.document import Located, Mapping, broken, parse_document
from server.policy.rules.parse_intercept import parse_intercept
from server.policy.rules.parse_policylayer import parse_policylayer
from server.policy.values import Policy

_POLICYLAYER_KEYS = frozenset({"require", "deny_if", "limits"})


def parse_policy(text: str, name: str) -> Policy:
    """Parse the text of a policy file. ``name`` is the file's name, for errors.

    Raises:
        SettingsError: the format is unknown, or the text violates it. The message gives the line.
    """
    document = parse_document(text, name)
    intercept, policylayer = _marks(document)
    if intercept and policylayer:
        raise broken(
            name,
            max(intercept, policylayer),
            "the file mixes Intercept's rules with PolicyLayer's require, deny_if and limits",
        )
    if policylayer or (not intercept and text.lstrip("\ufeff \t\r\n").startswith("{")):
        return parse_policylayer(document, name)
    return parse_intercept(document, name)


def _marks(document: Located) -> tuple[int, int]:
    """Return the first line with Intercept keys and the first line with PolicyLayer keys; 0 if there is
    none.
    """
    intercept = policylayer = 0
    if not isinstance(document, Mapping):
        return 0, 0
    policylayer = document.key_lines.get("all_tools", 0)
    intercept = document.key_lines.get("description", 0)
    tools = document.entries.get("tools")
    for entry in tools.entries.values() if isinstance(tools, Mapping) else ():
        if isinstance(entry, Mapping):
            intercept = intercept or entry.key_lines.get("rules", 0)
            for key in _POLICYLAYER_KEYS:
                policylayer = policylayer or entry.key_lines.get(key, 0)
    return intercept, policylayer
