"""Each API as its owner documents it, by its preset or declared: every record, exact content, each request as
documented.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.presets.apis import CASES, EXPORTS, SIZE
from tests.presets.others import OTHERS
from tests.presets.play import imported, rows_of, with_ids
from tests.presets.stub import Stub

pytestmark = pytest.mark.matrix

ALL = {**CASES, **OTHERS, **EXPORTS}


@pytest.mark.parametrize("name", ALL)
def test_as_documented(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages in order, each item once, nothing else; the items as they are, in the order of the list."""
    case = ALL[name]()
    stub = Stub(case.answers)
    settings = {"preset": case.preset, "url": case.url, "detail": True, **case.settings}
    for variable, value in case.variables.items():
        monkeypatch.setenv(variable, value)
    if case.sized:
        settings["per_page"] = SIZE
    if case.key is not None:
        monkeypatch.setenv("KEY", case.key)
        settings["token_env"] = "KEY"
    run = imported(stub, tmp_path, monkeypatch, **settings)
    lines = [asked.line for asked in stub.asked]
    assert (run.status, run.failed()) == ("complete", [])
    assert [line for line in lines if line not in case.items] == case.pages
    assert sorted(line for line in lines if line in case.items) == sorted(case.items)
    assert rows_of(run) == with_ids(case.rows)
