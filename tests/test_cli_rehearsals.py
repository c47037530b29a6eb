"""What would an import of a known API take? simulate, recommend, sweep and infer with --preset, as they are typed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.config import ImportConfig
from harness.lab.experiment import simulate_run
from harness.pacing import format_tiers, parse_tiers
from harness.spec.presets import load, names
from tests.test_cli_lab import run

ITEMS = 120


def documented(name: str) -> str:
    """Return the limits of a preset as they are shown."""
    return format_tiers(parse_tiers("+".join(load(name).limits_of(None)))) if load(name).limits else ""


@pytest.mark.parametrize("name", names())
def test_simulate_says_what_each_preset_would_take(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The duration, the requests and the limits that were kept, of every preset; nothing is refused."""
    code, out, err = run(capsys, "simulate", "--preset", name, "--items", str(ITEMS))
    assert (code, err) == (0, "")
    assert re.match(rf"✓ complete  {ITEMS}( of {ITEMS})? items, 0 failed   run simulated\n", out)
    told = dict(re.findall(r"^  (\S+) +(.*)$", out, re.MULTILINE))
    assert re.match(r"[\d.]+ (ms|s|min|h)\b", told["duration"])
    assert re.fullmatch(rf"[\d,]+ +\d+ pages? \+ {ITEMS} items; .*no 429s", told["requests"])
    assert told["limits"] == (f"{documented(name)} (declared)" if documented(name) else "none known")
    assert told["server"].endswith("admitted, 0 refused")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["github", "slack", "airtable", "hubspot"])
def test_so_it_does_of_a_hundred_thousand_items(name: str) -> None:
    """Hours of limits, in virtual time: none refused, none lost, and never faster than the limits allow."""
    figures = simulate_run(ImportConfig(preset=name, items=100_000)).summary
    assert (figures.status, figures.imported, figures.refused) == ("complete", 100_000, 0)
    assert figures.bound_s is not None
    assert figures.duration_s >= figures.bound_s


def test_recommend_knows_the_limits_of_a_preset(capsys: pytest.CaptureFixture[str]) -> None:
    """And types it in the import that it advises."""
    code, out, _ = run(capsys, "recommend", "--preset", "notion", "--items", "40")
    assert code == 0
    assert out.startswith("Use ")
    assert f"limits                   {documented('notion')}; latency lognormal:" in out
    assert re.search(r"import --url https://… --workers \d+ --preset notion\n", out)


def test_a_sweep_takes_a_preset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All its runs are of that API."""
    words = ("--preset", "airtable", "--items", "30", "--grid", "workers=1,3", "--jobs", "1", "--name", "s")
    code, out, _ = run(capsys, "sweep", *words, "--results", str(tmp_path))
    assert code == 0
    assert "30 items" in out
    assert "Fewest 429s at full speed" in out


def test_infer_reads_a_rehearsal_and_sets_it_beside_what_is_documented(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run of the API that a preset knows, whose limits were not declared, reveals some of them."""
    here = ("--results", str(tmp_path))
    simulate_run(
        ImportConfig(scenario="airtable", preset="airtable", limit="50/s", items=60, run="r"), results=tmp_path
    )
    code, out, err = run(capsys, "infer", "r", "--preset", "airtable", *here)
    assert (code, err) == (0, "")
    assert "preset airtable documents 5/1s" in out
    code, out, err = run(capsys, "infer", "r", "--preset", "pokeapi", *here)
    assert (code, err) == (0, "")
    assert "preset pokeapi documents no limit" in out
    code, _, err = run(capsys, "infer", "r", "--preset", "nothing", *here)
    assert code == 2
    assert "nothing" in err
