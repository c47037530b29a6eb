"""Which run the board shows: the newest import under way, whoever started it, until somebody chooses another.

`UnderWay` looks through the folder of runs; that takes a file's time stamp a run, and reads only what has changed.
`Following` decides, and holds the handle of the run that is shown. Where nothing is under way, the last one stays.
"""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from harness.errors import RecordError
from harness.notebook.handles import LocalRun, RemoteRun
from harness.record.about import written_status
from harness.record.run import Run

# All boards of a process look through their folders one after another.
_threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="harness-look")


@dataclass(frozen=True, slots=True)
class _Known:
    """A run by its run.json as it was at `stamp`. begun_utc_s: when its last session began."""

    stamp: int
    begun_utc_s: float
    open: bool


class UnderWay:
    """The runs in `results` that are being imported. `scan` looks; it is to be called by one thread at a time."""

    def __init__(self, results: Path) -> None:
        self.results = results
        self._known: dict[str, _Known] = {}
        self.runs: list[Run] = []  # under way, the newest first
        self.latest: Run | None = None  # the newest of all

    def scan(self) -> None:
        """Look again. What cannot be read is no import under way."""
        known: dict[str, _Known] = {}
        for name, path in self._described():
            before = self._known.get(name)
            try:
                stamp = os.stat(path).st_mtime_ns
                known[name] = before if before is not None and before.stamp == stamp else _read(path, stamp)
            except (OSError, RecordError):
                continue
        self._known = known
        names = sorted(known, key=lambda name: (known[name].begun_utc_s, name), reverse=True)
        self.latest = Run(self.results / names[0]) if names else None
        runs = [Run(self.results / name) for name in names if known[name].open]
        self.runs = [run for run in runs if run.writer_pid is not None]

    def begun_utc_s(self, run: Run) -> float:
        """Return when the last session of `run` began; 0 where that is not known (yet)."""
        known = self._known.get(run.name)
        return 0.0 if known is None else known.begun_utc_s

    def _described(self) -> list[tuple[str, str]]:
        try:
            with os.scandir(self.results) as folders:
                return [(each.name, f"{each.path}/run.json") for each in folders if not each.name.startswith(".")]
        except OSError:
            return []


def _read(path: str, stamp: int) -> _Known:
    about = Run(Path(path).parent).about
    begun = (about.get("sessions_utc_s") or [about.get("created_utc_s", 0.0)])[-1]
    return _Known(stamp, float(begun), written_status(about).is_open)


def _stamp(run: Run) -> int:
    try:
        return os.stat(run.folder / "run.json").st_mtime_ns
    except OSError:
        return 0


def _is_gone(run: Run | None) -> bool:
    return run is not None and not run.folder.is_dir()


class Following:
    """The handle of the run that the board shows. `look` is to be called again and again; it never waits.

    mine: the import of this process, if there was one. chosen: the name of the run that somebody wants to see.
    """

    def __init__(self, results: Path) -> None:
        self.results = results
        self.mine: LocalRun | None = None
        self.handle: LocalRun | RemoteRun | None = None
        self.chosen: str | None = None
        self._under_way = UnderWay(results)
        self._looking: Future[None] | None = None
        self._scans = 0
        self._over_at: int | None = None  # how many scans there had been when the handle was over
        self._over_stamp = 0  # of its run.json then
        self._under_way.scan()

    @property
    def at_work(self) -> bool:
        """Return True if an import is running in this process."""
        return self.mine is not None and self.mine.phase != "over"

    @property
    def newest(self) -> Run | None:
        """Return the newest run under way, also one of this process, as far as it has begun."""
        mine = self.mine.run if self.mine is not None and self.at_work else None
        runs = [run for run in self._under_way.runs if not self._is_over(run)]
        first = runs[0] if runs else None
        if mine is None or (first is not None and self._begun_later(first, mine)):
            return first
        return mine

    @property
    def latest(self) -> Run | None:
        """Return the run that began last, under way or not."""
        return self._under_way.latest

    def take(self, mine: LocalRun) -> None:
        """Show the import that begins in this process."""
        self.mine, self.chosen = mine, None
        self._hold(mine)

    def choose(self, run: Run | None) -> None:
        """Show this run until another is chosen; None: the newest import under way again."""
        self.chosen = None if run is None else run.name
        self.look(scan=False)

    def again(self) -> None:
        """Read the run that is shown anew: its files were changed."""
        if self.handle is not None and self.handle.run is not None and self.handle.phase == "over":
            self._hold(RemoteRun(self.handle.run).start())

    def look(self, *, scan: bool) -> None:
        """Change to the run that is to be shown now. scan: also begin to look through the folder again."""
        if self._looking is not None and self._looking.done():
            self._looking.result()
            self._looking, self._scans = None, self._scans + 1
        if scan and self._looking is None:
            self._looking = _threads.submit(self._under_way.scan)
        if self.handle is not None and self.handle.phase == "over" and _is_gone(self.handle.run):
            self.handle = self.chosen = None
        self._look_at_the_ended()
        wanted = self._wanted()
        if wanted is not None and not self._shows(wanted):
            mine = self.mine
            self._hold(mine if mine is not None and mine.run == wanted and self.at_work else RemoteRun(wanted).start())

    def _look_at_the_ended(self) -> None:
        """Read the run that is shown anew where somebody went on with it, however short that was."""
        handle = self.handle
        if handle is None or handle.run is None or handle.phase != "over":
            return
        stamp = _stamp(handle.run)
        if self._over_at is None:
            self._over_at, self._over_stamp = self._scans, stamp
        elif stamp != self._over_stamp:
            self.again()

    def _wanted(self) -> Run | None:
        """Return the run that is to be shown; None: leave it as it is."""
        if self.chosen is not None:
            run = Run(self.results / self.chosen)
            return run if run.folder.is_dir() else None
        if self.at_work and self.mine is not None and self.mine.run is None:
            return None  # ours is about to begin, and was shown at once
        latest = None if self.handle is not None or _is_gone(self.latest) else self.latest
        return self.newest or latest

    def _shows(self, run: Run) -> bool:
        handle = self.handle
        if handle is None or handle.run != run:
            return False
        return handle.phase != "over" or run not in self._under_way.runs or self._is_over(run)

    def _is_over(self, run: Run) -> bool:
        """Return True if `run` is the one shown, has ended, and no scan that began after that found it under way."""
        handle = self.handle
        if handle is None or handle.run != run or handle.phase != "over":
            return False
        return self._over_at is None or self._scans < self._over_at + 2

    def _begun_later(self, run: Run, mine: Run) -> bool:
        return run != mine and self._under_way.begun_utc_s(run) > self._under_way.begun_utc_s(mine) > 0.0

    def _hold(self, handle: LocalRun | RemoteRun) -> None:
        if isinstance(self.handle, RemoteRun):
            self.handle.close()
        self.handle, self._over_at = handle, None
