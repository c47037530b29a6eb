"""docs/faults.md says what the tests here promise, as they promise it now."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_the_tests_say() -> None:
    """Made again it is the same; and no file of tests here is left out of it."""
    spec = importlib.util.spec_from_file_location("make_faults", ROOT / "docs" / "make_faults.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    assert (ROOT / "docs" / "faults.md").read_text(encoding="utf-8") == made.page(), "run python docs/make_faults.py"
    files = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")}
    assert files == {*made.ROOMS, "page"}
    assert "| |" not in made.page().replace("|  |", "| |")  # every test says what it promises
