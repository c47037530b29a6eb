"""Read a run through its folder, whoever writes it: the one place where the files of a run become a `RunView`.

A run that has ended is read from summary.json alone where its figures are enough, without loading Parquet. One under
way is followed: events are read once, and what its session knows beyond them comes from live.json.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.config import ImportConfig
from harness.record.about import is_settled, settings_in_force, written_status
from harness.record.live import Live
from harness.record.run import Run
from harness.record.run_view import NO_SETTINGS, RunSettings, RunView, view_of
from harness.record.state import State
from harness.record.status import RunStatus
from harness.record.summary import Summary, read_summary, summarise
from harness.record.tags import read_tags

if TYPE_CHECKING:
    from harness.record.follow import Follower, Replay
    from harness.record.timeline import TimelineBins


def settings_of(run: Run) -> RunSettings:
    """Return the settings of `run` as its run.json has them, and its tags."""
    return _settings(run, run.about)


def _settings(run: Run, about: dict[str, Any]) -> RunSettings:
    return RunSettings(
        start=about.get("config", {}),
        in_force=settings_in_force(about),
        created=about.get("created", "unknown"),
        seed=about.get("seed"),
        simulated=bool(about.get("simulated")),
        created_utc_s=about.get("created_utc_s"),
        tags=read_tags(run.folder),
    )


def written_summary(run: Run) -> Summary | None:
    """Return the figures that were written when the last session ended; None where they are not all of it."""
    return _written_summary(run, run.about)


def _written_summary(run: Run, about: dict[str, Any]) -> Summary | None:
    figures = read_summary(run.folder / "summary.json") if is_settled(run.folder, about) else None
    return None if figures is None else replace(figures, run=run.name)


def written_view(run: Run) -> RunView | None:
    """Return the figures of a run that has ended, reading each of its JSON files once and no Parquet.

    None where a session is under way, or where its files do not tell all of it.
    """
    about = run.about
    summary = None if written_status(about).is_open else _written_summary(run, about)
    return None if summary is None else view_of(summary, settings=_settings(run, about))


def view_ended(run: Run, state: State | None = None, timeline: TimelineBins | None = None) -> RunView:
    """Return the view of a run by its files: as written, or folded anew (from `state`) where that is not all."""
    summary = written_summary(run)
    if summary is None:
        from harness.session.retry_failed import ended_summary  # reads events, and so Parquet

        alive = run.writer_pid is not None
        state = run.state() if state is None else state
        status = run.status if alive else run.status_of(state)
        summary = ended_summary(run, state, status)
        if status is RunStatus.FAILED:
            summary = replace(summary, reason=str(run.about.get("reason", "")))
    return view_of(summary, state, timeline=timeline, settings=settings_of(run))


def view_under_way(
    name: str,
    state: State,
    live: Live | None,
    config: ImportConfig,
    timeline: TimelineBins | None = None,
    settings: RunSettings = NO_SETTINGS,
) -> RunView:
    """Return the view of a session under way. What is best possible is worked out once, when it has ended."""
    from harness.session.optimality import limits_source

    summary = summarise(name, state, None, limits_source=limits_source(state, config))
    if not state.status.is_open:  # its figures are being written
        summary = replace(summary, unmeasured="")
    return view_of(summary, state, live, timeline, settings)


class RunReader:
    """Looks at `run` again and again: `view` reads what is new. charted: with the timeline, which is read in full."""

    def __init__(self, run: Run, *, charted: bool = False) -> None:
        self.run = run
        self._charted = charted
        self._follower: Follower | None = None
        self._replay: Replay | None = None
        self._ended: RunView | None = None

    def view(self, now_utc_s: float) -> RunView:
        """Return what there is to show now. The first time may take a while."""
        open_ = written_status(self.run.about).is_open
        if self._ended is not None and not open_:
            return self._ended
        if open_ and self.run.writer_pid is not None:
            seen = self._under_way(now_utc_s)
            if seen is not None:
                self._ended = None
                return seen  # else it has just ended, and its files say more
        self._ended = None
        seen = view_ended(self.run, self.run.state(), self._bins(None))
        self._ended = None if open_ else seen
        return seen

    def _under_way(self, now_utc_s: float) -> RunView | None:
        from harness.settings import figures_config

        state = self.follower.poll()
        live = self.follower.live(now_utc_s)
        if not self.follower.status.is_open:
            return None
        config = figures_config(self.run.folder / "run.json", self.run.config)
        bins = self._bins(None if live is None else live.t_s)
        return view_under_way(self.run.name, state, live, config, bins, settings_of(self.run))

    def _bins(self, now_s: float | None) -> TimelineBins | None:
        if not self._charted:
            return None
        from harness.record.follow import Replay

        if self._replay is None:
            self._replay = Replay(self.run.folder)
        return self._replay.read().bins(now_s)

    @property
    def follower(self) -> Follower:
        """Return what folds the events of the run, and keeps what it has read."""
        from harness.record.follow import Follower

        if self._follower is None:
            self._follower = Follower(self.run)
        return self._follower
