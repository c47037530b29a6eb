"""The panel without a browser: what its buttons do, what it says, and what it does when it is asked for too much."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness_test_api import ServerConfig, running_in_thread

from harness import open_run
from harness.notebook.controller import Controller
from harness.views.panel.html import esc
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.realtime


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A test API that never refuses, of 300 items, of which a few are gone."""
    settings = {"items": 300, "limit": "100000/1s", "latency": "5ms", "fault": "404:items=3,70:route=item"}
    with running_in_thread(ServerConfig.from_mapping(settings)) as api:
        yield api.url


def controller(results: Path, **settings: Any) -> Controller:
    return Controller({"limit": "1000/1s", "run": "r", **settings}, results)


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


def press(panel: Controller, name: str) -> None:
    button = panel.controls.buttons[name]
    assert not button.disabled, f"{name} is not to be pressed"
    button.click()


def test_an_import_from_start_to_end(url: str, tmp_path: Path) -> None:
    """Start, pause, more workers, another limit, resume, the end: buttons follow, and the figures are the files'."""
    panel = controller(tmp_path, url=url, limit="30/1s", items="")
    panel.tick()
    assert panel.controls.enabled == {"start"}
    press(panel, "start")
    until(lambda: panel.shown is not None and panel.shown.summary.imported > 20, panel.tick)
    press(panel, "pause")
    until(lambda: panel.controls.enabled == {"resume", "stop", "apply", "retry"}, panel.tick)
    panel.controls.workers.value = 23
    panel.controls.limit.value = "2000/1s"
    panel.controls.apply.click()
    until(lambda: panel.shown is not None and panel.shown.summary.limits == "2000/1s", panel.tick)
    press(panel, "resume")
    until(lambda: not panel.busy, panel.tick)
    panel.tick()
    run = open_run("r", tmp_path)
    figures = run.summary()
    assert figures is not None
    assert panel.shown is not None
    assert json.loads(json.dumps(panel.shown.summary.as_dict())) == figures
    assert (figures["workers"], figures["limits"], figures["status"]) == (23, "2000/1s", "complete with failures")
    assert panel.controls.enabled == {"start", "retry"}
    assert f"{figures['imported']} of 300 items" in panel.controls.note.value
    assert "items.parquet" in panel.controls.note.value


def test_what_is_wrong_is_said_and_nothing_happens(tmp_path: Path) -> None:
    """A setting that cannot be used is refused in the words of the command line."""
    panel = controller(tmp_path / "results", items="-1")
    press(panel, "start")
    panel.tick()
    assert "--items must be at least 0, not -1" in panel.controls.note.value
    assert 'role="alert"' in panel.controls.note.value
    assert not (tmp_path / "results").exists()
    panel.controls.enable("running", 0)
    panel.controls.limit.value = "many"
    panel.controls.apply.click()
    panel.tick()
    assert "many" in panel.controls.note.value


def test_a_known_api_is_chosen_in_the_form(tmp_path: Path) -> None:
    """What was filled in for the test API is taken back; the documented limits are shown, and rehearsed."""
    panel = Controller({"items": 40, "limit": "1000/1s", "run": "r"}, tmp_path)
    fields = panel.controls._fields
    assert [name for _, name in fields["preset"].options][:2] == ["", "airtable"]
    fields["preset"].value = "stripe"
    assert fields["limit"].value == ""
    assert "documented: 100/s+list=25/s+item=25/s" in fields["limit"].placeholder
    assert panel.controls.values() == {"preset": "stripe", "items": "40", "run": "r", "workers": 10}
    fields["preset"].value = ""
    assert (fields["limit"].value, fields["items"].value) == ("1000/1s", "40")
    fields["preset"].value = "stripe"
    press(panel, "start")
    until(lambda: panel.import_ is not None and not panel.busy, panel.tick)
    run = open_run("r", tmp_path)
    assert (run.status, run.items().num_rows) == ("complete", 40)
    assert run.about["config"]["preset"] == "stripe"
    assert str(run.items().column("id")[0]).startswith("ch_")


def test_a_url_takes_nothing_that_was_meant_for_the_test_api(tmp_path: Path) -> None:
    """Neither its size nor its limits; what was typed stays."""
    panel = Controller({"items": 1000, "limit": "500/20s"}, tmp_path)
    form = panel.controls
    form._source.value = "URL"
    form._fields["url"].value = "https://api.example.com/orders"
    assert form.values() == {"url": "https://api.example.com/orders", "workers": 10}
    form._fields["limit"].value = "100/m"
    form._source.value = "test API"
    assert form.values() == {"items": "1000", "limit": "100/m", "workers": 10}


def test_a_settings_file_is_named_in_the_form(url: str, tmp_path: Path) -> None:
    """As `check --save` wrote it; what the form says besides wins. One that cannot be used is a sentence."""
    file = tmp_path / "orders.toml"
    file.write_text(f'[source]\n[[resource]]\nurl = "{url}"\npaging = {{type = "page"}}\n')
    panel = Controller({"source": file, "items": 5, "run": "r", "limit": "1000/1s"}, tmp_path / "results")
    assert panel.controls.values() == {
        **{"source": str(file), "max_items": "5", "run": "r"},
        **{"limit": "1000/1s", "workers": 10},
    }
    press(panel, "start")
    until(lambda: panel.import_ is not None and not panel.busy, panel.tick)
    assert open_run("r", tmp_path / "results").items().num_rows == 4  # item 3 is gone
    for text, sentence in (
        ("[source]\n[[resource]]\nurll = 1\n", "unknown setting 'urll' in [[resource]] in"),
        ("[source\n", "is not TOML"),
    ):
        file.write_text(text)
        panel.start()
        panel.tick()
        assert esc(sentence) in panel.controls.note.value
    panel.controls._fields["source"].value = "no.toml"
    panel.start()
    panel.tick()
    assert "no.toml cannot be read (No such file or directory)" in panel.controls.note.value


def test_an_import_that_fails_says_why(url: str, tmp_path: Path) -> None:
    """The reason stands in the panel and in the run's files, and another import can be started."""
    panel = controller(tmp_path, url=f"{url}/17")
    press(panel, "start")
    until(lambda: panel.controls.enabled >= {"start"} and not panel.busy, panel.tick)
    panel.tick()
    reason = open_run("r", tmp_path).about["reason"]
    assert reason
    assert reason.partition("'")[0] in panel.controls.note.value + str(panel.run_widget.parts)
    assert open_run("r", tmp_path).status == "failed"


def test_one_import_at_a_time_and_another_kernel_goes_on(url: str, tmp_path: Path) -> None:
    """A second start is refused; the next panel tells of an import that was stopped, and Resume finishes it."""
    panel = controller(tmp_path, url=url, limit="30/1s")
    press(panel, "start")
    panel.start()
    panel.tick()
    assert "already running here" in panel.controls.note.value
    until(lambda: panel.shown is not None and panel.shown.summary.imported > 20, panel.tick)
    press(panel, "stop")
    until(lambda: not panel.busy, panel.tick)
    again = Controller({}, tmp_path)
    again.tick()
    assert "The last import, r, was stopped" in again.controls.note.value
    press(again, "resume")
    until(lambda: not again.busy, again.tick)
    run = open_run("r", tmp_path)
    assert run.state().imported + run.state().failed == 300
    assert (run.summary() or {})["sessions"] == 2


def test_a_run_of_another_process_is_shown_and_steered(url: str, tmp_path: Path) -> None:
    """A panel that opens beside a running import shows it, its buttons reach it, and another may be started."""
    command = [sys.executable, "-m", "harness", "import", "--url", url, "--limit", "25/1s", "--quiet"]
    with subprocess.Popen([*command, "--results", str(tmp_path), "--run", "elsewhere"]) as other:
        until(lambda: (tmp_path / "elsewhere" / "live.json").exists())
        panel = Controller({}, tmp_path)
        until(lambda: panel.shown is not None and panel.shown.summary.imported > 20, panel.tick)
        assert "elsewhere is being imported by another process" in panel.controls.note.value
        assert panel.controls.enabled >= {"start", "pause", "stop", "apply"}
        assert panel.run_widget.parts["workers"]
        press(panel, "pause")
        until(lambda: "resume" in panel.controls.enabled, panel.tick)
        panel.controls.workers.value = 3
        press(panel, "resume")
        until(lambda: panel.shown is not None and panel.shown.summary.workers == 3, panel.tick)
        press(panel, "stop")
        other.wait(PATIENCE_S)
    until(lambda: not panel.busy, panel.tick)
    panel.tick()
    assert panel.controls.enabled >= {"start", "resume"}
    assert open_run("elsewhere", tmp_path).status == "stopped"
    assert "stopped" in panel.controls.note.value
