"""The panel without a browser: what its buttons do, what it says, and what it does when it is asked for too much."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from harness_test_api import ServerConfig, running_in_thread

from harness import open_run
from harness.notebook.controller import Controller
from harness.notebook.policy import WATCH
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.realtime


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A test API that never refuses, of 300 items, of which a few are gone."""
    settings = {"items": 300, "limit": "100000/1s", "latency": "5ms", "fault": "404:items=3,70:route=item"}
    with running_in_thread(ServerConfig.from_mapping(settings)) as api:
        yield api.url


def controller(results: Path, **settings: Any) -> Controller:
    panel = Controller({"limit": "1000/1s", "run": "r", **settings}, results)
    panel.tick()
    return panel


def until(true: Callable[[], bool], *ticks: Callable[[], object]) -> None:
    """Tick until something is so."""
    pause = threading.Event()
    for _ in range(20 * PATIENCE_S):
        for tick in ticks:
            tick()
        if true():
            return
        pause.wait(0.05)
    raise AssertionError(f"not within {PATIENCE_S} s")


def press(panel: Controller, name: str, **more: Any) -> None:
    assert name in panel.enabled, f"{name} is not to be pressed: {sorted(panel.enabled)}"
    panel.hear({"do": name, **more})


def note(panel: Controller) -> str:
    """What the board says, after a tick."""
    panel.tick()
    return str(panel.widget.note[0])


def is_over(panel: Controller) -> bool:
    """The import that is shown has ended, and the board says how."""
    return panel._ended is panel.import_ and panel.shown is not None and not panel.shown.status.is_open


def test_an_import_from_start_to_end(url: str, tmp_path: Path) -> None:
    """Start, pause, more workers, another limit, resume, the end: controls follow, and the figures are the files'."""
    panel = controller(tmp_path, url=url, limit="30/1s", items="")
    assert panel.enabled == {"start"}
    assert panel.widget.form_open > 0  # there is nothing to see yet
    press(panel, "start")
    panel.tick()
    assert panel.widget.form_open < 0
    assert "start" not in panel.enabled
    until(lambda: panel.shown is not None and panel.shown.summary.imported > 20, panel.tick)
    press(panel, "pause")
    until(lambda: panel.enabled >= {"resume", "stop", "set"}, panel.tick)
    press(panel, "set", workers="23")
    press(panel, "set", limit="2000/1s")
    until(lambda: panel.shown is not None and panel.shown.summary.limits == "2000/1s", panel.tick)
    assert panel.widget.steering == {"workers": 23, "limit": "2000/1s"}
    press(panel, "resume")
    until(lambda: is_over(panel), panel.tick)
    run = open_run("r", tmp_path)
    figures = run.summary()
    assert figures is not None
    assert panel.shown is not None
    assert json.loads(json.dumps(panel.shown.summary.as_dict())) == figures
    assert (figures["workers"], figures["limits"], figures["status"]) == (23, "2000/1s", "complete with failures")
    assert [change[1:] for change in panel.widget.timeline["changes"]] == [("workers", "23"), ("limits", "2000/1s")]
    assert f"{figures['imported']} of 300 items" in note(panel)
    assert "items.parquet" in note(panel)
    assert panel.enabled == {"start", "retry", "forget"}


def test_failures_are_grouped_and_some_are_retried_others_accepted(url: str, tmp_path: Path) -> None:
    """Of a run that has ended: what was chosen and no more; every view says the same of it afterwards."""
    panel = controller(tmp_path, url=url)
    press(panel, "start")
    until(lambda: is_over(panel), panel.tick)
    (group,) = panel.widget.failures
    assert (group["title"], group["acts"], group["names"]) == ("2 × 404", True, [])
    panel.hear({"do": "open", "keys": [group["key"], 7]})
    panel.tick()
    assert sorted(name for _, name, _ in panel.widget.failures[0]["names"]) == ["3", "70"]
    watching = Controller({}, tmp_path, WATCH)  # nobody hears which group somebody opens there
    until(lambda: bool(watching.widget.failures), watching.tick)
    assert sorted(name for _, name, _ in watching.widget.failures[0]["names"]) == ["3", "70"]

    for gone in ({"group": group["key"], "names": ["71"]}, {"group": "404"}):
        panel.hear({"do": "retry", **gone})
        assert note(panel) == "what was chosen is no longer failed: look at the failures again"
    assert not panel.at_work
    press(panel, "forget", group=group["key"], names=["70", "nine"])
    until(lambda: is_over(panel) and panel.shown is not None and panel.shown.summary.forgotten == 1, panel.tick)
    assert "1 failure accepted" in note(panel)
    run = open_run("r", tmp_path)
    assert (run.summary() or {})["failed"] == 1
    assert [failure.item for failure in run.failed()] == [3]
    assert panel.widget.failures[0]["title"] == "1 × 404"
    assert "1 failed" in panel.widget.parts["bar"]

    press(panel, "retry", group=group["key"], names=None)
    until(lambda: is_over(panel) and panel.shown is not None and panel.shown.summary.sessions == 2, panel.tick)
    retried = [row for row in run.events().to_pylist() if row["event"] == "Retried"]
    assert [row["key"] for row in retried] == ["3"]
    press(panel, "forget")
    until(lambda: is_over(panel) and panel.shown is not None and panel.shown.status == "complete", panel.tick)
    assert (run.status, panel.widget.failures) == ("complete", [])
    panel.tick()
    assert panel.enabled == {"start"}


def test_what_is_wrong_is_said_and_nothing_happens(tmp_path: Path) -> None:
    """A setting that cannot be used is refused in the words of the command line; so is one of an import under way."""
    panel = controller(tmp_path / "results", items="-1")
    press(panel, "start")
    assert "--items must be at least 0, not -1" in note(panel)
    assert panel.widget.note[1] is True
    assert not (tmp_path / "results").exists()
    for said, words in (
        ({"limit": "many"}, "many"),
        ({"workers": "many"}, "workers must be a number from 1 to 1000, not 'many'"),
    ):
        panel.hear({"do": "set", **said})
        assert words in note(panel)
    answered = panel.widget.answers
    panel.hear({"do": "set", "workers": "many"})
    panel.hear({"do": "nothing that is known"})
    panel.hear({})
    assert words in note(panel)
    assert panel.widget.answers == answered + 1  # the same words again, and yet the browser gets an answer


def test_a_page_to_look_at_hears_nothing(tmp_path: Path) -> None:
    """Whatever a browser sends: no handler listens."""
    panel = Controller({"items": 5, "run": "r"}, tmp_path, WATCH)
    panel.widget._handle_custom_msg({"do": "start"}, [])
    panel.tick()
    assert panel.widget.steers is False
    assert not panel.at_work
    assert list(tmp_path.iterdir()) == []
    heard = Controller({"items": 5, "run": "r"}, tmp_path)
    heard.widget._handle_custom_msg({"do": "start"}, [])
    until(lambda: is_over(heard), heard.tick)
    assert open_run("r", tmp_path).status == "complete"


def test_a_known_api_is_chosen_in_the_form(tmp_path: Path) -> None:
    """What was filled in for the test API is taken back; the documented limits are shown, and rehearsed."""
    panel = Controller({"items": 40, "limit": "1000/1s", "run": "r"}, tmp_path)
    panel.tick()
    (preset,) = [field for field in panel.widget.fields if field["name"] == "preset"]
    assert [value for value, _ in preset["options"]][:2] == ["", "airtable"]
    panel.hear({"do": "type", "name": "preset", "value": "stripe"})
    panel.tick()
    assert panel.widget.typed["limit"] == ""
    assert "documented: 100/s+list=25/s+item=25/s" in panel.widget.hints["limit"]
    press(panel, "start", typed={"run": "r2", "nonsense": 1})
    until(lambda: is_over(panel), panel.tick)
    run = open_run("r2", tmp_path)
    assert (run.status, run.items().num_rows) == ("complete", 40)
    assert run.about["config"]["preset"] == "stripe"
    assert str(run.items().column("id")[0]).startswith("ch_")
    assert "stripe, test API" in panel.widget.parts["head"]


def test_a_settings_file_is_named_in_the_form(url: str, tmp_path: Path) -> None:
    """As `check --save` wrote it; what the form says besides wins. One that cannot be used is a sentence."""
    file = tmp_path / "orders.toml"
    file.write_text(f'[source]\n[[resource]]\nurl = "{url}"\npaging = {{type = "page"}}\n')
    panel = Controller({"source": file, "items": 5, "run": "r", "limit": "1000/1s"}, tmp_path / "results")
    panel.tick()
    assert panel.form.values() == {
        **{"source": str(file), "max_items": "5", "run": "r"},
        **{"limit": "1000/1s", "workers": "10"},
    }
    press(panel, "start")
    until(lambda: is_over(panel), panel.tick)
    assert open_run("r", tmp_path / "results").items().num_rows == 4  # item 3 is gone
    for text, sentence in (
        ("[source]\n[[resource]]\nurll = 1\n", "unknown setting 'urll' in [[resource]] in"),
        ("[source\n", "is not TOML"),
    ):
        file.write_text(text)
        panel.start()
        assert sentence in note(panel)
    panel.form.type("source", "no.toml")
    panel.start()
    assert "no.toml cannot be read (No such file or directory)" in note(panel)


def test_an_import_that_fails_says_why(url: str, tmp_path: Path) -> None:
    """The reason stands on the board and in the run's files, and another import can be started."""
    panel = controller(tmp_path, url=f"{url}/17")
    press(panel, "start")
    until(lambda: not panel.busy and "start" in panel.enabled and bool(panel.widget.note[0]), panel.tick)
    reason = open_run("r", tmp_path).about["reason"]
    assert reason
    assert reason.partition("'")[0] in note(panel) + str(panel.widget.parts)
    assert open_run("r", tmp_path).status == "failed"


def test_one_import_at_a_time_and_another_kernel_goes_on(url: str, tmp_path: Path) -> None:
    """A second start is refused; the next board tells of an import that was stopped, and Resume finishes it."""
    panel = controller(tmp_path, url=url, limit="30/1s")
    press(panel, "start")
    panel.start()
    assert "already running here" in note(panel)
    until(lambda: panel.shown is not None and panel.shown.summary.imported > 20, panel.tick)
    press(panel, "stop")
    until(lambda: is_over(panel), panel.tick)
    again = Controller({}, tmp_path)
    assert "The last import, r, was stopped" in note(again)
    until(lambda: "resume" in again.enabled, again.tick)
    assert again.widget.form_open == 0
    press(again, "resume")
    until(lambda: again.at_work, again.tick)
    until(lambda: is_over(again), again.tick)
    run = open_run("r", tmp_path)
    assert run.state().imported + run.state().failed == 300
    assert (run.summary() or {})["sessions"] == 2
    assert len(again.widget.timeline["sessions"]) == 1


@contextmanager
def elsewhere(url: str, results: Path, name: str, limit: str) -> Iterator[subprocess.Popen[bytes]]:
    """A terminal that imports."""
    command = [sys.executable, "-m", "harness", "import", "--url", url, "--limit", limit, "--quiet"]
    process = subprocess.Popen([*command, "--results", str(results), "--run", name])
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def test_the_board_follows_the_newest_import_until_another_run_is_chosen(url: str, tmp_path: Path) -> None:
    """One that a terminal begins later is shown and steered; a run that is chosen stays; then it follows again."""
    panel = controller(tmp_path, url=url, run="first")
    press(panel, "start")
    until(lambda: is_over(panel), panel.tick)
    with elsewhere(url, tmp_path, "later", "25/1s") as other:
        until(lambda: panel.shown is not None and panel.shown.run == "later", panel.tick)
        until(lambda: panel.shown is not None and panel.shown.summary.imported > 20, panel.tick)
        assert panel.enabled >= {"start", "pause", "stop", "set"}
        assert panel.widget.parts["workers"]
        press(panel, "pause")
        until(lambda: "resume" in panel.enabled, panel.tick)
        press(panel, "set", workers="3")
        until(lambda: panel.widget.steering["workers"] == 3, panel.tick)

        panel.choose(open_run("first", tmp_path))
        until(lambda: panel.shown is not None and panel.shown.run == "first", panel.tick)
        until(lambda: panel.widget.newest == "later", panel.tick)
        assert panel.enabled == {"start", "retry", "forget"}
        panel.hear({"do": "follow"})
        until(lambda: panel.shown is not None and panel.shown.run == "later", panel.tick)
        panel.tick()
        assert (panel.chosen, panel.widget.newest) == (None, "")
        press(panel, "resume")
        until(lambda: "pause" in panel.enabled, panel.tick)
        press(panel, "stop")
        other.wait(PATIENCE_S)
    until(lambda: is_over(panel) and "resume" in panel.enabled, panel.tick)
    assert panel.enabled >= {"start", "resume"}
    assert open_run("later", tmp_path).status == "stopped"
    assert "stopped" in note(panel)


def test_a_board_that_opens_beside_an_import_shows_it(url: str, tmp_path: Path) -> None:
    """At once, and whoever resumes a run in a terminal brings it back on the board."""
    with elsewhere(url, tmp_path, "r", "25/1s"):
        until(lambda: (tmp_path / "r" / "live.json").exists())
        panel = Controller({}, tmp_path)
        assert "r is being imported by another process" in note(panel)
        until(lambda: panel.shown is not None and panel.shown.summary.imported > 20, panel.tick)
    until(lambda: is_over(panel), panel.tick)
    assert panel.shown is not None
    before = panel.shown.summary.imported
    resume = [
        sys.executable,
        "-m",
        "harness",
        "resume",
        "r",
        "--results",
        str(tmp_path),
        "--limit",
        "200/1s",
        "--quiet",
    ]
    with subprocess.Popen(resume) as other:
        until(lambda: panel.shown is not None and panel.shown.summary.imported > before, panel.tick)
        other.wait(PATIENCE_S)
    until(lambda: is_over(panel) and panel.shown is not None and panel.shown.summary.failed == 2, panel.tick)
    assert [change[1:] for change in panel.widget.timeline["changes"]] == [("limits", "200/1s")]


def test_a_run_that_is_cloned_opens_the_form(tmp_path: Path) -> None:
    """With its settings and no others."""
    panel = controller(tmp_path, latency="9s")
    before = panel.widget.form_open
    panel.open_form({"url": "https://api.example.com/x", "workers": 3, "page_param": "p"})
    panel.tick()
    assert panel.widget.form_open > before
    assert panel.widget.also == "Also: page-param p"
    assert panel.form.values() == {"url": "https://api.example.com/x", "workers": "3", "page_param": "p"}
    panel.hear({"do": "clear"})
    panel.tick()
    assert (panel.widget.also, panel.form.values()) == ("", {"workers": "10"})


def test_a_run_that_is_deleted_leaves_the_board(url: str, tmp_path: Path) -> None:
    """What is gone is not shown as if it were there, and nothing can be done with it."""
    panel = controller(tmp_path, url=url)
    press(panel, "start")
    until(lambda: is_over(panel), panel.tick)
    open_run("r", tmp_path).remove()
    until(lambda: panel.import_ is None, panel.tick)
    panel.tick()
    assert (panel.enabled, panel.shown, panel.widget.failures) == ({"start"}, None, [])
    assert "r" not in panel.widget.parts["head"].split()
