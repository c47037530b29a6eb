"""Read runs that are copied to an object store: bring here what is wanted of them, and see whether they are running."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.errors import BadInput, NoSuchRun, RecordError, StoreUnavailable
from harness.paths import results_url
from harness.record.clock import utc_s
from harness.record.run import Run, find_run
from harness.remote.bucket import Bucket, open_bucket
from harness.remote.copy import Need
from harness.remote.here import bring
from harness.remote.lease import Seen

# Runs looked at once: one waits for the store most of the time.
_AT_ONCE = 8


@contextmanager
def standing_in(run: Run) -> Iterator[Callable[[], bool] | None]:
    """Let a run that is written elsewhere count as running for as long as the block runs.

    Yields what brings the run here anew and answers whether it is still written; None where it is not, or is here.
    """

    def alive() -> bool:
        try:
            seen = bring_named(run.folder.parent, [run.name], Need.EVENTS).get(run.folder)
        except BadInput:  # the store is away for a moment
            return True
        return seen is not None and seen.seems_alive(utc_s())

    if results_url(run.folder.parent) is None or run.writer_pid is not None or not alive():
        yield None
        return
    with run.locked():
        yield alive


def bring_named(results: Path, names: Iterable[str | None], need: Need) -> dict[Path, Seen | None]:
    """Bring the named runs here as far as `need` says, or the figures of all; None names the latest.

    Answers the folders and leases of those that were looked at; nothing where `results` is a folder of its own.
    """
    url = results_url(results)
    if url is None:
        return {}
    bucket = open_bucket(url)
    try:
        there = bucket.folders()
        named = [_wanted(name, there) for name in names]
        found: dict[Path, Seen | None] = {}
        if need is Need.FIGURES or None in named:  # the latest is known once all have been seen
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                seen = pool.map(lambda run: _brought(bucket, results / run, Need.FIGURES), there)
                found = {results / run: one for run, one in zip(there, seen, strict=True)}
        if need is not Need.FIGURES:
            for run in filter(None, (name or _latest(results) for name in named)):
                found[results / run] = _brought(bucket, results / run, need)
    except StoreUnavailable as error:
        raise BadInput(f"--results {error}") from None
    return found


def _brought(bucket: Bucket, folder: Path, need: Need) -> Seen | None:
    try:
        return bring(bucket, folder, need)
    except RecordError:  # one that has just been begun, or is being removed
        return None


def _wanted(name: str | None, there: list[str]) -> str | None:
    """Return the run in the store that `name` or its beginning names; None for the latest, or what is not there."""
    fitting = [run for run in there if run == name] or [run for run in there if name and run.startswith(name)]
    return fitting[0] if len(fitting) == 1 else None


def _latest(results: Path) -> str | None:
    with suppress(NoSuchRun):
        return find_run(results).name
    return None
