"""APIs that nothing here was written for: declared, every record; guessed, none lost where it says complete."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config import ImportConfig
from harness.errors import HarnessError
from harness.record.run import Run
from harness.settings import read_settings
from tests.presets.play import checked, imported, imported_by, rows_of
from tests.presets.stub import Stub
from tests.presets.unlisted import links, numbers, tokens  # noqa: F401 - they fill APIS
from tests.presets.unlisted.api import APIS, Row

pytestmark = pytest.mark.matrix


def holds(run: Run, wanted: list[Row]) -> bool:
    """Return whether the items are the rows, in order; a column `id` may have been added to each."""
    rows = rows_of(run)
    return len(rows) == len(wanted) and all(
        {name: value for name, value in row.items() if name != "id" or name in want} == want
        for row, want in zip(rows, wanted, strict=True)
    )


@pytest.mark.parametrize("name", APIS)
def test_it_is_imported_as_it_is_declared(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every record, exactly, in the order of the list."""
    api = APIS[name]()
    run = imported(Stub(api.answers), tmp_path, monkeypatch, url=api.url, **api.told)
    assert (run.status, holds(run, api.rows)) == ("complete", True)


@pytest.mark.parametrize("name", APIS)
def test_by_guessing_alone(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a guess can know, every record; elsewhere every record or not complete."""
    api = APIS[name]()
    try:
        run = imported(Stub(api.answers), tmp_path, monkeypatch, url=api.url)
    except HarnessError:
        assert not api.knows
        return
    if api.knows or run.status == "complete":
        assert run.status == "complete"
        assert holds(run, api.rows) or (api.listed is not None and holds(run, api.listed))


@pytest.mark.parametrize("name", APIS)
def test_what_check_saves_is_imported(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it says that a list can be imported, the file that it saves brings every record."""
    api = APIS[name]()
    try:
        found = checked(ImportConfig(url=api.url), Stub(api.answers), monkeypatch)
    except HarnessError:
        assert not api.knows
        return
    if found.problem:
        assert not api.knows
        return
    (tmp_path / "api.toml").write_text(found.toml)
    config = read_settings({"results": tmp_path / "results", "run": "r"}, tmp_path / "api.toml", {})
    run = imported_by(config, Stub(api.answers), monkeypatch)
    assert run.status == "complete"
    assert holds(run, api.rows) or (api.listed is not None and holds(run, api.listed))
