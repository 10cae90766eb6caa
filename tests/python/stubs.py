"""Editors show the docstrings of the type stubs, so the stubs have those of the compiled module."""

import ast
import inspect


def documented(stubs, module):
    """The text of the stubs with the module's docstrings, whatever docstrings it had."""
    lines = without_docstrings(stubs)
    for node, thing in reversed(list(definitions(ast.parse("\n".join(lines)), module))):  # bottom up: line numbers stay true
        first = node.body[0]
        at = min([first.lineno, *(decorator.lineno for decorator in getattr(first, "decorator_list", []))]) - 1
        if lines[at].endswith(": ..."):
            lines[at] = lines[at][: -len(" ...")]
            at += 1
        lines[at:at] = quoted(inspect.getdoc(thing), " " * (node.col_offset + 4))
    return "\n".join(lines) + "\n"


def without_docstrings(stubs):
    lines = stubs.splitlines()
    for node, _ in reversed(list(definitions(ast.parse(stubs), None))):
        if ast.get_docstring(node) is not None:
            docstring = node.body[0]
            del lines[docstring.lineno - 1 : docstring.end_lineno]
            if len(node.body) == 1:
                lines[docstring.lineno - 2] += " ..."
    return lines


def definitions(node, thing):
    """The public classes, functions, methods and properties below a node, each with what the module has under that name."""
    seen = set()
    for child in node.body:
        if isinstance(child, (ast.ClassDef, ast.FunctionDef)) and not child.name.startswith("_") and child.name not in seen:
            seen.add(child.name)  # the first overload, and the getter, speak for all
            named = getattr(thing, child.name, None)
            yield child, named
            if isinstance(child, ast.ClassDef):
                yield from definitions(child, named)


def quoted(text, indent):
    begin = 'r"""' if "\\" in text else '"""'
    lines = (begin + text).splitlines()
    if len(lines) == 1:
        lines[0] += '"""'
    else:
        lines.append('"""')
    return [(indent + line).rstrip() for line in lines]
