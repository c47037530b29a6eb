"""Other runs against the same host with the same key, of which this one knows nothing: what they send counts, too."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.config import ImportConfig, sent_as
from harness.errors import RecordError
from harness.record.clock import Boot
from harness.record.run import Run
from harness.record.sent import last_boot
from harness.units import format_period

# Where no limit is known: the longest window that most APIs have.
USUAL_WINDOW_S = 60.0


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A run whose requests may still count. pid: of the process that writes it now; None: its last was `ago_s` ago."""

    name: str
    ago_s: float
    pid: int | None = None


def neighbour(config: ImportConfig, but: str, window_s: float, now: Boot) -> Neighbour | None:
    """The run in the same folder that is most in the way of one with `config`; None where none is.

    One that is being written comes first, then the one that sent last. but: the run itself. None for a test API of our
    own, which is another one each time.
    """
    if config.learned_for is None:
        return None
    found = [
        one
        for folder in config.results.glob("*/sent")
        if folder.parent.name != but and (one := _look(folder.parent, window_s, now)) is not None
    ]
    found.sort(key=lambda one: (one.pid is None, one.ago_s, one.name))
    return next((one for one in found if _is_same(config, Run(config.results / one.name))), None)


def _look(folder: Path, window_s: float, now: Boot) -> Neighbour | None:
    """What the lock and the counter of a run say; None where it is not at work and has not been for a window."""
    pid = Run(folder).writer_pid
    before = last_boot(folder)
    known = before is not None and bool(now.id) and before.id == now.id
    ago_s = now.since(before) if known and before is not None else math.inf
    return Neighbour(folder.name, ago_s, pid) if pid is not None or ago_s < window_s else None


def _is_same(config: ImportConfig, run: Run) -> bool:
    """Does it go to the same host with the same key, by the names that are kept of it?"""
    try:
        about = run.about
        said: dict[str, Any] = about.get("config", {})
        names = tuple(said.get("header_names") or ())
        return (
            not about.get("simulated") and sent_as(said.get("url"), said.get("token_env"), names) == config.learned_for
        )
    except (RecordError, ValueError, TypeError, AttributeError):
        return False


def told(found: Neighbour, window_s: float) -> str:
    """One line for people: what is the matter, and what can be done."""
    if found.pid is not None:
        what = f"run {found.name} is importing from this host with this key now, in process {found.pid}"
        return f"{what}: the two may be refused; let it end first, or give each a part of the limits with --share 50%"
    what = f"run {found.name} sent to this host with this key {_period(found.ago_s)} ago, which may still count"
    left = _period(window_s - found.ago_s)
    return f"{what}: some requests may be refused at first; wait {left} before you start, or use less with --share 50%"


def _period(seconds: float) -> str:
    return format_period(max(1, math.ceil(seconds)))
