"""Attends to people in other terminals while a session runs: obeys what they ask, keeps the moment for who watches."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

import trio

from harness.errors import HarnessError
from harness.pacing import Tiers, parse_tiers
from harness.record.control import POLL_S, Inbox, Request
from harness.record.events import ItemId, canonical_id
from harness.record.live import Live
from harness.record.moment import drop_live, write_live

# Watchers see counters at most a second late, as parts are written, and the moment no later than that.
LIVE_S = 0.5
MOST_WORKERS = 1000


class Controllable(Protocol):
    """What can be asked of a session."""

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

    inline: in virtual time, where nobody watches from outside, no moment is kept.
    """

    def __init__(self, inbox: Inbox, steered: Controllable, *, inline: bool = False) -> None:
        self._inbox = inbox
        self._steered = steered
        self._inline = inline
        self._kept_s = -LIVE_S
        drop_live(inbox.run_folder)  # of a session that was killed

    async def run(self) -> None:
        """For ever, until cancelled. Files are so few and small that no thread is asked for them."""
        while True:
            self.attend(trio.current_time())
            await trio.sleep(POLL_S)

    def attend(self, now: float) -> None:
        """Obey what was asked since the last time, then keep the moment if it is due (`now`: on any clock)."""
        asked = list(self._inbox.requests())
        answers = [self._obey(request) for request in asked]
        if not self._inline and (asked or now - self._kept_s >= LIVE_S):
            self._kept_s = now
            write_live(self._inbox.run_folder, self._steered.live())
        for request, said in zip(asked, answers, strict=True):  # last, so that who has an answer sees what it did
            self._inbox.answer(request.path, **said)

    def close(self) -> None:
        """The session is over."""
        drop_live(self._inbox.run_folder)
        self._inbox.close()

    def _obey(self, request: Request) -> dict[str, Any]:
        try:
            return obey(self._steered, request)
        except (HarnessError, TypeError, ValueError, KeyError) as error:  # left by a hand or another version
            return {"error": str(error)}


def obey(steered: Controllable, request: Request) -> dict[str, Any]:
    """Do what `request` asks, and answer what is said to it; where its values cannot be used it raises instead."""
    values = request.values
    if request.command == "pause":
        steered.pause()
    elif request.command == "resume":
        steered.resume()
    elif request.command == "stop":
        steered.stop("asked from another terminal")
    elif request.command == "set":
        _set(steered, values.get("workers"), values.get("limit"))
    else:
        items = None if values.get("items") is None else [canonical_id(item) for item in values["items"]]
        act = steered.retry_failed if request.command == "retry" else steered.forget_failed
        return {"count": act(items)}
    return {}


def _set(steered: Controllable, workers: Any, limit: Any) -> None:
    tiers = None if limit is None else parse_tiers(limit)
    if workers is not None:
        if not isinstance(workers, int) or not 1 <= workers <= MOST_WORKERS:
            raise ValueError(f"workers must be a number from 1 to {MOST_WORKERS}, not {workers!r}")
        steered.set_workers(workers)
    if tiers is not None:
        steered.set_limits(tiers)
