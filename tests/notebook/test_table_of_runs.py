"""The table of runs with what it can do, without a browser: the messages are those of its buttons."""

from __future__ import annotations

import csv
import io
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness_test_api import ServerConfig, running_in_thread

from harness import ImportConfig, open_run
from harness.lab.experiment import simulate_run
from harness.notebook.controller import Controller
from harness.notebook.table_of_runs import AllRuns
from harness.record.run import Run, find_run
from harness.record.tags import read_tags
from harness.reporting import report_of
from tests.notebook.test_controller import controller, is_over, press, until
from tests.views.panel.test_sections import words


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A test API that never refuses, of 300 items, of which a few are gone."""
    settings = {"items": 300, "limit": "100000/1s", "latency": "5ms", "fault": "404:items=3,70:route=item"}
    with running_in_thread(ServerConfig.from_mapping(settings)) as api:
        yield api.url


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of 40 items and one of 10, in virtual time."""
    results = tmp_path_factory.mktemp("made")
    for name, items, workers in (("one", 40, 3), ("two", 40, 9), ("small", 10, 3)):
        simulate_run(ImportConfig(run=name, items=items, workers=workers, limit="50/1s"), results=results)
    return results


@pytest.fixture
def results(made: Path, tmp_path: Path) -> Path:
    """Those runs, to do with them as one likes."""
    return Path(shutil.copytree(made, tmp_path / "results"))


def table(results: Path, **more: Any) -> AllRuns:
    runs = AllRuns(results, Controller({}, results), **more)
    runs.read_now()
    return runs


def choose(runs: AllRuns, *names: str) -> None:
    runs.table.chosen = list(names)
    runs.read_now()


def ask(runs: AllRuns, action: str, /, **more: Any) -> tuple[str, bool]:
    """As a button does with the runs that are chosen; returns what is said then."""
    runs.table._handle_custom_msg({"do": action, "names": list(runs.table.chosen), **more}, [])
    runs.read_now()
    text, bad = runs.table.said
    return text, bad


def names(runs: AllRuns) -> list[str]:
    return [row["name"] for row in runs.table.rows]


def test_several_runs_are_compared(results: Path) -> None:
    """Settings that differ first; best only among the two that did the same work."""
    runs = table(results)
    assert names(runs) == ["small", "two", "one"]
    choose(runs, "one")
    assert runs.table.enabled == ["clone", "tag", "download", "delete"]
    choose(runs, "one", "two")
    assert words(runs.table.compared).startswith("Compared one two workers 3 9 status")
    choose(runs, "one", "small")
    assert "(best)" not in runs.table.compared
    assert "number of items differs" in runs.table.compared
    choose(runs)
    assert runs.table.compared == ""


def test_the_table_is_the_switch_for_a_board(results: Path) -> None:
    """The board is told once of each run that is chosen alone, and of none when none or several are."""
    told: list[Run | None] = []
    runs = table(results, on_chosen=told.append)
    assert told == []
    for chosen in (["one"], ["one"], ["one", "two"], ["two"], []):
        choose(runs, *chosen)
    assert told == [Run(results / "one"), None, Run(results / "two"), None]


def test_a_filter_that_hides_the_chosen_run_takes_it_from_the_board(results: Path) -> None:
    """Nothing is acted on that is not to be seen."""
    told: list[Run | None] = []
    runs = table(results, on_chosen=told.append)
    choose(runs, "one")
    runs.table.text = "two"
    runs.read_now()
    assert (runs.chosen, runs.table.chosen, told[-1]) == ([], [], None)


def test_clone_hands_the_settings_to_the_form(results: Path) -> None:
    """All that the run was told, and nothing of its own: no name, no secret."""
    forms: list[dict[str, Any]] = []
    runs = table(results, open_form=forms.append)
    choose(runs, "two")
    assert ask(runs, "clone") == ("the form has the settings of two", False)
    (form,) = forms
    assert (form["items"], form["workers"], form["limit"], form["url"]) == (40, 9, "50/1s", None)
    assert not {"run", "results", "resume", "fresh", "header_names"} & form.keys()
    ImportConfig(**{name: value for name, value in form.items() if value is not None})  # it can be started with


def test_without_a_form_of_its_own_clone_opens_that_of_the_board(results: Path) -> None:
    """With the settings of the run, and none that were in the form."""
    board = Controller({"latency": "9s"}, results)
    runs = AllRuns(results, board)
    runs.read_now()
    choose(runs, "two")
    ask(runs, "clone")
    told = {"items": "40", "workers": "9", "limit": "50/1s", "latency": "lognormal:80ms"}
    assert board.form.values() == told


def test_tags_are_kept_in_the_runs_folders(results: Path) -> None:
    """They are there at the next look, are searched, and can be taken away; a bad one is said."""
    runs = table(results)
    choose(runs, "one", "two")
    assert ask(runs, "tag", add=["nightly", "x"]) == ("one, two: tagged nightly, x", False)
    ask(runs, "tag", remove=["x"])
    assert read_tags(results / "one") == read_tags(results / "two") == ("nightly",)
    runs.table.text = "nightly"
    runs.read_now()
    assert names(runs) == ["two", "one"]
    assert {row["cells"]["tags"] for row in runs.table.rows} == {"nightly"}
    text, bad = ask(runs, "tag", add=["a,b"])
    assert bad
    assert "cannot be a tag" in text
    _, bad = ask(runs, "tag", add=[3], remove="nightly")  # what no page of ours sends
    assert not bad
    assert read_tags(results / "one") == read_tags(results / "two") == ("nightly",)


def offered(runs: AllRuns, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that would be sent to the browser."""
    paths: list[Path] = []

    def offer(path: Path) -> str:
        paths.append(path)
        return f"{path.name} is sent"

    monkeypatch.setattr(runs._do, "_offer", offer)
    return paths


def test_downloads(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CSV, Parquet and a report of one run; of several one archive, or one report."""
    runs = table(results)
    paths = offered(runs, monkeypatch)
    choose(runs, "one")
    assert ask(runs, "download", what="csv") == ("one.csv is sent", False)
    ask(runs, "download", what="parquet")
    choose(runs, "one", "two")
    ask(runs, "download", what="csv")
    assert [path.name for path in paths] == ["one.csv", "one.parquet", "2-runs-csv.zip"]
    assert {path.parent for path in paths} == {results.parent / "exports"}
    with open(paths[0], newline="") as file:
        assert len(list(csv.DictReader(file))) == 40
    with zipfile.ZipFile(paths[2]) as archive:
        assert archive.namelist() == ["one.csv", "two.csv"]
        assert len(list(csv.DictReader(io.StringIO(archive.read("two.csv").decode())))) == 40
    text, bad = ask(runs, "download", what="exe")
    assert (bad, "unknown download 'exe'; use csv, parquet or report" in text) == (True, True)


@pytest.mark.slow
def test_a_report_is_downloaded(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page that `report` writes, to the byte, in one file."""
    monkeypatch.setattr("harness.reporting.utc_s", lambda: 1_800_000_000.0)
    runs = table(results)
    paths = offered(runs, monkeypatch)
    choose(runs, "one")
    ask(runs, "download", what="report")
    (page,) = paths
    assert page.name == "one-report.html"
    assert page.read_text() == report_of([find_run(results, "one")]).html


def test_safe_cells_are_for_csv(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The box says so for the file it is about, and for no other."""
    given: list[bool] = []
    monkeypatch.setattr(
        "harness.notebook.run_actions.export", lambda run, path, options: given.append(options.safe_cells)
    )
    runs = table(results)
    offered(runs, monkeypatch)
    choose(runs, "one")
    for what, safe in (("csv", True), ("csv", False), ("csv", "yes"), ("parquet", True)):
        ask(runs, "download", what=what, safe=safe)
    assert given == [True, False, False, False]


def test_delete(results: Path) -> None:
    """The runs that were asked about go, and no other."""
    runs = table(results)
    choose(runs, "one", "small")
    assert ask(runs, "delete") == ("deleted one, small", False)
    assert (names(runs), runs.table.chosen) == (["two"], [])
    assert not (results / "one").exists()


def test_a_run_under_way_is_not_deleted_nor_are_those_beside_it(results: Path) -> None:
    """Whatever the page believed: the lock says who runs."""
    runs = table(results)
    choose(runs, "one", "two")
    with Run(results / "two").locked():
        text, bad = ask(runs, "delete")
    assert (text, bad) == ("nothing was deleted: two still runs; stop it first", True)
    assert names(runs) == ["small", "two", "one"]


@pytest.mark.parametrize(
    "message",
    [
        {"do": "delete", "names": ["../outside"]},
        {"do": "delete", "names": ["nope", 3, None, {"a": 1}]},
        {"do": "delete", "names": "one"},
        {"do": "delete"},
        {"do": "format", "names": ["one"]},
        {"do": ["delete"], "names": ["one"]},
        {"do": "_report", "names": ["one"]},
        {"names": ["one"]},
        {},
    ],
)
def test_only_runs_of_the_table_and_its_own_actions_are_meant(message: dict[str, Any], results: Path) -> None:
    """A name is never a path, and what is no action does nothing."""
    outside = results.parent / "outside"
    shutil.copytree(results / "one", outside)
    runs = table(results)
    runs.table._handle_custom_msg(message, [])
    runs.read_now()
    assert (outside / "run.json").exists()
    assert names(runs) == ["small", "two", "one"]


def test_without_controls_nothing_is_obeyed(results: Path) -> None:
    """For people who only watch: neither with a controller nor without."""
    for runs in (AllRuns(results, Controller({}, results), controls=False), AllRuns(results)):
        runs.read_now()
        choose(runs, "one")
        assert [run.name for run in runs.chosen] == ["one"]
        for what in ("delete", "go on", "retry", "tag", "clone", "download", "stop"):
            ask(runs, what, add=["x"], what="csv")
        assert (results / "one").exists()
        assert read_tags(results / "one") == ()
        assert not (results.parent / "exports").exists()


def test_a_link_opens_its_run(results: Path) -> None:
    """As soon as it has been read; one that names none says so once."""
    runs = AllRuns(results, Controller({}, results))
    runs.table.linked = "one"
    runs.read_now()
    assert (runs.table.chosen, runs.table.linked) == (["one"], "")
    runs.table.linked = "nope"
    runs.read_now()
    assert runs.table.said == ["the address names run nope, and there is none of that name here", True]
    assert (runs.table.chosen, runs.table.linked) == (["one"], "")


@pytest.mark.realtime
def test_failed_items_are_retried_one_run_after_the_other(url: str, tmp_path: Path) -> None:
    """Both runs are gone on with here, the second when the first is over."""
    results = tmp_path / "results"
    panel = controller(results, url=url, run="")
    runs = AllRuns(results, panel)
    for name in ("one", "two"):
        panel.form.fill({"run": name, "items": 150})
        panel.tick()
        press(panel, "start")
        until(lambda: is_over(panel), panel.tick)
    runs.read_now()
    choose(runs, "one", "two")
    assert "retry" in runs.table.enabled
    ask(runs, "retry")

    def retried(name: str) -> bool:
        return "Retried" in open_run(name, results).events().column("event").to_pylist()

    until(lambda: retried("one") and retried("two"), panel.tick, runs.go_on_with_next)
    until(lambda: is_over(panel), panel.tick)
