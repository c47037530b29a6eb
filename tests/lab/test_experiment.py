"""One import in virtual time, from a config to figures and files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.config import ImportConfig
from harness.errors import BadInput
from harness.lab import experiment, simulate
from harness.lab.experiment import simulate_run
from harness.record import events as e
from harness.record.fold import fold
from harness.record.history import read_events
from harness.record.snapshot import freeze
from harness.session.importing import prepare_run


def files(folder: Path) -> dict[str, bytes]:
    """What was recorded, by path; without run.json, which says when and where."""
    parts = [path for path in folder.rglob("*.parquet") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in parts}


def test_the_same_seed_gives_the_same_files_byte_for_byte(tmp_path: Path) -> None:
    """Events, items, snapshots and items.parquet of two simulations are equal; another seed's are not."""
    config = ImportConfig(items=400, limit="100/2s+300/10s", scenario="faulty", run="one", seed=3)
    one, two = (simulate_run(config, results=tmp_path / name) for name in "ab")
    assert one.run is not None
    assert two.run is not None
    assert files(one.run.folder) == files(two.run.folder)
    assert {"items.parquet"} < files(one.run.folder).keys()
    other = simulate_run(config.with_settings(seed=4), results=tmp_path / "c")
    assert other.run is not None
    assert files(other.run.folder) != files(one.run.folder)


def test_files_change_nothing_and_read_like_those_of_any_run(tmp_path: Path) -> None:
    """The figures with and without them are equal; the run's state is the fold of its events; its status is known."""
    config = ImportConfig(items=300, limit="50/2s", latency="80ms", run="kept")
    told: list[e.Event] = []
    kept, bare = simulate_run(config, results=tmp_path, on_event=told.append), simulate_run(config)
    run = kept.run
    assert run is not None
    assert bare.run is None
    assert replace(kept.summary, run="") == replace(bare.summary, run="")
    assert (run.status, run.items().num_rows) == ("complete", 300)
    assert list(read_events(run.folder)) == told
    assert freeze(run.state(), "s1", 1) == freeze(fold(told), "s1", 1) == freeze(kept.state, "s1", 1)
    assert run.about["simulated"]
    assert run.about["config"]["latency"] == 0.08


def test_the_ledger_counts_what_the_client_counts() -> None:
    """Refused and admitted alike, also where others use the same quota."""
    half = simulate_run(ImportConfig(items=1500, limit="100/2s", server_limit="50/2s", workers=40)).summary
    assert half.server is not None
    assert (half.hits, half.server.agrees) == (half.server.refused, True)
    assert half.hits > 0
    shared = simulate_run(ImportConfig(items=300, scenario="tenants")).summary
    assert shared.server is not None
    assert (shared.imported, shared.server.agrees) == (300, True)


def test_latency_is_that_of_the_internet_unless_told() -> None:
    """Lognormal around 80 ms; a scenario's own where it has one; and what is said wins."""
    usual = simulate_run(ImportConfig(items=1000)).summary.latency_p50_s
    assert usual == pytest.approx(0.08, rel=0.05)
    assert simulate_run(ImportConfig(items=100, scenario="laravel")).summary.latency_max_s == pytest.approx(0.05)
    told = simulate_run(ImportConfig(items=100, scenario="laravel", latency="10ms")).summary
    assert told.latency_max_s == pytest.approx(0.01)


def test_a_file_describes_the_test_api(tmp_path: Path) -> None:
    """As it does for the server; one that cannot be read is refused in the server's words."""
    path = tmp_path / "mine.toml"
    path.write_text('items = 40\nlimit = "20/1s"\nlatency = "10ms"\n')
    assert simulate_run(ImportConfig(scenario=str(path))).summary.imported == 40
    path.write_text("itmes = 40\n")
    with pytest.raises(BadInput, match="the test API refuses its settings: unknown setting 'itmes' of the test API"):
        simulate_run(ImportConfig(scenario=str(path)))


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (ImportConfig(url="https://api.example.com/orders"), "a simulation uses the test API; leave out --url"),
        (ImportConfig(run="a", resume=True), "a simulated run cannot be resumed; leave out --resume"),
        (ImportConfig(scenario="nonesuch"), "the test API refuses its settings: scenario: 'nonesuch' is unknown"),
        (ImportConfig(latency="lognormal:80ms:sigma=0"), "the test API refuses its settings"),
    ],
)
def test_what_cannot_be_simulated_is_refused_before_anything_happens(
    config: ImportConfig, sentence: str, tmp_path: Path
) -> None:
    """In one sentence, and no folder is made."""
    with pytest.raises(BadInput) as refused:
        simulate_run(config, results=tmp_path / "results")
    assert sentence in str(refused.value)
    assert not (tmp_path / "results").exists()


def test_who_knocks_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A server that counts refusals never lets in a client that ignores them: the import ends, and says so."""
    monkeypatch.setattr(experiment, "MOST_IN_VAIN", 50)
    path = tmp_path / "never.toml"
    path.write_text('limit = "3/1d:log"\ndialect = "none"\non-refusal = "charge-all"\n')
    summary = simulate_run(ImportConfig(items=300, scenario=str(path), pacing="retry-after")).summary
    assert (summary.status, summary.imported) == ("stopped", 1)  # and two pages
    assert summary.reason == "more than 50 requests in a row were refused"


def test_a_simulated_run_is_not_resumed(tmp_path: Path) -> None:
    """Its clock is another: a real session on top of it would mean nothing."""
    run = simulate_run(ImportConfig(items=20, run="kept"), results=tmp_path).run
    assert run is not None
    with pytest.raises(BadInput, match="run kept was simulated"):
        prepare_run(ImportConfig(results=tmp_path, run="kept", resume=True))


@pytest.mark.parametrize(
    "values",
    [
        {"limit": "50/2s+150/10s", "workers": 20},
        {"limit": "60/2s:aligned+100/5s:counter", "workers": 20},
        {"limit": "50/2s", "pacing": "spaced"},
        {"limit": "100/5s", "pacing": "reference", "scenario": "laravel"},
        {"pacing": "retry-after", "scenario": "github"},
        {"pacing": "backoff", "scenario": "liar"},
        {"pacing": "aimd", "scenario": "hostile"},
    ],
    ids=str,
)
def test_what_a_strategy_does_not_read_need_not_be_said(
    values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The events are the same whether or not answers that were let through say how the limits stand."""
    config = ImportConfig(**{"items": 250, **values})
    silent: list[e.Event] = []
    simulate_run(config, on_event=silent.append)
    monkeypatch.setattr(simulate, "DEAF", ())
    told: list[e.Event] = []
    simulate_run(config, on_event=told.append)
    assert silent == told
