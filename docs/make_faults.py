"""Writes docs/faults.md from the names and first sentences of the tests in tests/faults: what goes wrong, what happens.

python docs/make_faults.py
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "faults.md"
# In the order in which a reader meets them.
ROOMS = ("servers", "refusals", "network", "disk", "description", "kill", "power", "secrets", "input")

HEAD = """# What goes wrong, and what happens then

Made by `docs/make_faults.py` from the tests in `tests/faults`: each line is the name of a test and what it promises.
Nearly all are whole imports, against the test API or a server of a few lines, over real sockets and files. Change a
test, and make this page again.
"""


def page() -> str:
    """The whole page."""
    return HEAD + "".join(_room(ROOT / "tests" / "faults" / f"test_{name}.py") for name in ROOMS)


def _room(path: Path) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    title, _, about = (ast.get_docstring(tree) or "").partition("\n\n")
    tests = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    rows = [_row(test) for test in tests if test.name.startswith("test_")]
    link = f"[tests/faults/{path.name}](../tests/faults/{path.name})"
    words = " ".join(about.split())
    return f"\n## {title}\n\n{words} {link}\n\n| what | what happens |\n|---|---|\n" + "".join(rows)


def _row(test: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    what = test.name.removeprefix("test_").replace("_", " ")
    happens = " ".join((ast.get_docstring(test) or "").split()).replace("|", "\\|")
    return f"| {what} | {happens} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
