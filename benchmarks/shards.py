"""What several processes bring: items a second of an import by two shards beside one process, without limits."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.compute as pc

from benchmarks.measure import Figure, alone, beside, turns
from harness.record.run import Run


@dataclass(frozen=True, slots=True)
class Spent:
    """What an import took. rate: items a second between its first tenth and its last; whole_s: of the command, with all
    starts and ends; cpu_s: of all its processes, for which `items` came.
    """

    items: int
    rate: float
    whole_s: float
    cpu_s: float

    @property
    def cpu_ms(self) -> float:
        return 1000 * self.cpu_s / self.items


def measure(rounds: int = 3, items: int = 20_000, shards: int = 2, workers: int = 10) -> list[Figure]:
    """One process and several, in turns, against a server of little cost."""
    spent: dict[int, list[Spent]] = {1: [], shards: []}
    with served(items) as url, TemporaryDirectory() as results:
        names = {str(number): number for number in spent}
        for at, name in enumerate(turns(list(names), rounds)):
            spent[names[name]].append(imported(url, Path(results), f"r{at}", items, names[name], workers))
    one, several = spent[1], spent[shards]
    what = f"items a second, {shards} shards beside 1"
    return [
        beside(what, "1/s", [run.rate for run in several], [run.rate for run in one], at_least=1.7),
        beside(
            f"the same with start and end, {items:,} items",
            "1/s",
            [items / run.whole_s for run in several],
            [items / run.whole_s for run in one],
        ),
        beside("processor per item, all processes", "ms", [run.cpu_ms for run in several], [r.cpu_ms for r in one]),
        alone("processors busy, shards", "", [run.cpu_s / run.whole_s for run in several]),
    ]


@contextmanager
def served(items: int) -> Iterator[str]:
    """Serve a list of so many items while the block runs; yields its URL."""
    command = [sys.executable, "-m", "benchmarks.static", str(items)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        assert server.stdin is not None
        server.stdin.close()


def imported(url: str, results: Path, name: str, items: int, shards: int, workers: int) -> Spent:
    """Import all of it with so many processes, each with its workers, by the command line."""
    words = ["--url", url, "--limit", "1000000000/20s", "--detail", "--per-page", "1000", "--quiet"]
    words += ["--shards", str(shards), "--workers", str(workers), "--results", str(results), "--run", name]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # An account of its own, in which nothing was sent before.
    environment = {**os.environ, "HARNESS_STATE": str(results / f"{name}.state")}
    subprocess.run([sys.executable, "-m", "harness", "import", *words], check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    run = Run(results / name)
    assert run.items().num_rows == items
    events = run.events()
    at_s = sorted(events.filter(pc.equal(events["event"], "ItemImported"))["t_s"].to_pylist())
    tenth = len(at_s) // 10
    started = run.about["created_utc_s"]
    whole_s = (run.folder / "run.json").stat().st_mtime - started
    return Spent(items, (len(at_s) - 2 * tenth) / (at_s[-tenth - 1] - at_s[tenth]), whole_s, cpu_s)
