"""Count the requests that were begun, in a file that survives kill -9 although nothing waits for the disk.

Events reach the disk up to a second late. What a killed session sent in that second must still be charged to the
limits before the next one sends, or the two together exceed them. The kernel keeps a memory-mapped page when its
process dies; only a power cut loses it, and then the machine's restart takes longer than the second in question.

With the number goes when the last request was sent, on two clocks. The *run's own clock* says when in the run: it goes
with the sessions' clocks while they last, and between them by what the second clock proves. That is the machine's: it
counts from its start and nobody sets it, as people and time servers set the wall clock.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any

from harness.record.clock import Boot
from harness.record.files import unwritable

_LAYOUT = struct.Struct("<qdd36s")
# What versions before wrote: the number, and the wall clock at the last request. No run is as old as that clock.
_OLD = struct.Struct("<qd")
_OLDEST_UTC_S = 1e8


class SentCounter:
    """The number of requests begun in all sessions of a run, and when the last one was.

    last_s: by the run's own clock; None where that is not known. last_boot: by the machine's.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "sent"
        try:
            said = path.read_bytes() if path.exists() else b""
            with open(path, "r+b" if said else "w+b") as file:
                if len(said) < _LAYOUT.size:  # made longer in one step: a kill leaves the number as it was
                    file.truncate(0 if len(said) < _OLD.size else _OLD.size)
                    file.truncate(_LAYOUT.size)
                self._page = mmap.mmap(file.fileno(), _LAYOUT.size)
        except OSError as error:
            raise unwritable(path, error) from None
        self.count, last_s, boot_s, boot = _LAYOUT.unpack_from(self._page)
        self.last_boot = Boot(boot.rstrip(b"\0").decode("ascii", "replace"), boot_s)
        old = not self.last_boot.id and last_s > _OLDEST_UTC_S
        self.last_utc_s = last_s if old else None
        self.last_s: float | None = last_s if self.count and not old else None

    def add(self, run_s: float, boot: Boot) -> None:
        """Count one more request, about to be sent at `run_s` of the run's own clock."""
        self.count += 1
        self.last_s, self.last_boot, self.last_utc_s = run_s, boot, None
        self._write()

    def set(self, count: int) -> None:
        """Begin again from what the record says, once the difference has been charged."""
        self.count = count
        self._write()

    def _write(self) -> None:
        boot = self.last_boot
        last_s = self.last_utc_s or self.last_s or 0.0
        _LAYOUT.pack_into(self._page, 0, self.count, last_s, boot.at_s, boot.id.encode("ascii", "replace"))

    def close(self) -> None:
        self._page.close()


def last_boot(folder: Path) -> Boot | None:
    """Return when a run sent its last request, by its machine's clock; None where its counter does not say."""
    try:
        said = (folder / "sent").read_bytes()
    except OSError:
        return None
    if len(said) != _LAYOUT.size:
        return None
    count, _, at_s, name = _LAYOUT.unpack(said)
    return Boot(name.rstrip(b"\0").decode("ascii", "replace"), at_s) if count and name.strip(b"\0") else None


def session_starts(about: Mapping[str, Any], utc: list[float], sent: SentCounter, now: Boot) -> list[float]:
    """Return when each session of a run began, by the run's own clock; last the one that begins `now`.

    about: its run.json. utc: when each began, by the wall clock. Between two sessions the least time has passed that is
    certain: what the machine's clock has counted since the last request, or none where the machine was started again
    or is another.
    """
    said = about.get("sessions_run_s", [])
    kept = [float(at) for at in said if isinstance(at, (int, float))] if isinstance(said, list) else []
    if len(kept) != len(utc):  # a version before wrote it: by the wall clock, which may have gone back
        kept = list(accumulate((began - utc[0] for began in utc), max))
    last_s = sent.last_s
    if sent.last_utc_s is not None and utc:
        last_s = sent.last_utc_s - utc[0]
    before_s = kept[-1] if kept else 0.0
    return [*kept, max(before_s, before_s if last_s is None else last_s + now.since(sent.last_boot))]
