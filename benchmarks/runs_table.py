"""The table of 1,000 runs: how long until it is there, and what one look at what is new costs.

The runs are real: ten are simulated, and their folders copied under other names. Measured is the kernel's side, in
processor time, which other work on the machine does not change: reading all runs and handing 300 rows to the widget;
then looks at which nothing is new, and looks at which one run of the 1,000 has changed its tags.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

from benchmarks.measure import Figure, alone
from harness.config import ImportConfig
from harness.lab.experiment import simulate_run
from harness.notebook.table_of_runs import AllRuns
from harness.record.clock import iso
from harness.record.tags import change_tags

RUNS, KINDS = 1000, 10
THERE_MS, LOOK_MS = 1000.0, 20.0


def measure(rounds: int = 5, runs: int = RUNS) -> list[Figure]:
    """Milliseconds of processor time, each of `rounds` tables made anew."""
    there: list[float] = []
    nothing: list[float] = []
    one: list[float] = []
    with TemporaryDirectory() as folder:
        results = make_runs(Path(folder), runs)
        for number in range(rounds):
            began_s = process_time()
            table = AllRuns(results)
            table.read_now()
            there.append(1000 * (process_time() - began_s))
            assert len(table.table.rows) == min(runs, 300)
            nothing.append(_look(table))
            change_tags(results / "run-0005", [f"look-{number}"])
            one.append(_look(table))
            assert f"look-{number}" in json.dumps(table.table.fresh)
    name, unit = f"table of {runs:,} runs", "processor ms"
    return [
        alone(f"{name}: it is there", unit, there, at_most=THERE_MS),
        alone(f"{name}: one look, nothing new", unit, nothing, at_most=LOOK_MS),
        alone(f"{name}: one look, one run has changed", unit, one, at_most=LOOK_MS),
    ]


def _look(table: AllRuns) -> float:
    began_s = process_time()
    table.read_now()
    return 1000 * (process_time() - began_s)


def make_runs(results: Path, number: int) -> Path:
    """Make so many folders of small runs in `results`, an hour apart."""
    results.mkdir(exist_ok=True)
    kinds = [
        simulate_run(
            ImportConfig(run=f"kind-{kind}", items=100 + 20 * kind, limit=f"{50 + kind}/5s", workers=3 + kind),
            results=results / "kinds",
        ).run
        for kind in range(KINDS)
    ]
    for at in range(number):
        kind = kinds[at % KINDS]
        assert kind is not None
        folder = Path(shutil.copytree(kind.folder, results / f"run-{at:04}"))
        about = json.loads((folder / "run.json").read_text())
        created_utc_s = about["created_utc_s"] - 3600 * at
        about |= {"run": folder.name, "created": iso(created_utc_s), "created_utc_s": created_utc_s}
        (folder / "run.json").write_text(json.dumps(about))
    shutil.rmtree(results / "kinds")
    return results
