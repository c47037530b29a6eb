"""The report from a run's files, and a browser for it where there is one."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.config import ImportConfig
from harness.lab.experiment import simulate_run
from harness.record.run import find_run
from harness.reporting import open_page, report_of


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    simulate_run(ImportConfig(items=30, limit="30/1s", run="one"), results=folder)
    return folder


def test_without_a_display_no_browser_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text browser would take over the terminal. With a display, or on a Mac, the page is opened by its address."""
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or True)
    page = tmp_path / "a page.html"
    assert not open_page(page, {}, "linux")
    assert opened == []
    assert open_page(page, {"DISPLAY": ":0"}, "linux")
    assert open_page(page, {}, "darwin")
    assert opened == [page.as_uri()] * 2

    def none(url: str) -> bool:
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "open", none)
    assert not open_page(page, {"DISPLAY": ":0"}, "linux")


def test_report_open_says_where_the_file_is_where_there_is_no_browser(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page is written all the same, and the exit is 0; the board gets the same page from its function."""
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("harness.reporting.utc_s", lambda: 1_800_000_000.0)
    page = tmp_path / "one.html"
    with pytest.raises(SystemExit) as ended:
        main(["report", "--open", "--results", str(results), "-o", str(page)])
    assert ended.value.code == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"report    {page}\n")
    assert said.err == f"no browser was found here; open this file in one: {page}\n"
    assert report_of([find_run(results, "one")]).html == page.read_text()
