"""The parameters of a notebook are checked by the one config model, by name and by value."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from harness.config import ImportConfig
from harness.errors import RecordError
from harness.flags import DURATIONS, flag_of
from harness.lab.grid import Grid
from harness.lab.sweeping import jobs_left, parameters
from harness.lab.sweeps import create_sweep
from harness.pacing import parse_tiers
from harness.papermill import NotebookProblem, RunFailed, read_metrics, run_experiment, settings
from harness.papermill.cells import plainly, switch, table_html, table_text
from harness.settings import notebook_folder
from harness.views.report.tables import Table


def test_parameters_become_a_config_whatever_papermill_made_of_them() -> None:
    """Numbers as numbers or text, None as left out; what IPython keeps beside them does not matter."""
    namespace = {"workers": "20", "limit": "500/20s", "items": 30, "url": None, "simulated": True}
    config = settings({**namespace, "In": [], "Out": {}, "_i": "", "json": object(), "settings": settings})
    assert (config.pacing.workers, config.pacing.limit, config.test_api.items) == (20, parse_tiers("500/20s"), 30)


@pytest.mark.parametrize(
    ("namespace", "sentence"),
    [
        ({"workers": 0}, "--workers must be at least 1, not 0"),
        ({"worker": 3}, "'worker' is not a parameter of this notebook; did you mean workers?"),
        ({"zzz": 3}, "'zzz' is not a parameter of this notebook; see papermill --help-notebook for all of them"),
        ({"limit": "many"}, "'many' is not a limit"),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(namespace: dict[str, Any], sentence: str) -> None:
    """Also a name with a typing error, of which papermill itself only warns."""
    with pytest.raises(NotebookProblem) as said:
        settings(namespace)
    assert sentence in str(said.value)
    assert said.value.__context__ is None


@pytest.mark.parametrize("name", DURATIONS)
@pytest.mark.parametrize("value", [80, 80.0, "80", "0.5", 2.5])
def test_a_duration_without_a_unit_is_refused(name: str, value: object) -> None:
    """`-p latency 80` arrives as a number, `-r latency 80` as text; whoever wrote it may have meant 80 ms."""
    number = f"{float(value):g}" if isinstance(value, (int, float)) else value
    with pytest.raises(
        NotebookProblem, match=rf"^{flag_of(name)}: {number} has no unit; write {number}ms, {number}s or"
    ):
        settings({name: value})


def test_durations_with_a_unit_and_none_at_all_are_taken() -> None:
    """0 is 0 in every unit; a number in Python is seconds."""
    config = settings({"latency": "80ms", "timeout": "5s", "linger": 0, "rtt_floor": "0", "max_time": None})
    assert (config.test_api.latency, config.retry.timeout, config.pacing.linger) == (0.08, 5.0, 0.0)
    assert settings({"latency": "uniform:0-80ms"}).test_api.latency == "uniform:0-80ms"
    assert ImportConfig(latency=80, timeout=5).test_api.latency == 80.0


def test_what_a_sweep_passes_to_a_notebook_is_taken(tmp_path: Path) -> None:
    """Its settings are numbers by then: they get their units back, to the bit."""
    grid = Grid({"items": 9, "latency": 0.0825, "timeout": 1.1, "linger": 0}, {"max_time": [90, 3600.5]})
    for job in jobs_left(create_sweep(tmp_path, "s", grid, 0.0, keep=True)):
        given = parameters(job)
        config = settings({name: value for name, value in given.items() if name != "simulated"})
        for name in ("latency", "timeout", "linger", "max_time"):
            assert config[name] == job.config[name], name
        assert (given["latency"], given["timeout"]) == ("0.0825s", "1.1s")


def test_runs_that_begin_in_one_second_have_folders_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many papermill starts at once without a name: none waits, fails, or writes into another's."""
    monkeypatch.setattr("harness.session.importing.utc_s", lambda: 1_800_000_000.0)
    config = settings({"items": 20, "limit": "30/1s", "results": str(tmp_path)})
    with ThreadPoolExecutor(4) as pool:
        made = [each.result() for each in [pool.submit(run_experiment, config) for _ in range(4)]]
    names = {experiment.run.name for experiment in made}
    assert len(names) == 4
    assert {experiment.summary.imported for experiment in made} == {20}
    stamp = min(names, key=len)
    assert names == {stamp, *(f"{stamp}-{number}" for number in (2, 3, 4))}


def test_a_source_is_a_preset_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-p preset github -p url …` and `-p source path.toml`; also from the notebooks' folder."""
    url = "https://api.github.com/repos/o/r/issues"
    config = settings({"preset": "github", "url": url, "simulated": False})
    assert (config.source.declared().resource.id, config.source.limits) == (  # type: ignore[union-attr]
        ("number",),
        ("60/h",),  # of whoever gives no key
    )
    (tmp_path / "orders.toml").write_text(f'limit = "9/s"\n[source]\n[[resource]]\nurl = "{url}"\nid = "a"\n')
    (tmp_path / "mine.toml").write_text('records = "rows"\n')
    (tmp_path / "notebooks").mkdir()
    for here in (tmp_path, tmp_path / "notebooks"):
        monkeypatch.chdir(here)
        config = settings({"source": "orders.toml", "workers": "3", "preset": None})
        assert (config.source.declared().resource.id, config.pacing.workers) == (("a",), 3)  # type: ignore[union-attr]
        assert settings({"source": "orders.toml", "limit": "5/s"}).pacing.limit == parse_tiers("5/s")
        config = settings({"preset": "./mine.toml", "url": url})
        assert config.source.declared().resource.records == "rows"  # type: ignore[union-attr]
    assert settings({"source": "", "preset": "github"}).test_api.scenario == "github"


@pytest.mark.parametrize(
    ("namespace", "sentence"),
    [
        ({"preset": "githb"}, "--preset 'githb' is not known; did you mean github?"),
        ({"preset": "./no.toml", "url": "https://a/b"}, "--preset no.toml cannot be read"),
        (
            {"source": "no.toml"},
            "the settings file no.toml cannot be read (No such file or directory); name a TOML file",
        ),
        ({"source": "x.toml", "preset": "github"}, "--preset and [[resource]] in x.toml both declare a source"),
        ({"sorce": "x.toml"}, "'sorce' is not a parameter of this notebook; did you mean source?"),
        ({"preset": "github", "plan": "gold"}, "--plan 'gold' is not known of github; use one of: default, anonymous"),
    ],
)
def test_a_source_that_cannot_be_used_is_a_sentence(
    namespace: dict[str, Any], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the words of the command line."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.toml").write_text('[source]\n[[resource]]\nurl = "https://a/b"\n')
    with pytest.raises(NotebookProblem) as said:
        settings(namespace)
    assert sentence in str(said.value)


def test_a_switch_is_read_as_text_too() -> None:
    """`-r simulated False` hands over text."""
    assert [switch("simulated", value) for value in (True, "False", "no", 0)] == [True, False, False, False]
    with pytest.raises(NotebookProblem, match="simulated must be True or False, not 'perhaps'"):
        switch("simulated", "perhaps")


def test_results_lie_beside_the_notebooks_wherever_the_kernel_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JupyterLab starts in notebooks/, papermill where one types; an absolute folder is left alone."""
    (tmp_path / "notebooks").mkdir()
    for here in (tmp_path, tmp_path / "notebooks"):
        monkeypatch.chdir(here)
        monkeypatch.delenv("HARNESS_IMPORT_RESULTS", raising=False)
        for nothing in ("", None):
            assert settings({"results": nothing}).run.results == notebook_folder(nothing) == tmp_path / "results"
        assert notebook_folder("mine") == tmp_path / "mine"
        assert notebook_folder(tmp_path / "else") == tmp_path / "else"
        monkeypatch.setenv("HARNESS_IMPORT_RESULTS", str(tmp_path / "told"))
        assert settings({"results": ""}).run.results == settings({}).run.results == tmp_path / "told"
        assert settings({"results": "mine"}).run.results == tmp_path / "mine"


def test_a_group_of_errors_is_shown_as_a_sentence_without_a_chain() -> None:
    """Nested or not; a cell would stay empty and papermill wait for ever."""

    @plainly
    def cell() -> None:
        raise ExceptionGroup("trio", [ValueError("one"), ExceptionGroup("inner", [OSError("two")])])

    with pytest.raises(NotebookProblem) as said:
        cell()
    assert (str(said.value), said.value.__cause__, said.value.__context__) == ("one; two", None, None)
    assert said.value._render_traceback_() == ["NotebookProblem: one; two"]
    assert RunFailed("x")._render_traceback_() == ["RunFailed: x"]


def test_mistakes_of_our_own_keep_their_traceback() -> None:
    """Only errors that are meant for people are shortened."""

    @plainly
    def cell() -> None:
        raise KeyError("a defect")

    with pytest.raises(KeyError):
        cell()


def test_a_notebook_without_metrics_is_said(tmp_path: Path) -> None:
    """Not executed, and no notebook at all."""
    (tmp_path / "a.ipynb").write_text('{"cells": [{"cell_type": "code", "outputs": []}]}')
    (tmp_path / "b.ipynb").write_text("no")
    for name, sentence in (("a", "holds no metrics"), ("b", "not a readable notebook"), ("c", "No such file")):
        with pytest.raises(RecordError, match=sentence):
            read_metrics(tmp_path / f"{name}.ipynb")


def test_tables_as_html_and_as_text() -> None:
    """Cells are text in both; numbers stand to the right."""
    table = Table(("what", "n"), (("<b>", "1"), ("long name", "10")), (False, True))
    assert table_text(table) == "what        n\n<b>         1\nlong name  10"
    assert "&lt;b&gt;" in table_html(table)
    assert table_html(table).count('<td style="text-align: right">') == 2
