"""Each API of the presets, as its owner documents it: every record, exact content, each request as documented."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.presets.apis import CASES, SIZE
from tests.presets.play import imported, rows_of
from tests.presets.stub import Stub


@pytest.mark.parametrize("name", CASES)
def test_with_the_preset(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages in order, each item once, nothing else; the items as they are, in the order of the list."""
    case = CASES[name]()
    stub = Stub(case.answers)
    settings = {"preset": case.preset, "url": case.url, "detail": True, **case.settings}
    if case.sized:
        settings["per_page"] = SIZE
    if case.key is not None:
        monkeypatch.setenv("KEY", case.key)
        settings["token_env"] = "KEY"
    run = imported(stub, tmp_path, monkeypatch, **settings)
    lines = [asked.line for asked in stub.asked]
    assert (run.status, run.summary().failed) == ("complete", 0)
    assert [line for line in lines if line not in case.items] == case.pages
    assert sorted(line for line in lines if line in case.items) == sorted(case.items)
    assert rows_of(run) == case.rows
