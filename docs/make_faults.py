"""Write docs/faults.md from the names and docstrings of the tests in tests/faults: what goes wrong, what happens then.

python docs/make_faults.py
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "faults.md"
# In the order of the page.
ROOMS = ("servers", "refusals", "network", "disk", "description", "kill", "power", "secrets", "input")

HEAD = """# What goes wrong, and what happens then

Each line below is a test: its name says what goes wrong, and its docstring what happens then. Nearly all of these tests
are whole imports, against the test API or a server of a few lines, over real sockets and files. "Resumed" means that
`python -m harness resume` was called afterwards.

`docs/make_faults.py` makes this page from the tests in `tests/faults`. After changing a test, run it again.
"""


def page() -> str:
    """Return the whole page."""
    return HEAD + "".join(_room(ROOT / "tests" / "faults" / f"test_{name}.py") for name in ROOMS)


def _room(path: Path) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    title, _, about = (ast.get_docstring(tree) or "").partition("\n\n")
    tests = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    rows = [_row(test) for test in tests if test.name.startswith("test_")]
    link = f"[tests/faults/{path.name}](../tests/faults/{path.name})"
    words = " ".join(about.split())
    return f"\n## {title}\n\n{words} {link}\n\n| what goes wrong | what happens |\n|---|---|\n" + "".join(rows)


def _row(test: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    what = test.name.removeprefix("test_").replace("_", " ")
    happens = " ".join((ast.get_docstring(test) or "").split()).replace("|", "\\|")
    happens = re.sub(r"^[A-Z]\d+: (.)", lambda case: case[1].upper(), happens)  # a case's number is for maintainers
    return f"| {what} | {happens} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
