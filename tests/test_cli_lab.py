"""simulate, sweep and compare as they are typed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cli import main
from harness.lab.sweeps import Sweep, create_sweep, read_sweep
from harness.record.run import list_runs
from tests.lab.test_sweeps import GRID, swept
from tests.patience import PATIENCE_S
from tests.serving import served


def run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(args)
    out, err = capsys.readouterr()
    return int(str(ended.value.code)), out, err


# --- simulate -----------------------------------------------------------------------------------------------------


def test_simulate_says_what_import_says_and_how_long_it_took(capsys: pytest.CaptureFixture[str]) -> None:
    """The same figures, and that no request was sent; nothing is written."""
    code, out, err = run(capsys, "simulate", "--items", "1000", "--limit", "100/2s", "--latency", "80ms")
    assert (code, err) == (0, "")
    assert out.startswith("✓ complete  1,000 of 1,000 items, 0 failed   run simulated\n")
    assert "  duration   21.0 s   best possible 20.2 s → 95.8 % of best\n" in out
    assert "  server     agrees: 1,010 admitted, 0 refused\n" in out
    assert out.rstrip().endswith("times as fast as it would be; no request was sent")


def test_simulate_keeps_files_where_asked(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """--run names a run, --keep keeps one under a timestamp, and json is the summary alone."""
    here = ("--results", str(tmp_path), "--items", "20")
    code, out, _ = run(capsys, "simulate", *here, "--run", "one")
    assert code == 0
    assert f"items      {tmp_path}/one/items.parquet" in out
    assert f"-m harness show one --results {tmp_path}" in out
    code, out, err = run(capsys, "simulate", *here, "--keep", "--json")
    assert (code, err, json.loads(out)["imported"]) == (0, "", 20)
    assert len(list_runs(tmp_path)) == 2
    code, out, err = run(capsys, "simulate", *here, "--run", "one")
    assert (code, out) == (2, "")
    assert "the run one exists" in err


def test_a_simulated_import_that_fails_is_told_like_any(capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is that of an import that ended early; one with lost items has its own."""
    code, out, _ = run(capsys, "simulate", "--scenario", "plans")
    assert (code, out.split("  ")[0]) == (3, "✗ failed")
    assert "why        page 1 of the list could not be read, tried once (status 401" in out
    code, out, _ = run(capsys, "simulate", "--scenario", "faulty", "--items", "300", "--quiet")
    assert (code, out) == (1, "")


def test_what_comes_after_a_simulated_run_is_no_refusal(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Nothing names `resume` or `failed retry`, which need a server: not `show` and `watch`, `runs` or `failed`."""
    here = ("--results", str(tmp_path))
    assert run(capsys, "simulate", *here, "--scenario", "faulty", "--items", "300", "--run", "lost", "--quiet")[0] == 1
    assert run(capsys, "simulate", *here, "--scenario", "plans", "--run", "ended", "--quiet")[0] == 3
    for command in (["runs"], ["show", "lost"], ["show", "ended"], ["failed", "lost"], ["watch", "lost"]):
        _, out, _ = run(capsys, *command, *here)
        assert out
        assert not re.search(r"-m harness (resume|failed retry)", out)
    assert f"-m harness failed list lost --results {tmp_path}" in run(capsys, "show", "lost", *here)[1]
    assert f"-m harness failed show lost --results {tmp_path}" in run(capsys, "failed", "lost", *here)[1]


@pytest.mark.parametrize("flag", ["--until=06:00", "--max-body=1MB", "--allow-host=a.example"])
def test_simulate_has_no_flag_that_would_do_nothing(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    """There is no wall's clock in virtual time, no body of bytes, and no other host."""
    code, out, err = run(capsys, "simulate", flag)
    assert (code, out) == (2, "")
    assert f"No such option: {flag.partition('=')[0]}" in err or f"No such option '{flag.partition('=')[0]}'" in err


def test_a_time_of_day_in_the_environment_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would end the simulation at a moment that the seed chose."""
    monkeypatch.setenv("HARNESS_IMPORT_UNTIL", "06:00")
    code, out, err = run(capsys, "simulate", "--items", "5")
    assert (code, out) == (2, "")
    assert "a simulation has no time of day; leave out --until, or use --max-time" in err


# --- sweep and compare --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs `a` and `b`, and the sweep `s`; tests only read it."""
    folder = tmp_path_factory.mktemp("lab")
    for name, workers in (("a", "10"), ("b", "2")):
        command = ["simulate", "--items", "100", "--run", name, "--workers", workers, "--quiet"]
        with pytest.raises(SystemExit):
            main([*command, "--results", str(folder)])
    swept(folder)
    return folder


def test_compare_shows_a_sweep_the_fastest_first(capsys: pytest.CaptureFixture[str], results: Path) -> None:
    """Means with confidence intervals, of best, 429s, times the fastest, and the sentence that people want."""
    code, out, err = run(capsys, "compare", "--results", str(results))
    assert (code, err) == (0, "")
    title, heads, *rows, said = out.rstrip().split("\n")
    assert title == "s  30 items, server 20/2s, latency lognormal:80ms"
    assert heads == "PACING       W  DURATION mean ± 95 % CI (n=2)  OF BEST  429s/1,000  × FASTEST"
    frame = read_sweep(results / "s")
    means = frame.groupby("point")["duration_s"].mean()
    assert len(rows) == 4
    assert rows[0].split()[-1] == "1.00"
    assert float(rows[-1].split()[-1]) == pytest.approx(means.max() / means.min(), abs=0.006)
    assert said.startswith("Fewest 429s at full speed: window, ")
    # Of two values the interval is 12.706 (Student's t, one degree of freedom) standard errors.
    one, other = (row for row in frame["duration_s"][:2])
    half = 12.706 * abs(one - other) / 2
    assert any(f"{(one + other) / 2:.2f} ± {half:.2f} s" in row for row in rows)


def test_compare_sets_runs_side_by_side(capsys: pytest.CaptureFixture[str], results: Path) -> None:
    """By name, whatever they were of; as JSON too."""
    code, out, _ = run(capsys, "compare", "a", "b", "--results", str(results))
    assert code == 0
    assert [line.split()[:3] for line in out.split("\n")[1:4]] == [
        ["RUN", "PACING", "W"],
        ["a", "window", "10"],
        ["b", "window", "2"],
    ]
    code, out, _ = run(capsys, "compare", "b", "--results", str(results), "--json")
    (panel,) = json.loads(out)
    assert [line["labels"]["run"] for line in panel["lines"]] == ["b"]


def test_compare_keeps_different_work_apart(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A panel for each, with its own title and its own fastest: no verdict across them; what is unset says so."""
    here = ("--results", str(tmp_path), "--quiet")
    for name, *how in (("a",), ("b", "--workers=2"), ("c", "--items=40"), ("d", "--scenario=laravel")):
        run(capsys, "simulate", "--run", name, "--items=20", *how, *here)
    code, out, _ = run(capsys, "compare", "a", "c", "b", "d", "--results", str(tmp_path))
    assert code == 0
    blocks = [block.split("\n") for block in out.rstrip().split("\n\n")]
    assert [(len(block), block[0]) for block in blocks] == [
        (5, "20 items, server 500/20s+2000/100s, latency lognormal:80ms"),
        (3, "40 items, server 500/20s+2000/100s, latency lognormal:80ms"),
        (3, "20 items, scenario laravel, server 500/20s+2000/100s, latency 50ms"),
    ]
    assert [block[2].split()[-1] for block in blocks] == ["1.00"] * 3
    assert "Fewest 429s" not in "".join((*blocks[1], *blocks[2]))


def test_compare_names_what_there_is(capsys: pytest.CaptureFixture[str], results: Path, tmp_path: Path) -> None:
    """A name that fits nothing, and a folder without anything."""
    code, _, err = run(capsys, "compare", "zzz", "--results", str(results))
    assert (code, err.count("\n")) == (2, 1)
    assert "no run named 'zzz' in" in err
    code, _, err = run(capsys, "compare", "--results", str(tmp_path))
    assert (code, err.count("\n")) == (2, 1)
    assert "there are no sweeps in" in err


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("--grid", "workers=0"), "--workers must be at least 1, not 0 (at workers=0)"),
        (("--grid", "wrokers=1"), "'wrokers' in --grid is not a setting that a sweep can vary"),
        (("none.toml",), "none.toml cannot be read (No such file or directory); name a TOML file, or use --grid"),
        (("--resume", "--grid", "workers=1"), "a sweep resumes with its own settings"),
        (("--resume",), "there are no sweeps in"),
        (("--url", "https://api.example.com/x"), "a simulation uses the test API; leave out url, or add --live"),
        (("--until", "06:00"), "until does nothing in a simulation; leave it out, or add --live"),
        (("--grid", "max-body=1MB,2MB"), "max_body does nothing in a simulation; leave it out, or add --live"),
        (("--allow-host", "a.example"), "allow_host does nothing in a simulation; leave it out, or add --live"),
        (("--repeat", "0"), "Invalid value for '--repeat'"),
    ],
)
def test_a_sweep_that_cannot_be_run(
    args: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Refused before anything is made, in one sentence."""
    code, out, err = run(capsys, "sweep", *args, "--results", str(tmp_path / "results"))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert sentence in err
    assert not (tmp_path / "results").exists()


# --- recommend ----------------------------------------------------------------------------------------------------


def test_recommend_says_what_to_set_and_what_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    """Workers, duration, best possible; what more and fewer do; plainly where two are enough; the command to type."""
    asked = ("--items", "1000", "--limit", "100/5s+300/30s", "--latency", "80ms", "--what-if", "workers=40")
    code, out, err = run(capsys, "recommend", *asked)
    assert (code, err) == (0, "")
    lines = {line[2:25].strip(): line[27:] for line in out.split("\n")[1:] if line}
    assert out.startswith("Use 2 workers: 1 min 36 s for 1,010 requests, 99.")
    assert lines["best possible"] == "1 min 35 s, with any number of workers"
    assert lines["note"].startswith("Two workers are enough: ")
    assert re.fullmatch(r"8 save \d+ ms, the most possible", lines["more workers"])
    assert re.fullmatch(r"1 takes \d\.\d s longer", lines["fewer workers"])
    assert lines["latency doubled"].startswith("1 min ")
    assert lines["workers=40"] == "1 min 36 s with 40 workers; more save nothing"
    assert lines["next"].endswith("-m harness import --url https://… --workers 2 --limit 100/5s+300/30s")


def test_recommend_prints_the_import_that_it_simulated(capsys: pytest.CaptureFixture[str]) -> None:
    """Every setting of an import that is not as it would be anyway."""
    how = ("--per-page", "20", "--no-detail", "--max-items", "90", "--timeout", "5s", "--sequential")
    code, out, _ = run(capsys, "recommend", "--items", "100", "--limit", "20/1s", "--pacing", "spaced", *how)
    assert code == 0
    told = " ".join(out.split()).partition("-m harness import --url https://… --workers ")[2]
    assert told.split()[1:] == [
        *("--limit", "20/1s", "--pacing", "spaced", "--per-page", "20", "--max-items", "90"),
        *("--sequential", "--no-detail", "--timeout", "5s"),
    ]


def test_recommend_draws_a_run_anew_with_another_seed(capsys: pytest.CaptureFixture[str], results: Path) -> None:
    """What no run decides may be said beside it, and is checked like anything else."""
    command = ("recommend", "--from", "a", "--results", str(results), "--json")
    times = [json.loads(run(capsys, *command, "--seed", seed)[1])["duration_s"] for seed in ("0", "1", "0")]
    assert times[0] == times[2] != times[1]
    code, out, err = run(capsys, *command, "--pacing", "hasty")
    assert (code, out) == (2, "")
    assert "--pacing" in err


def test_recommend_learns_from_a_run(capsys: pytest.CaptureFixture[str], results: Path) -> None:
    """Its limits and latency; what belongs to the run cannot be said beside it."""
    code, out, _ = run(capsys, "recommend", "--from", "a", "--results", str(results), "--json")
    advice = json.loads(out)
    assert (code, advice["run"], advice["limits"], advice["was"]["workers"]) == (0, "a", "500/20s+2000/100s", 10)
    code, _, err = run(capsys, "recommend", "--from", "a", "--results", str(results), "--latency", "1s")
    assert code == 2
    assert "--latency comes from the run; leave it out, or use --what-if NAME=VALUE" in err


# --- processes ----------------------------------------------------------------------------------------------------


def harness(folder: Path, *args: str) -> list[str]:
    return [sys.executable, "-m", "harness", *args, "--results", str(folder)]


def until(there: Callable[[], bool]) -> None:
    """Wait until it is so."""
    for _ in range(50 * PATIENCE_S):
        if there():
            return
        time.sleep(0.02)  # noqa: TID251
    raise AssertionError("it did not come")


@pytest.mark.realtime
def test_a_sweep_file_is_run_on_processes_and_compared(tmp_path: Path) -> None:
    """The grid of a TOML file, by two processes; the same table as by one, and the comparison below it."""
    file = tmp_path / "sweep.toml"
    grid = 'workers = [1, 4]\npacing = ["window", "retry-after"]\n'
    file.write_text(f'items = 30\nlimit = "20/2s"\nrepeat = 2\n[grid]\n{grid}')
    command = harness(tmp_path, "sweep", str(file), "--name", "two", "--jobs", "2")
    made = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (made.returncode, made.stderr.split("\n")[0]) == (0, "sweep two: 8 runs")
    assert made.stderr.rstrip().endswith("8 of 8 runs done")
    assert "Fewest 429s at full speed: window, " in made.stdout
    assert f"compare two --results {tmp_path}" in made.stdout
    one, two = swept(tmp_path, GRID, "one").rows(), Sweep(tmp_path / "two").rows()
    assert two == [{**row, "sweep": "two"} for row in one]


def test_a_sweep_reads_the_environment(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below flags, above the file, and without what means nothing to a simulation."""
    file = tmp_path / "sweep.toml"
    file.write_text('items = 30\nlimit = "20/2s"\nworkers = 3\n[grid]\nper_page = [10]\n')
    for name, value in (("WORKERS", "2"), ("LIMIT", "10/1s"), ("URL", "https://api.example.com/x"), ("UNTIL", "06:00")):
        monkeypatch.setenv(f"HARNESS_IMPORT_{name}", value)
    how = ("--limit", "30/1s", "--jobs", "1", "--name", "s", "--results", str(tmp_path))
    assert run(capsys, "sweep", str(file), *how)[0] == 0
    (row,) = Sweep(tmp_path / "s").rows()
    assert (row["items"], row["workers"], row["limit"], row["per_page"]) == (30, 2, "30/1s", 10)


@pytest.mark.realtime
def test_a_sweep_killed_half_way_runs_no_finished_point_again(tmp_path: Path) -> None:
    """kill -9 of the parent: its processes end too, every row that was told is kept, and only the others are run."""
    grid = ("--items", "200", "--limit", "50/2s", "--grid", "workers=1,2,3", "--repeat", "3", "--keep")
    command = harness(tmp_path, "sweep", "--name", "s", "--jobs", "2", *grid)
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    sweep = Sweep(tmp_path / "s")
    until(lambda: (sweep.folder / "sweep.json").exists() and len(sweep.rows()) >= 2)
    children = [int(pid) for pid in _children(process.pid)]
    assert len(children) >= 2
    process.send_signal(signal.SIGKILL)
    process.wait()
    until(lambda: not any(map(_lives, children)))
    done = sweep.rows()
    assert 2 <= len(done) < 9
    assert sweep.status == "interrupted"
    kept = {row["run"]: _written(sweep, row["run"]) for row in done}
    command = harness(tmp_path, "sweep", "--resume", "--name", "s")
    again = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (again.returncode, again.stderr.split("\n")[0]) == (0, f"sweep s: 9 runs, {len(done)} of them done")
    assert {name: _written(sweep, name) for name in kept} == kept
    assert len(sweep.rows()) == 9
    assert [row for row in sweep.rows() if row["run"] in kept] == done


def _written(sweep: Sweep, run: str) -> float:
    return float(json.loads((sweep.folder / "runs" / run / "run.json").read_text())["created_utc_s"])


def _children(pid: int) -> list[str]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return listed.stdout.split()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or " Z " not in status.read_text()


@pytest.mark.realtime
def test_server_is_the_test_api() -> None:
    """All words are its own, --help among them."""
    command = [sys.executable, "-m", "harness", "server"]
    listed = subprocess.run(
        [*command, "--list-scenarios"], capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    assert "laravel " in listed.stdout
    told = subprocess.run([*command, "--help"], capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    assert told.stdout.startswith("Usage: python -m harness server [OPTIONS]")


@pytest.mark.realtime
def test_check_looks_at_the_test_api(capsys: pytest.CaptureFixture[str]) -> None:
    """Three requests, and the import to type."""
    code, out, err = run(capsys, "check", "--scenario", "draft-8", "--items", "20")
    assert (code, err) == (0, "")
    assert out.startswith("✓ can be imported  (3 requests: 200 200 200)\n")
    assert "\n  records    data              20 a page                 (the only array of objects)\n" in out
    told = "Import it:  "
    command = out.splitlines()[-1]
    assert command.startswith(told)
    assert command.endswith("-m harness import --scenario draft-8 --limit 100/5s+300/30s --dry-run")
    code, out, err = run(capsys, *command.partition("-m harness ")[2].split(), "--items", "20")
    assert (code, err) == (0, "")
    assert out.startswith("Plan (2 requests made)\n")
    code, out, err = run(capsys, "check", "--url", "http://127.0.0.1:9/orders", "--json")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "the list cannot be read (could not connect" in err


@pytest.mark.realtime
def test_the_import_that_check_advises_works(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """As typed: the check that saves the file, and the import of it."""
    with served("--items", "30", "--paging", "cursor", "--limit", "1000/1s") as url:
        code, out, err = run(capsys, "check", "--url", url)
        assert (code, err) == (0, "")
        save, command = (line.partition("-m harness ")[2].split() for line in out.splitlines()[-2:])
        assert save == ["check", "--url", url, "--save", "items.toml"]
        file = str(tmp_path / "items.toml")
        code, out, err = run(capsys, *save[:-1], file)
        assert (code, err) == (0, "")
        assert out.splitlines()[-1].endswith(f"-m harness import --config {file}")
        where = ("--results", str(tmp_path), "--run", "r", "--quiet")
        assert run(capsys, *command[:-1], file, *where) == (0, "", "")
    assert [found.state().imported for found in list_runs(tmp_path)] == [30]


@pytest.mark.realtime
def test_a_live_sweep_imports_for_real(tmp_path: Path) -> None:
    """One run at a time, each against a test API of its own; the runs are kept."""
    how = ("--items", "10", "--grid", "workers=1,5", "--latency", "10ms")
    command = harness(tmp_path, "sweep", "--live", "--name", "l", *how)
    made = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert made.returncode == 0, made.stderr
    rows = Sweep(tmp_path / "l").rows()
    assert [(row["simulated"], row["imported"], row["workers"], row["server_agrees"]) for row in rows] == [
        (False, 10, 1, True),
        (False, 10, 5, True),
    ]
    assert [run.status for run in list_runs(tmp_path / "l" / "runs")] == ["complete", "complete"]
    assert create_sweep(tmp_path, "l", GRID, 0.0, fresh=True).rows() == []
