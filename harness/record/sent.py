"""How many requests were begun, in a file that survives kill -9 although nothing waits for the disk.

Events reach the disk up to a second late. What a killed session sent in that second must still be charged to the
limits before the next one sends, or the two together exceed them. The kernel keeps a memory-mapped page when its
process dies; only a power cut loses it, and then the machine's restart takes longer than the second in question.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

from harness.record.files import unwritable

_LAYOUT = struct.Struct("<qd")


class SentCounter:
    """The number of requests begun in all sessions of a run, and when (UTC) the last one was."""

    def __init__(self, folder: Path) -> None:
        path = folder / "sent"
        try:
            if not path.exists() or path.stat().st_size < _LAYOUT.size:
                path.write_bytes(bytes(_LAYOUT.size))
            with open(path, "r+b") as file:
                self._page = mmap.mmap(file.fileno(), _LAYOUT.size)
        except OSError as error:
            raise unwritable(path, error) from None
        self.count, self.last_utc_s = _LAYOUT.unpack_from(self._page)

    def add(self, now_utc_s: float) -> None:
        """One more is about to be sent."""
        self.count += 1
        _LAYOUT.pack_into(self._page, 0, self.count, now_utc_s)

    def set(self, count: int) -> None:
        """Begin again from what the record says, once the difference has been charged."""
        self.count = count
        _LAYOUT.pack_into(self._page, 0, count, self.last_utc_s)

    def close(self) -> None:
        self._page.close()
