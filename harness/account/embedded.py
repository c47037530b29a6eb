"""The account in one SQLite file of this machine: no server and no set-up; for simulations, in memory.

**Time** is the machine's monotonic clock, which nobody sets and which all its processes share. It stands still while
the machine sleeps, as trio's does; the server's windows pass meanwhile, so that is safe. It begins anew when the machine
starts, which the id of that start tells: then all that is in the file counts as if no time had passed since it was
written last, and whoever held a lease is dead.

**Durability.** Writes survive the death of any process. Nothing waits for the disk: after a power cut some may be
missing, and the machine takes longer to start than they were old.

**How long units are kept.** As long as the longest limit that anybody kept to lately reaches. Units of a while ago are
gathered: at the latest time among them, within 1/400 of their age, so that a day's quota takes a few thousand rows.
"""

from __future__ import annotations

import json
import math
import os
import secrets
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from importlib import resources
from pathlib import Path

from harness.account.store import AccountKey, AccountNow, Counted, Holder, LimitNow, StoreUnavailable
from harness.pacing.leases import LIFE_S, Exchange, Leased, Limit, Other
from harness.record.clock import boot_id

SCHEMA = 1
# A holder that said nothing for as long is at work no more, for who asks whether others are.
PRESENT_S = 1.5 * LIFE_S
# A pause that was over so long ago says nothing of now.
STALE_S = 60.0
# Units that no limit was named for are kept so long: the longest window that most APIs have.
LEAST_KEPT_S = 120.0
# Limits that nobody named for a week are forgotten.
FORGOTTEN_S = 7 * 86_400.0
GATHERED = 400
GATHERED_AFTER_S = 20.0
# Housekeeping, in exchanges.
EVERY = 512
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
            return bytes.fromhex(db.execute("SELECT value FROM meta WHERE name = 'secret'").fetchone()[0])

    def _account(self, db: sqlite3.Connection, key: AccountKey) -> int:
        found = self._accounts.get(key)
        if found is None:
            same = (key.host, key.identity)
            db.execute("INSERT OR IGNORE INTO account (host, identity, label) VALUES (?, ?, ?)", (*same, key.label))
            row = db.execute("SELECT id FROM account WHERE host = ? AND identity = ?", same).fetchone()
            found = self._accounts[key] = int(row[0])
        return found

    # --- taking part ----------------------------------------------------------------------------------------------

    async def join(self, key: AccountKey, holder: Holder, span_s: float, dead: tuple[str, ...] = ()) -> list[Counted]:
        return self.join_now(key, holder, span_s, dead)

    def join_now(self, key: AccountKey, holder: Holder, span_s: float, dead: tuple[str, ...] = ()) -> list[Counted]:
        """Do what `join` says."""
        with self._atomic() as db:
            now, account = self._clock(), self._account(db, key)
            self._bury(db, account, now, holder.id, dead)
            db.execute("UPDATE lease SET joined_t = ? WHERE account = ? AND holder = ?", (now, account, holder.id))
            self._seat(db, account, holder, "*", now)
            self._note_time(db, now)
            since = now - span_s
            rows = db.execute("SELECT route, t, cost FROM unit WHERE account = ? AND t > ?", (account, since)).fetchall()
            leased = db.execute(
                "SELECT route, leased_t + ? + occupies_s, units FROM lease"
                " WHERE account = ? AND holder != ? AND units > 0",
                (LIFE_S, account, holder.id),
            ).fetchall()
        counted = [Counted(route, now - t, cost) for route, t, cost in rows + leased]
        return sorted(counted, key=lambda one: -one.age_s)

    def _seat(self, db: sqlite3.Connection, account: int, holder: Holder, route: str, now: float) -> None:
        joined = db.execute(
            "SELECT min(joined_t) FROM lease WHERE account = ? AND holder = ?", (account, holder.id)
        ).fetchone()[0]
        db.execute(
            "INSERT OR IGNORE INTO lease (account, holder, route, name, pid, machine, joined_t, seen_t)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (account, holder.id, route, holder.name, holder.pid, holder.machine, joined or now, now),
        )

    def _bury(
        self, db: sqlite3.Connection, account: int, now: float, me: str, dead: tuple[str, ...] = ()
    ) -> None:
        """Charge what holders that are no more may have sent, and forget those of whom nothing counts."""
        rows = db.execute(
            "SELECT holder, route, units, leased_t, occupies_s, linger_s, seen_t, pid, machine, present FROM lease"
            " WHERE account = ? AND holder != ? AND (units > 0 OR present)",
            (account, me),
        ).fetchall()
        for holder, route, units, leased_t, occupies_s, linger_s, seen_t, pid, machine, present in rows:
            counted_by = (leased_t if leased_t is not None else seen_t) + LIFE_S + occupies_s
            gone = holder in dead or (machine == self._machine and self._dead(pid))
            if gone:  # it sends no more, and what it had sent is given up
                counted_by = min(counted_by, now + linger_s)
            if not gone and counted_by > now:
                if present and now - seen_t > PRESENT_S:
                    db.execute(
                        "UPDATE lease SET present = 0, unmet = 0 WHERE account = ? AND holder = ?", (account, holder)
                    )
                continue
            if units > 0:
                db.execute("INSERT INTO unit VALUES (?, ?, ?, ?)", (account, counted_by, route, units))
            db.execute(
                "UPDATE lease SET units = 0, unmet = 0, present = 0 WHERE account = ? AND holder = ? AND route = ?",
                (account, holder, route),
            )
            db.execute("UPDATE hold SET probe = NULL WHERE account = ? AND probe = ?", (account, holder))

    def _note_time(self, db: sqlite3.Connection, now: float) -> None:
        db.execute("INSERT INTO meta VALUES ('last_t', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (now,))

    # --- the exchange ---------------------------------------------------------------------------------------------

    async def exchange(self, key: AccountKey, holder: Holder, said: Exchange) -> Leased:
        return self.exchange_now(key, holder, said)

    def exchange_now(self, key: AccountKey, holder: Holder, said: Exchange) -> Leased:
        """Do what `exchange` says."""
        with self._atomic() as db:
            now, account = self._clock(), self._account(db, key)
            mine = (account, holder.id, said.route)
            row = self._lease(db, mine)
            lost = row is None and said.number > 1 and holder.store not in ("", self._id(db))
            if row is None:
                self._seat(db, account, holder, said.route, now)
                row = self._lease(db, mine)
                assert row is not None
            if row[0] == said.number and row[1]:
                return _leased(row[1])
            if lost:  # the store was emptied: nobody knows what counts, so all of it may
                db.execute("UPDATE account SET lost_t = ? WHERE id = ?", (now, account))
            self._bury(db, account, now, holder.id)
            self._take_in(db, mine, said, now, row[2])
            self._know(db, account, said.limits, now)
            held = self._held(db, mine, said, now)
            leased = held or self._lease_out(db, mine, said, now, row[3])
            self._write(db, mine, said, leased, now)
            return leased

    def _id(self, db: sqlite3.Connection) -> str:
        return str(db.execute("SELECT value FROM meta WHERE name = 'id'").fetchone()[0])

    def _lease(self, db: sqlite3.Connection, mine: tuple[int, str, str]) -> tuple[int, str, int, float] | None:
        row: tuple[int, str, int, float] | None = db.execute(
            "SELECT number, answer, units, joined_t FROM lease WHERE account = ? AND holder = ? AND route = ?", mine
        ).fetchone()
        return row

    def _take_in(
        self, db: sqlite3.Connection, mine: tuple[int, str, str], said: Exchange, now: float, had: int
    ) -> None:
        account, _, route = mine
        rows = [(account, now - spent.age_s, route, spent.cost) for spent in said.spent if spent.cost]
        if rows:
            db.executemany("INSERT INTO unit VALUES (?, ?, ?, ?)", rows)
        settled = said.back + sum(spent.reserved for spent in said.spent)
        if settled:
            where = "WHERE account = ? AND holder = ? AND route = ?"
            db.execute(f"UPDATE lease SET units = ? {where}", (max(0, had - settled), *mine))

    def _know(self, db: sqlite3.Connection, account: int, limits: tuple[Limit, ...], now: float) -> None:
        """Note which limits are kept to, and tidy up now and then."""
        if self._calls % 16 == 0:
            for limit in limits:
                db.execute(
                    "INSERT INTO kept VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (account, text) DO UPDATE"
                    " SET seen_t = excluded.seen_t, units = excluded.units, span_s = excluded.span_s",
                    (account, limit.text, limit.units, limit.span_s, limit.route, now),
                )
            db.execute("UPDATE account SET used_t = ? WHERE id = ?", (now, account))
            self._note_time(db, now)
        self._calls += 1
        if self._calls % EVERY == 0:
            self._tidy(db, account, now)

    def _tidy(self, db: sqlite3.Connection, account: int, now: float) -> None:
        db.execute("DELETE FROM kept WHERE account = ? AND seen_t < ?", (account, now - FORGOTTEN_S))
        longest_s = self._longest_s(db, account)
        db.execute("DELETE FROM unit WHERE account = ? AND t < ?", (account, now - longest_s))
        db.execute(
            "DELETE FROM lease WHERE account = ? AND units = 0 AND NOT present AND coalesce(leased_t, seen_t) < ?",
            (account, now - longest_s - LIFE_S),
        )
        step = GATHERED_AFTER_S / GATHERED
        until = now - GATHERED_AFTER_S
        while until > now - longest_s:
            since = now - 4 * (now - until)
            db.execute("DROP TABLE IF EXISTS temp.gathered")
            db.execute(
                "CREATE TEMP TABLE gathered AS SELECT max(t) AS t, route, sum(cost) AS cost FROM unit"
                " WHERE account = ? AND t > ? AND t <= ? GROUP BY route, CAST(t / ? AS INTEGER)",
                (account, since, until, step),
            )
            db.execute("DELETE FROM unit WHERE account = ? AND t > ? AND t <= ?", (account, since, until))
            db.execute("INSERT INTO unit SELECT ?, t, route, cost FROM temp.gathered", (account,))
            until, step = since, step * 4

    def _longest_s(self, db: sqlite3.Connection, account: int) -> float:
        said = db.execute("SELECT max(span_s) FROM kept WHERE account = ?", (account,)).fetchone()[0]
        return max(LEAST_KEPT_S, 2 * (said or 0.0))

    def _held(self, db: sqlite3.Connection, mine: tuple[int, str, str], said: Exchange, now: float) -> Leased | None:
        """Begin, follow and end pauses; return the answer where one is in force."""
        account, holder, route = mine
        row = db.execute(
            "SELECT until, probe, owner FROM hold WHERE account = ? AND route = ?", (account, route)
        ).fetchone()
        if row is not None and row[1] == holder and said.probe:
            if said.probe == "passed" and said.hold_s is None:
                db.execute("DELETE FROM hold WHERE account = ? AND route = ?", (account, route))
                row = None
            else:
                db.execute("UPDATE hold SET probe = NULL WHERE account = ? AND route = ?", (account, route))
                row = (row[0], None, row[2])
        if said.hold_s is not None:
            until = now + max(0.0, said.hold_s)
            probe = None if row is None or row[1] == holder else row[1]
            until = until if row is None else max(until, row[0])
            row = (until, probe, holder)
            db.execute("INSERT OR REPLACE INTO hold VALUES (?, ?, ?, ?, ?)", (account, route, *row))
        if row is None or said.leaves:
            return None
        until, probe, owner = row
        others = self._others(db, mine, now)
        if (owner == holder and not others) or now > until + STALE_S:
            if now >= until:
                db.execute("DELETE FROM hold WHERE account = ? AND route = ?", (account, route))
            return None  # its own breaker pauses it
        if now < until:
            return Leased(0, False, hold_s=until - now, others=others)
        if probe is not None:
            return Leased(0, False, waits=True, others=others)
        if said.want > 0:
            db.execute("UPDATE hold SET probe = ? WHERE account = ? AND route = ?", (holder, account, route))
            one = self._judged(db, mine, said, now, others, most=said.least)
            if one.units:
                return Leased(one.units, False, probing=True, others=others)
            db.execute("UPDATE hold SET probe = NULL WHERE account = ? AND route = ?", (account, route))
            return one
        return Leased(0, False, others=others)

    def _others(self, db: sqlite3.Connection, mine: tuple[int, str, str], now: float) -> tuple[Other, ...]:
        rows = db.execute(
            "SELECT name, pid, machine, sum(units) FROM lease WHERE account = ? AND holder != ? AND present"
            " AND seen_t > ? GROUP BY holder ORDER BY name",
            (mine[0], mine[1], now - PRESENT_S),
        ).fetchall()
        return tuple(Other(*row) for row in rows)

    def _lease_out(
        self, db: sqlite3.Connection, mine: tuple[int, str, str], said: Exchange, now: float, joined_t: float
    ) -> Leased:
        others = self._others(db, mine, now)
        if not others and self._knows_all(db, mine, said, now, joined_t):
            return Leased(said.want)
        return self._judged(db, mine, said, now, others)

    def _knows_all(
        self, db: sqlite3.Connection, mine: tuple[int, str, str], said: Exchange, now: float, joined_t: float
    ) -> bool:
        """Return whether nothing can count any more of what another holder was leased since this one joined."""
        longest_s = max((limit.span_s for limit in said.limits), default=0.0)
        row = db.execute(
            "SELECT 1 FROM lease WHERE account = ? AND holder != ? AND leased_t > ?"
            " AND (units > 0 OR max(leased_t + ?, seen_t) + occupies_s + ? > ?) LIMIT 1",
            (mine[0], mine[1], joined_t, LIFE_S, longest_s, now),
        ).fetchone()
        lost_t = db.execute("SELECT lost_t FROM account WHERE id = ?", (mine[0],)).fetchone()[0]
        return row is None and (lost_t is None or now > lost_t + LIFE_S + said.occupies_s + longest_s)

    def _judged(
        self,
        db: sqlite3.Connection,
        mine: tuple[int, str, str],
        said: Exchange,
        now: float,
        others: tuple[Other, ...],
        most: int | None = None,
    ) -> Leased:
        """Lease as much as every limit has free: to each of those that want some its part."""
        account = mine[0]
        want = said.want if most is None else min(most, said.want)
        if want <= 0:
            return Leased(0, False, others=others)
        lost_t = db.execute("SELECT lost_t FROM account WHERE id = ?", (account,)).fetchone()[0]
        rivals = db.execute(
            "SELECT count(DISTINCT holder) FROM lease WHERE account = ? AND holder != ? AND unmet > 0 AND seen_t > ?",
            (account, mine[1], now - PRESENT_S),
        ).fetchone()[0]
        free, full, opens_s = math.inf, None, 0.0
        for index, limit in enumerate(said.limits):
            opens_at = None if lost_t is None else lost_t + LIFE_S + said.occupies_s + limit.span_s
            if opens_at is not None and now < opens_at:
                return Leased(0, False, opens_at - now, index, others=others)
            if not limit.counts(mine[2]):
                continue
            room = limit.units - self._used(db, account, limit, now)
            if room < free:
                free, full = room, index
        units = min(want, max(0, int(free) if free < math.inf else want))
        if rivals and 0 < free < math.inf:
            units = min(units, max(1, -(-int(free) // (1 + rivals))))
        if units >= want:
            return Leased(units, False, None, None, others=others)
        if full is not None and units == max(0, free):
            limit = said.limits[full]
            batch = max(1, min(want - units, limit.units // (50 * (1 + len(others)))))
            opens_s_or_none = self._opens_s(db, account, limit, now, units, batch)
            return Leased(units, False, opens_s_or_none, full, others=others)
        return Leased(units, False, opens_s, full, others=others)

    def _used(self, db: sqlite3.Connection, account: int, limit: Limit, now: float) -> int:
        only, args = _of(limit)
        sent = db.execute(
            f"SELECT coalesce(sum(cost), 0) FROM unit WHERE account = ? AND t > ? {only}",
            (account, now - limit.span_s, *args),
        ).fetchone()[0]
        leased = db.execute(
            f"SELECT coalesce(sum(units), 0) FROM lease WHERE account = ? {only}", (account, *args)
        ).fetchone()[0]
        return int(sent + leased)

    def _opens_s(
        self, db: sqlite3.Connection, account: int, limit: Limit, now: float, more: int, batch: int
    ) -> float | None:
        """Return in how many seconds so many units are free, once `more` are leased; None: leases alone are in the way."""
        excess = self._used(db, account, limit, now) + more - limit.units
        only, args = _of(limit)
        opens_s = None
        for t, cost in db.execute(
            f"SELECT t, cost FROM unit WHERE account = ? AND t > ? {only} ORDER BY t", (account, now - limit.span_s, *args)
        ):
            excess -= cost
            if excess < 0:
                if opens_s is not None and t + limit.span_s - now > opens_s + 0.02:
                    break
                opens_s = max(0.0, t + limit.span_s - now)
                if excess <= -batch:
                    break
        return opens_s

    def _write(
        self, db: sqlite3.Connection, mine: tuple[int, str, str], said: Exchange, leased: Leased, now: float
    ) -> None:
        # What a limit keeps from it, others shall leave it a part of.
        unmet = max(0, said.want - leased.units)
        db.execute(
            "UPDATE lease SET units = units + ?, leased_t = CASE WHEN ? > 0 OR units > 0 THEN ? ELSE leased_t END,"
            " seen_t = ?, occupies_s = ?, linger_s = ?, unmet = ?, present = ?, number = ?, answer = ?"
            " WHERE account = ? AND holder = ? AND route = ?",
            (
                *(leased.units, leased.units, now, now, said.occupies_s, said.linger_s, unmet, not said.leaves),
                *(said.number, json.dumps(asdict(leased)), *mine),
            ),
        )

    # --- learned limits, and what people ask ----------------------------------------------------------------------

    async def learned(self, key: AccountKey) -> str:
        with self._atomic() as db:
            row = db.execute("SELECT learned FROM account WHERE id = ?", (self._account(db, key),)).fetchone()
        return str(row[0])

    async def learn(self, key: AccountKey, limits: str) -> None:
        with self._atomic() as db:
            db.execute("UPDATE account SET learned = ? WHERE id = ?", (limits, self._account(db, key)))

    async def accounts(self) -> list[AccountNow]:
        with self._atomic() as db:
            now = self._clock()
            rows = db.execute("SELECT id, host, identity, label, learned, used_t FROM account ORDER BY host, label")
            return [self._now(db, row, now) for row in rows.fetchall()]

    def _now(self, db: sqlite3.Connection, row: tuple[int, str, str, str, str, float | None], now: float) -> AccountNow:
        account, host, identity, label, learned, used_t = row
        self._bury(db, account, now, "")
        kept = db.execute("SELECT units, span_s, route, text FROM kept WHERE account = ? ORDER BY span_s", (account,))
        limits = []
        for limit in [Limit(*one) for one in kept.fetchall()]:
            used = self._used(db, account, limit, now)
            left = max(0, limit.units - used)
            opens_s = None if left else self._opens_s(db, account, limit, now, 0, 1)
            limits.append(LimitNow(limit.text, limit.units, used, left, opens_s))
        holders = db.execute(
            "SELECT DISTINCT holder, name, pid, machine FROM lease WHERE account = ? AND present AND seen_t > ?",
            (account, now - PRESENT_S),
        ).fetchall()
        hold = db.execute("SELECT max(until) FROM hold WHERE account = ?", (account,)).fetchone()[0]
        hold_s = None if hold is None or hold <= now else hold - now
        last_s = None if used_t is None else now - used_t
        key = AccountKey(host, identity, label)
        return AccountNow(key, tuple(limits), tuple(Holder(*one) for one in holders), learned, hold_s, last_s)

    async def forget(self, key: AccountKey) -> None:
        with self._atomic() as db:
            account = self._account(db, key)
            for table in ("unit", "lease", "hold", "kept"):
                db.execute(f"DELETE FROM {table} WHERE account = ?", (account,))
            db.execute("DELETE FROM account WHERE id = ?", (account,))
            self._accounts.clear()


def _of(limit: Limit) -> tuple[str, tuple[str, ...]]:
    """Return the condition for the units that a limit counts."""
    return ("", ()) if limit.route == "*" else ("AND route IN (?, '*')", (limit.route,))


def _leased(text: str) -> Leased:
    said = json.loads(text)
    return Leased(**{**said, "others": tuple(Other(**one) for one in said["others"])})
