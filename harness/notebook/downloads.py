"""Send files to the browser through the table's own connection, in parts, so that they arrive wherever the kernel is.

Each page that shows the table hears of a file; the one that was used last takes it, and every part is sent once the one
before has arrived. The file lies on the machine of the kernel in any case, and that place is said: a page may be closed
before it has all of it, and what is larger than a browser should hold in memory is not sent at all.

A file is opened when it is offered: another of the same name, made before this one has arrived, takes its place in the
folder and not in the browser.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, BinaryIO

from harness.errors import RecordError
from harness.views.text import size

# A browser holds the parts and the whole for a moment; more than this is a matter for scp.
MOST_BYTES = 200_000_000
# Four times a second: 16 MB/s at the most, far below what would keep the figures of a running import waiting.
PART_BYTES = 4_000_000
# A page that is there answers at once, one that lies behind others within a second.
_CLAIMS_S, _PATIENCE_S = 0.5, 30.0

MIME = {".csv": "text/csv", ".html": "text/html", ".zip": "application/zip"}
_OTHER = "application/vnd.apache.parquet"

Send = Callable[[dict[str, Any], Sequence[bytes]], None]


@dataclass(slots=True)
class _Transfer:
    """A file on its way. since_s: of the last sign of life; to: the page that takes it, None while none has said so."""

    id: int
    path: Path
    file: BinaryIO
    bytes: int
    since_s: float
    claims: dict[str, float] = field(default_factory=dict)
    to: str | None = None
    at: int = -1  # the part that was sent last
    arrived: bool = True

    @property
    def parts(self) -> int:
        return max(1, -(-self.bytes // PART_BYTES))


class Downloads:
    """`offer` files; `tick` sends what is due, and `heard` takes what pages say, from whatever thread.

    say: gets a sentence, and whether it is bad news, when a file has arrived or was given up.
    """

    def __init__(self, send: Send, say: Callable[[str, bool], None]) -> None:
        self._send, self._say = send, say
        self._said: SimpleQueue[Mapping[str, Any]] = SimpleQueue()
        self._offered: SimpleQueue[tuple[Path, BinaryIO, int]] = SimpleQueue()
        self._now: _Transfer | None = None
        self._count = 0

    def offer(self, path: Path) -> str:
        """Have the file sent; return a sentence that says where it lies, and whether it is on its way."""
        file = path.open("rb")
        number = os.fstat(file.fileno()).st_size
        where = f"{path.name} ({size(number)}) lies in {path.parent}"
        if number > MOST_BYTES:
            file.close()
            return f"{where}; {size(MOST_BYTES)} are the most that is sent to a browser: copy it from there"
        self._offered.put((path, file, number))
        return f"{where} and is sent to your browser"

    def heard(self, message: Mapping[str, Any]) -> None:
        """Take what a page said about a file."""
        self._said.put(message)

    def tick(self, now_s: float) -> None:
        """Send what is due. now_s: on any clock that only goes forward."""
        while True:
            try:
                self._take(self._said.get_nowait(), now_s)
            except Empty:
                break
        if self._now is None:
            self._begin(now_s)
            return
        transfer = self._now
        try:
            self._go_on(transfer, now_s)
        except OSError as error:
            self._over(transfer, f"{transfer.path} cannot be read ({error.strerror}); export it again", bad=True)

    def _begin(self, now_s: float) -> None:
        try:
            path, file, number = self._offered.get_nowait()
        except Empty:
            return
        self._count += 1
        self._now = _Transfer(self._count, path, file, number, now_s)
        self._send({"type": "offer", "id": self._count, "name": path.name, "size": number}, [])

    def _over(self, transfer: _Transfer, words: str, *, bad: bool) -> None:
        self._now = None
        transfer.file.close()
        self._say(words, bad)

    def _take(self, message: Mapping[str, Any], now_s: float) -> None:
        transfer, who = self._now, message.get("who")
        if transfer is None or message.get("id") != transfer.id or not isinstance(who, str):
            return  # of one that was given up
        idle = message.get("idle")
        if message.get("do") == "take" and transfer.to is None and isinstance(idle, (int, float)):
            transfer.claims[who] = float(idle)
        elif message.get("do") == "got" and who == transfer.to and message.get("at") == transfer.at:
            transfer.arrived, transfer.since_s = True, now_s

    def _go_on(self, transfer: _Transfer, now_s: float) -> None:
        waited_s = now_s - transfer.since_s
        if transfer.to is None and transfer.claims and waited_s >= _CLAIMS_S:
            transfer.to = min(transfer.claims, key=transfer.claims.__getitem__)
        if transfer.to is not None and transfer.arrived:
            if transfer.at + 1 == transfer.parts:
                path = transfer.path
                self._over(transfer, f"{path.name} was sent to your browser; it also lies in {path.parent}", bad=False)
                return
            transfer.at, transfer.arrived, transfer.since_s = transfer.at + 1, False, now_s
            self._send_part(transfer)
        elif waited_s > _PATIENCE_S:
            self._over(transfer, f"no page took {transfer.path.name}; it lies in {transfer.path.parent}", bad=True)

    def _send_part(self, transfer: _Transfer) -> None:
        transfer.file.seek(transfer.at * PART_BYTES)
        data = transfer.file.read(PART_BYTES)
        if len(data) < min(PART_BYTES, transfer.bytes - transfer.at * PART_BYTES):
            raise OSError(errno.EIO, "it has become shorter")
        about = {"id": transfer.id, "to": transfer.to, "at": transfer.at, "of": transfer.parts}
        mime = MIME.get(transfer.path.suffix, _OTHER)
        self._send({"type": "part", **about, "name": transfer.path.name, "mime": mime}, [data])


def made_folder(results: Path) -> Path:
    """Return the folder for what is downloaded, beside the results; RecordError where it cannot be made."""
    folder = results.parent / "exports"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise RecordError(f"{folder} cannot be made ({error.strerror}); make it, or use `export -o FILE`") from None
    return folder
