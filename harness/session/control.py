"""Steer a run by one handle, whether its session is in this process or in another.

`RunHandle` is what the command line and the panel hold. `RemoteHandle` reaches the session through the run's folder: it
leaves a command there, which the session's `ControlServer` reads four times a second, obeys and answers. (The handle in
this process is `harness.notebook.handles.LocalRun`.) Both end in `obey`, so both check and answer the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import trio

from harness.errors import HarnessError
from harness.flags import MOST_WORKERS
from harness.pacing import Tiers, parse_tiers
from harness.record.clock import utc_s
from harness.record.control import POLL_S, Command, Inbox, Posted, ask, reply
from harness.record.events import ItemId, canonical_id
from harness.record.live import Live, drop_live, write_live
from harness.record.run import Run
from harness.speed import by_the_wall

if TYPE_CHECKING:
    from harness.record.run_view import RunView
    from harness.session.reader import RunReader

# Watchers see counters at most a second late, as parts are written, and the live status no later than that.
LIVE_S = 0.5


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a command. count: of the items that it was about. error: in one sentence, why it was refused."""

    count: int | None = None
    error: str = ""


class Asked(Protocol):
    """A command on its way."""

    def answer(self) -> Answer | None:
        """Return what the session said; None while it has said nothing. NotRunning where it ended before it heard."""


class RunHandle(Protocol):
    """A run as it can be seen, and what can be asked of its session. Every command may raise NotRunning, with one
    sentence.
    """

    def view(self) -> RunView | None:
        """Return the run at this moment; None before there is anything to see."""

    def pause(self) -> Asked:
        """Send nothing new until `resume`."""

    def resume(self) -> Asked:
        """Go on after a pause."""

    def stop(self, reason: str = ...) -> Asked:
        """Finish what is in flight, then end; a second call ends at once."""

    def set(self, *, workers: int | None = None, limit: str | None = None) -> Asked:
        """Go on with so many workers, or keep to these limits (in the grammar of limits) from now on."""

    def retry(self, items: Collection[ItemId] | None = None) -> Asked:
        """Fetch again, and first, what failed for good: all of it, or these items."""

    def forget(self, items: Collection[ItemId] | None = None) -> Asked:
        """Give failed items up: all, or these."""


class RemoteHandle:
    """A run whose session may be in another process: seen in its folder, steered by commands left there."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._reader: RunReader | None = None

    def view(self) -> RunView:
        """Read what is new in the run's folder."""
        from harness.session.reader import RunReader  # Parquet, which whoever only steers does not need

        if self._reader is None:
            self._reader = RunReader(self.run, charted=True)
        return self._reader.view(utc_s())

    def pause(self) -> Asked:
        return self._ask("pause")

    def resume(self) -> Asked:
        return self._ask("resume")

    def stop(self, reason: str = "") -> Asked:
        """Ask it to finish what is in flight and end. The session itself says from where it was asked."""
        return self._ask("stop")

    def set(self, *, workers: int | None = None, limit: str | None = None) -> Asked:
        wanted = {"workers": workers, "limit": limit}
        return self._ask("set", **{name: value for name, value in wanted.items() if value is not None})

    def retry(self, items: Collection[ItemId] | None = None) -> Asked:
        return self._ask("retry", items=None if items is None else list(items))

    def forget(self, items: Collection[ItemId] | None = None) -> Asked:
        return self._ask("forget", items=None if items is None else list(items))

    def _ask(self, command: Command, **values: Any) -> Asked:
        return _Left(ask(self.run, command, **values))


@dataclass(frozen=True, slots=True)
class _Left:
    """A command left in a run's folder."""

    path: Path

    def answer(self) -> Answer | None:
        said = reply(self.path)
        return None if said is None else Answer(said.get("count"), said.get("error", ""))


class Controllable(Protocol):
    """A session, as far as it can be steered."""

    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def stop(self, reason: str = ...) -> None: ...
    def set_workers(self, workers: int) -> None: ...
    def set_limits(self, tiers: Tiers) -> None: ...
    def retry_failed(self, items: Collection[ItemId] | None = None) -> int: ...
    def forget_failed(self, items: Collection[ItemId] | None = None) -> int: ...
    def live(self) -> Live: ...


class ControlServer:
    """For session `number`, whose run lies in `inbox`'s folder; make it with the run locked.

    inline: in virtual time, where nobody watches from outside, no live status is written.
    """

    def __init__(self, inbox: Inbox, steered: Controllable, *, inline: bool = False) -> None:
        self._inbox = inbox
        self._steered = steered
        self._inline = inline
        self._kept_s = -LIVE_S
        drop_live(inbox.run_folder)  # of a session that was killed

    async def run(self) -> None:
        """Serve for ever, until cancelled. Files are so few and small that no thread is asked for them."""
        while True:
            self.attend(trio.current_time())
            await trio.sleep(by_the_wall(POLL_S))

    def attend(self, now: float) -> None:
        """Obey what was asked since the last time, then write the live status if it is due (`now`: on any clock)."""
        asked = list(self._inbox.commands())
        answers = [self._obey(request) for request in asked]
        if not self._inline and (asked or now - self._kept_s >= LIVE_S):
            self._kept_s = now
            write_live(self._inbox.run_folder, self._steered.live())
        for request, said in zip(asked, answers, strict=True):  # last, so that who has an answer sees what it did
            self._inbox.answer(request.path, **said)

    def close(self) -> None:
        """Drop what was kept of the moment and take no more commands: the session is over."""
        drop_live(self._inbox.run_folder)
        self._inbox.close()

    def _obey(self, request: Posted) -> dict[str, Any]:
        try:
            return obey(self._steered, request.command, request.values)
        except (HarnessError, TypeError, ValueError, KeyError) as error:  # left by a hand or another version
            return {"error": str(error)}


def obey(steered: Controllable, command: Command, values: Mapping[str, Any]) -> dict[str, Any]:
    """Do what is asked, and return the answer to it; raise instead where the values cannot be used."""
    if command == "pause":
        steered.pause()
    elif command == "resume":
        steered.resume()
    elif command == "stop":
        steered.stop(values.get("reason", "asked from another terminal"))
    elif command == "set":
        _set(steered, values.get("workers"), values.get("limit"))
    else:
        items = _items(values.get("items"))
        act = steered.retry_failed if command == "retry" else steered.forget_failed
        return {"count": act(items)}
    return {}


def _items(given: Any) -> list[ItemId] | None:
    """Return the ids that a command names, or None for all; ValueError for anything else than a list of ids."""
    if given is None:
        return None
    if not isinstance(given, (list, tuple, set, frozenset)) or not all(isinstance(item, (int, str)) for item in given):
        raise ValueError(f"items must be a list of ids, not {given!r}")
    return [canonical_id(item) for item in given]


def _set(steered: Controllable, workers: Any, limit: Any) -> None:
    tiers = None if limit is None else parse_tiers(limit)
    if workers is not None:
        if isinstance(workers, bool) or not isinstance(workers, int) or not 1 <= workers <= MOST_WORKERS:
            raise ValueError(f"workers must be a number from 1 to {MOST_WORKERS}, not {workers!r}")
        steered.set_workers(workers)
    if tiers is not None:
        steered.set_limits(tiers)
