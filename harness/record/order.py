"""Put the payloads of a run in the order of its list, outside memory.

The order is that of the list, not that in which answers came: an item stands where its page and its place on that page
have it, the same for 1 worker as for 50. Pages are ordered thus: readings of the list one after the other, so that what
only an audit found comes last; in a reading, numbered pages by number, and a linked page (a cursor, an offset that is
no whole page) behind the page that named it. An item that two pages name stands at the first of them. What no page
names, as in a record of something else, comes at the end, in the order of writing.

SQLite sorts: a table of ids with their places, and one of payloads by place, in a file beside what is to be written.
The file is unlinked as soon as it is open, and its cache is bounded. Killed in the moment between, it leaves an empty
file, which whoever sorts there next removes.
Where an item has two payloads (its first answer was not the item, or a crash cost its event) the last counts.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from harness.errors import RecordError
from harness.record.arrow import as_current, from_table
from harness.record.events import ItemId, PageListed, PageRef, SessionStarted, canonical_id
from harness.record.files import TEMPORARY
from harness.record.history import event_rows, payload_rows

# What the file is called until it is unlinked, after a dot and a word of its own.
_SORTING = f".sorting{TEMPORARY}"
# What SQLite may hold in memory.
_CACHE_KB = 8_000
# Ids that are handed over at once.
_SOME = 5_000
# Longer payloads are compressed, as they are in the parts: they need about the room of those.
_LONG = 500

_READ = ("ItemImported", "ItemListed", "ItemAdopted")


class Kept(NamedTuple):
    """An item that was imported: its payload (JSON text), and when it was read (UTC), where that was asked for."""

    item: ItemId
    payload: str
    read_us: int | None


class InOrder:
    """The payloads of a run, to be read in the order of the list as often as needed. Made by `in_list_order`."""

    def __init__(self, database: sqlite3.Connection, *, moments: bool) -> None:
        self._database = database
        self._moments = moments
        self._zstd = pa.Codec("zstd")

    def __iter__(self) -> Iterator[Kept]:
        column = "read_us" if self._moments else "NULL"
        rows = self._database.execute(
            f"SELECT id, size, payload, {column} FROM payloads CROSS JOIN places USING (place) ORDER BY payloads.place"
        )
        for text, size, payload, read_us in rows:
            yield Kept(canonical_id(text), self._unpacked(payload, size), read_us)

    def _unpacked(self, payload: str | bytes, size: int) -> str:
        if isinstance(payload, str):
            return payload
        return bytes(self._zstd.decompress(payload, size)).decode()

    def fill(self, folder: Path, wanted: Callable[[ItemId], bool]) -> None:
        """Take in what the run in `folder` has, as its events and items are on disk."""
        execute = self._database.execute
        self._see_pages(folder)
        execute(
            "INSERT OR IGNORE INTO places (id) SELECT id FROM seen ORDER BY reading, part, number, chain, link, rowid"
        )
        execute("DROP TABLE seen")
        if self._moments:
            self._see_moments(folder)
        self._keep_payloads(folder, wanted)

    def _see_pages(self, folder: Path) -> None:
        positions = _Positions()
        for table in event_rows(folder):
            pages = table.filter(pc.is_in(table.column("event"), pa.array(["PageListed", "Relisted"])))
            for event in from_table(pages):
                if not isinstance(event, PageListed):
                    positions.next_reading()
                    continue
                position = positions.of(event)
                rows = ((*position, str(item)) for item in event.ids)
                self._database.executemany("INSERT INTO seen VALUES (?, ?, ?, ?, ?, ?)", rows)

    def _see_moments(self, folder: Path) -> None:
        starts_s: dict[int, float] = {}
        for table in event_rows(folder):
            begun = table.filter(pc.equal(table.column("event"), "SessionStarted"))
            for event in from_table(begun):
                assert isinstance(event, SessionStarted)
                starts_s[event.number] = event.utc_s
            read = as_current(table.filter(pc.is_in(table.column("event"), pa.array(_READ))))
            columns = (read.column(name).to_pylist() for name in ("session", "t_s", "key"))
            rows = ((round((starts_s[number] + t_s) * 1e6), key) for number, t_s, key in zip(*columns, strict=True))
            self._database.executemany("UPDATE places SET read_us = ? WHERE id = ?", rows)

    def _keep_payloads(self, folder: Path, wanted: Callable[[ItemId], bool]) -> None:
        execute = self._database.execute
        (listed,) = execute("SELECT coalesce(max(place), 0) FROM places").fetchone()
        for table in payload_rows(folder):
            for item, payload in zip(table.column("id").to_pylist(), table.column("payload"), strict=True):
                if not wanted(canonical_id(item)):
                    continue
                found = execute("SELECT place FROM places WHERE id = ?", (item,)).fetchone()
                if found is not None and found[0] > listed:  # no page names it: it stands where its last payload does
                    execute("DELETE FROM payloads WHERE place = ?", found)
                    execute("DELETE FROM places WHERE place = ?", found)
                    found = None
                place = execute("INSERT INTO places (id) VALUES (?)", (item,)).lastrowid if found is None else found[0]
                execute("INSERT OR REPLACE INTO payloads VALUES (?, ?, ?)", (place, *self._packed(payload.as_py())))

    def _packed(self, payload: str) -> tuple[int, str | bytes]:
        if len(payload) < _LONG:
            return len(payload), payload
        plain = payload.encode()
        return len(plain), self._zstd.compress(plain, asbytes=True)


class _Positions:
    """Where the pages of a reading stand, as they come: (reading, part, number, chain, links behind it).

    Of a list that is split, what its parts hold stands in their order. A page that no page named, and that has no
    number, begins a chain of its own behind the last number.
    """

    def __init__(self) -> None:
        self._reading = 0
        self._begin()

    def _begin(self) -> None:
        self._numbers: dict[int, int] = {}  # the last, by part
        self._chains: dict[int, int] = {}
        self._named: dict[PageRef, tuple[int, int, int]] = {}

    def next_reading(self) -> None:
        """Begin again: the list is read from its first page on."""
        self._reading += 1
        self._begin()

    def of(self, event: PageListed) -> tuple[int, int, int, int, int]:
        """Return the position of the page that was read next."""
        named, part = self._named.pop(event.page, None), event.page.part
        if event.page.number is not None:
            self._numbers[part] = event.page.number
            position = (event.page.number, 0, 0)
        elif named is not None:
            position = named
        else:
            self._chains[part] = self._chains.get(part, 0) + 1
            position = (self._numbers.get(part, 0), self._chains[part], 0)
        if event.next_page is not None and event.next_page.number is None:
            number, chain, links = position
            self._named[event.next_page] = (number, chain, links + 1)
        return (self._reading, part, *position)


@contextmanager
def in_list_order(
    folder: Path, wanted: Callable[[ItemId], bool] = lambda _: True, *, beside: Path, moments: bool = False
) -> Iterator[InOrder]:
    """Sort the payloads of the `wanted` items of the run in `folder`, and let them be read while the block runs.

    beside: the folder in whose file system they are sorted. moments: with the moments at which they were read.
    RecordError where there is no room for that.
    """
    with _database(beside) as database:
        sorting = InOrder(database, moments=moments)
        sorting.fill(folder, wanted)
        yield sorting


_TABLES = (
    "seen (reading, part, number, chain, link, id TEXT)",
    "places (place INTEGER PRIMARY KEY, id TEXT UNIQUE, read_us INTEGER)",
    "payloads (place INTEGER PRIMARY KEY, size INTEGER, payload)",
)


@contextmanager
def _database(beside: Path) -> Iterator[sqlite3.Connection]:
    """Open a database with empty tables, of which nothing is left afterwards; errors of its file are RecordErrors."""
    _clear(beside)
    try:
        handle, name = tempfile.mkstemp(_SORTING, ".", beside)
        os.close(handle)
    except OSError as error:
        raise _unsortable(beside, error) from None
    try:
        # Used by one thread at a time, which need not be the one that closes it.
        database = sqlite3.connect(name, isolation_level=None, check_same_thread=False)
        try:
            for setting in ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE"):
                database.execute(f"PRAGMA {setting}")
            database.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
            database.execute("BEGIN")
            for table in _TABLES:
                database.execute(f"CREATE TABLE {table}")
            with suppress(FileNotFoundError):  # another one that sorts here took it for a leftover
                os.unlink(name)
            yield database
        finally:
            database.close()
    except sqlite3.Error as error:
        raise _unsortable(beside, error) from None


def _clear(folder: Path) -> None:
    """Remove what was left of files that a kill kept from being unlinked.

    One that another process is about to open may go with them: it is made again when it is opened, and one that is
    open needs its name no more.
    """
    for path in folder.glob(f".*{_SORTING}"):
        with suppress(OSError):  # another user's, in a folder for everybody's temporary files
            path.unlink()


def _unsortable(folder: Path, error: Exception) -> RecordError:
    return RecordError(f"the items cannot be sorted in {folder} ({error}); make room there, or fix the folder")
