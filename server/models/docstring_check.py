"""Checks an answer that adds a docstring to a function: the code must not change."""

import ast


def docstring_error(original: str, answer: str) -> str:
    """Return what is wrong with an answer (changed code, or no docstring); empty if it is right."""
    try:
        before, after = ast.parse(original), ast.parse(answer)
    except (SyntaxError, ValueError, RecursionError) as error:
        return f"does not parse: {error}"[:200]
    functions = [each for each in after.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    wanted = before.body[0]
    if len(functions) != 1 or len(after.body) != 1:
        return "not exactly the function"
    if not (ast.get_docstring(functions[0]) or "").strip():
        return "no docstring"
    return "" if _without_docstring(functions[0]) == _without_docstring(wanted) else "changes the code"


def _without_docstring(node: ast.stmt) -> str:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node) is not None:
        node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(node)
