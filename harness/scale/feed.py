"""Hand items from the process that reads the list to a shard: a file of JSON lines that only grows.

A line is whole or counts for nothing: what has no newline at its end was cut off by a crash, and the next writer cuts
it off. A line is written only when the page that named its items is on disk, so that a shard never has an item that
the run does not know of; and a shard that dies reads its file again from the beginning and passes over what it had. So
neither end need say how far it is, and nothing is lost or doubled whichever of them dies, and when.

    {"ids": [17, "x9"], "places": ["/a/17", "/b/x9"]}    more items; where they lie, if the list says so
    {"all": true}      the list has been read: no more items are to come
    {"end": "…"}       each of them has come to an end: so can the shard; why, for people
    {"more": true}     the run goes on: neither of these two holds any longer
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import RecordError
from harness.record.events import ItemId, canonical_id
from harness.record.files import sync_folder, unwritable

FEED = "feed.jsonl"
# What is read at once: bounded, however long the file.
_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a feed; `ids` and `places` belong together, in the order of the list."""

    ids: tuple[ItemId, ...] = ()
    places: tuple[str, ...] | None = None
    all: bool = False
    end: str = ""
    more: bool = False


class FeedWriter:
    """Appends to the feed in the folder of a shard. Only the holder of the run's lock may."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FEED
        is_new = not self._path.exists()
        try:
            self._file = open(self._path, "ab")  # noqa: SIM115
            self._cut_torn()
            if is_new:
                sync_folder(folder)
        except OSError as error:
            raise unwritable(self._path, error) from None

    def _cut_torn(self) -> None:
        """Remove what a crash has left behind the last whole line."""
        size = whole = self._file.tell()
        with open(self._path, "rb") as file:
            while whole:
                began = max(0, whole - _BYTES)
                file.seek(began)
                at = file.read(whole - began).rfind(b"\n")
                if at >= 0:
                    whole = began + at + 1
                    break
                whole = began
        if whole < size:
            self._file.truncate(whole)

    def items(self, ids: Sequence[ItemId], places: Sequence[str] | None = None) -> None:
        """Give these to the shard; they are on disk when this returns."""
        self._write({"ids": list(ids)} if places is None else {"ids": list(ids), "places": list(places)})

    def all_given(self) -> None:
        """Say that the list has been read."""
        self._write({"all": True})

    def end(self, why: str) -> None:
        """Say that the shard can end."""
        self._write({"end": why})

    def go_on(self) -> None:
        """Take back that it was over: the run goes on."""
        self._write({"more": True})

    def _write(self, line: dict[str, Any]) -> None:
        try:
            self._file.write(json.dumps(line).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise unwritable(self._path, error) from None

    def close(self) -> None:
        self._file.close()


class FeedReader:
    """Reads the feed in the folder of a shard from its beginning; `read` yields what is new since the last time."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FEED
        self._at = 0

    def read(self) -> Iterator[Line]:
        """Yield the whole lines that were not read yet; RecordError where one is none."""
        try:
            if self._path.stat().st_size <= self._at:
                return
            with open(self._path, "rb") as file:
                file.seek(self._at)
                rest = b""
                while chunk := file.read(_BYTES):
                    *whole, rest = (rest + chunk).split(b"\n")
                    for line in whole:
                        self._at += len(line) + 1
                        yield self._line(line)
        except FileNotFoundError:
            return
        except OSError as error:
            raise RecordError(f"{self._path} cannot be read ({error}); fix the disk, then resume the run") from None

    def _line(self, text: bytes) -> Line:
        try:
            said = json.loads(text)
            places = said.get("places")
            ids = tuple(canonical_id(item) for item in said.get("ids", ()))
            where = None if places is None else tuple(map(str, places))
            if where is not None and len(where) != len(ids):
                raise ValueError("not a place for each item")
            return Line(ids, where, bool(said.get("all")), str(said.get("end", "")), bool(said.get("more")))
        except (ValueError, TypeError, AttributeError) as error:
            raise RecordError(f"{self._path} holds a line that is none ({error}); remove it, then resume") from None


def fed(folder: Path) -> set[ItemId]:
    """Return the items that were given to the shard in `folder` so far."""
    return {item for line in FeedReader(folder).read() for item in line.ids}
