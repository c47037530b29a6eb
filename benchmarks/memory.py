"""The most memory that an import of a million items takes: the whole process, Python and Arrow included."""

from __future__ import annotations

import multiprocessing
import random
import resource
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
import trio

from benchmarks.core import PER_PAGE, PROSE, import_instantly
from benchmarks.measure import Figure, alone
from harness.record.arrow import sparing_memory
from harness.record.events import ItemImported, PageListed, SessionStarted, numbered
from harness.record.formats import Options
from harness.record.items import export
from harness.record.recorder import Recorder
from harness.record.run import Run, create_run

ITEMS = 1_000_000


def measure(rounds: int = 1, items: int = ITEMS) -> list[Figure]:
    """Peak of a process that imports `items` with its record on, and of one that imports next to nothing."""
    few, many, ordered = [], [], []
    for _ in range(rounds):
        few.append(_peak_of(PER_PAGE))
        many.append(_peak_of(items))
        ordered.append(_peak_of_sorting(items))
    return [
        alone(f"memory, {PER_PAGE:,} items", "MB", few),
        alone(f"memory, {items:,} items", "MB", many, at_most=300),
        alone(f"memory, {items:,} items in any order exported in that of the list", "MB", ordered, at_most=300),
    ]


def _peak_of(items: int) -> float:
    """In a process of its own: a peak never goes down again."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_import_and_weigh, items).result()


def _import_and_weigh(items: int) -> float:
    with sparing_memory():  # as the command line does
        trio.run(partial(import_instantly, items, True, results=True))
    return peak_mb()


def _peak_of_sorting(items: int) -> float:
    """Of a process that exports a run whose pages and answers came in any order at all, as none does."""
    with (
        TemporaryDirectory() as folder,
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        run = create_run(Path(folder), "r", {"config": {}}, 0.0)
        _record_in_any_order(run.folder, items)
        return pool.submit(_export_and_weigh, run, items).result()


def _record_in_any_order(folder: Path, items: int) -> None:
    rng = random.Random(0)
    recorder = Recorder(folder, "r", 1)
    recorder.record(SessionStarted(0.0, 1, 0.0, 1, "", "window", "here"))
    pages = list(range(-(-items // PER_PAGE)))
    rng.shuffle(pages)
    for page in pages:
        ids = tuple(range(page * PER_PAGE, min((page + 1) * PER_PAGE, items)))
        recorder.record(PageListed(0.0, numbered(page + 1), 1, 0.0, 0.0, 200, ids, None, None, None))
        if recorder.due:
            recorder.flush()
    ids = list(range(items))
    rng.shuffle(ids)
    for item in ids:
        recorder.put(
            item, f'{{"id":{item},"name":"Item {item}","text":"{PROSE}","price":{item % 1000}.{item % 90 + 10}}}'
        )
        recorder.record(ItemImported(0.0, item, 1, 0.0, 0.0, 200, 200))
        if recorder.due:
            recorder.flush()
    recorder.flush()


def _export_and_weigh(run: Run, items: int) -> float:
    with sparing_memory():  # as the command line does
        path = run.folder / "x.parquet"
        export(run, path, options=Options(imported_at=True))
        last = -1
        for group in range((file := pq.ParquetFile(path)).num_row_groups):
            for item in file.read_row_group(group, ["id"]).column("id").to_pylist():
                assert item == last + 1, "the rows are not in the order of the list"
                last = item
    assert last == items - 1, "rows are missing"
    return peak_mb()


def peak_mb() -> float:
    """The most resident memory of this process so far, in MB (10^6 bytes)."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not ru_maxrss: on Linux that begins with the peak of the process that started this one.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
