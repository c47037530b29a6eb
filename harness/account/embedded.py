"""The account in one SQLite file of this machine: no server and no set-up; for simulations, in memory.

**Time** is the machine's monotonic clock, which nobody sets and which all its processes share. It stands still while
the machine sleeps, as trio's does; the server's windows pass meanwhile, so that is safe. It begins anew when the
machine starts, which the id of that start tells: then all that is in the file counts as if no time had passed since it
was written last, and whoever held a lease is dead.

**Durability.** Writes survive the death of any process. Nothing waits for the disk: after a power cut some may be
missing, and the machine takes longer to start than they were old.

**How long units are kept.** As long as the longest limit that anybody kept to lately reaches. Units of a while ago are
gathered: at the latest time among them, within 1/400 of their age, so that a day's quota takes a few thousand rows.
"""

from __future__ import annotations

import os
import secrets
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path

from harness.account.books import Books
from harness.account.store import AccountKey, AccountNow, Counted, Holder, StoreUnavailable
from harness.pacing.exchange import Exchange, Leased
from harness.record.clock import boot_id

SCHEMA = 1
# In exchanges of this process: how often what changes slowly is noted, and the books are tidied.
NOTED_EVERY, TIDIED_EVERY = 16, 512
# Another process holds the file for less than a millisecond.
BUSY_S = 0.5


def machine_s() -> float:
    """Return the seconds of the machine's monotonic clock."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def is_dead(pid: int) -> bool:
    """Return whether a process of this machine is certainly no more."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


class EmbeddedStore:
    """A `BudgetStore` in the file `path`; None: in memory. clock: as of `machine_s`. start: the id of its start."""

    def __init__(
        self,
        path: Path | None,
        clock: Callable[[], float] = machine_s,
        start: str | None = None,
        dead: Callable[[int], bool] = is_dead,
        machine: str | None = None,
    ) -> None:
        self.path = path
        self.where = "memory" if path is None else str(path)
        self._clock, self._start, self._dead = clock, boot_id() if start is None else start, dead
        self._machine = socket.gethostname() if machine is None else machine
        self._db: sqlite3.Connection | None = None
        self._accounts: dict[AccountKey, int] = {}
        self._calls = 0

    # --- opening --------------------------------------------------------------------------------------------------

    async def open(self) -> str:
        return self.open_now()

    def open_now(self) -> str:
        """Open the file, and make what is not there; return the store's id."""
        try:
            if self.path is not None:
                self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            name = ":memory:" if self.path is None else str(self.path)
            self._db = sqlite3.connect(name, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            if self.path is not None:
                with suppress(OSError):
                    self.path.chmod(0o600)
                self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=OFF")
            with self._atomic() as db:
                return self._prepare(db)
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailable(f"the account in {self.where} cannot be used ({error})") from None

    def _prepare(self, db: sqlite3.Connection) -> str:
        # executescript would commit
        for statement in resources.files("harness.account").joinpath("schema.sql").read_text().split(";"):
            if statement.strip():
                db.execute(statement)
        meta = dict(db.execute("SELECT name, value FROM meta").fetchall())
        if int(meta.get("schema", SCHEMA)) > SCHEMA:
            raise StoreUnavailable(f"the account in {self.where} was written by a newer version; upgrade this one")
        new = {"schema": SCHEMA, "id": secrets.token_hex(8), "secret": secrets.token_hex(32), "start": self._start}
        for name, value in new.items():
            db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (name, value))
        if meta.get("start", self._start) != self._start:
            self._started_anew(db)
        return str(meta.get("id", new["id"]))

    def _started_anew(self, db: sqlite3.Connection) -> None:
        """Take the file over from an earlier start of the machine, or from another machine."""
        now = self._clock()
        last = db.execute("SELECT value FROM meta WHERE name = 'last_t'").fetchone()
        shift = now - (float(last[0]) if last else now)
        db.execute("UPDATE unit SET t = min(t + ?, ?)", (shift, now))
        db.execute("INSERT INTO unit SELECT account, ?, route, units FROM lease WHERE units > 0", (now,))
        db.execute("DELETE FROM lease")
        db.execute("DELETE FROM hold")
        db.execute("UPDATE kept SET seen_t = seen_t + ?", (shift,))
        db.execute("UPDATE account SET used_t = used_t + ?, lost_t = NULL", (shift,))
        db.execute("UPDATE meta SET value = ? WHERE name = 'start'", (self._start,))

    @contextmanager
    def _atomic(self) -> Iterator[sqlite3.Connection]:
        db = self._db
        if db is None:
            raise StoreUnavailable(f"the account in {self.where} is closed")
        try:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            self._accounts.clear()
            raise StoreUnavailable(f"the account in {self.where} cannot be used ({error})") from None

    async def close(self) -> None:
        self.close_now()

    def close_now(self) -> None:
        """Close the file."""
        if self._db is not None:
            self._db.close()
            self._db = None

    async def secret(self) -> bytes:
        with self._atomic() as db:
            return bytes.fromhex(self._meta(db, "secret"))

    def _meta(self, db: sqlite3.Connection, name: str) -> str:
        return str(db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()[0])

    # --- taking part ----------------------------------------------------------------------------------------------

    async def join(self, key: AccountKey, holder: Holder, span_s: float, dead: tuple[str, ...] = ()) -> list[Counted]:
        return self.join_now(key, holder, span_s, dead)

    def join_now(self, key: AccountKey, holder: Holder, span_s: float, dead: tuple[str, ...] = ()) -> list[Counted]:
        """Do what `join` says."""
        with self._atomic() as db:
            books = self._books(db, key)
            books.bury(holder.id, lambda one, pid, machine: one in dead or self._is_dead(one, pid, machine))
            self._note_time(books)
            return books.join(holder, span_s)

    async def exchange(self, key: AccountKey, holder: Holder, said: Exchange) -> Leased:
        return self.exchange_now(key, holder, said)

    def exchange_now(self, key: AccountKey, holder: Holder, said: Exchange) -> Leased:
        """Do what `exchange` says."""
        with self._atomic() as db:
            books = self._books(db, key)
            books.bury(holder.id, self._is_dead)
            if self._calls % NOTED_EVERY == 0:
                books.keep(said.limits)
                self._note_time(books)
            self._calls += 1
            if self._calls % TIDIED_EVERY == 0:
                books.tidy()
            return books.exchange(holder, said, lambda: self._meta(db, "id"))

    def _books(self, db: sqlite3.Connection, key: AccountKey) -> Books:
        account = self._accounts.get(key)
        if account is None:
            same = (key.host, key.identity)
            db.execute("INSERT OR IGNORE INTO account (host, identity, label) VALUES (?, ?, ?)", (*same, key.label))
            row = db.execute("SELECT id FROM account WHERE host = ? AND identity = ?", same).fetchone()
            account = self._accounts[key] = int(row[0])
        return Books(db, account, self._clock())

    def _is_dead(self, _: str, pid: int, machine: str) -> bool:
        return machine == self._machine and self._dead(pid)

    def _note_time(self, books: Books) -> None:
        books.db.execute("INSERT OR REPLACE INTO meta VALUES ('last_t', ?)", (books.now,))

    # --- learned limits, and what people ask ----------------------------------------------------------------------

    async def learned(self, key: AccountKey) -> str:
        with self._atomic() as db:
            account = self._books(db, key).account
            return str(db.execute("SELECT learned FROM account WHERE id = ?", (account,)).fetchone()[0])

    async def learn(self, key: AccountKey, limits: str) -> None:
        with self._atomic() as db:
            db.execute("UPDATE account SET learned = ? WHERE id = ?", (limits, self._books(db, key).account))

    async def accounts(self) -> list[AccountNow]:
        with self._atomic() as db:
            rows = db.execute("SELECT id, host, identity, label, learned, used_t FROM account ORDER BY host, label")
            return [self._now(db, *row) for row in rows.fetchall()]

    def _now(
        self, db: sqlite3.Connection, account: int, host: str, identity: str, label: str, learned: str, used_t: float
    ) -> AccountNow:
        books = Books(db, account, self._clock())
        books.bury("", self._is_dead)
        last_s = None if used_t is None else books.now - used_t
        key = AccountKey(host, identity, label)
        return AccountNow(key, books.limits(), books.holders(), learned, books.hold_s(), last_s)

    async def forget(self, key: AccountKey) -> None:
        with self._atomic() as db:
            account = self._books(db, key).account
            for table in ("unit", "lease", "hold", "kept"):
                db.execute(f"DELETE FROM {table} WHERE account = ?", (account,))
            db.execute("DELETE FROM account WHERE id = ?", (account,))
            self._accounts.clear()
