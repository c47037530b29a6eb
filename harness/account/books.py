"""The books of one account in SQL, for one step: who has leased what, what was sent, and what may be leased now.

`Books` is made anew for each step, within its transaction, at one moment `now` of the store's clock. What an exchange
does, and in which order, `store` says; why it is safe, `harness.pacing.leases`.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable
from dataclasses import asdict, replace

from harness.account.store import Counted, Holder, LimitNow
from harness.pacing.exchange import LIFE_S, Exchange, Leased, Limit, Other

# A holder that said nothing for as long is at work no more, for who asks whether others are.
PRESENT_S = 1.5 * LIFE_S
# A pause that was over so long ago says nothing of now.
STALE_S = 60.0
# Units that no limit was named for are kept so long: two of the longest window that most APIs have.
LEAST_KEPT_S = 120.0
# Limits that nobody named for a week are forgotten.
FORGOTTEN_S = 7 * 86_400.0
# Units that are older than this are gathered, within so small a part of their age.
GATHERED_AFTER_S, GATHERED = 20.0, 400
# Openings this close together are waited for as one.
CLOSE_S = 0.02
# Nobody leaves openings to others for longer, in parts of a limit's span.
AHEAD = 0.02


class Books:
    """One account at one moment."""

    def __init__(self, db: sqlite3.Connection, account: int, now: float) -> None:
        self.db, self.account, self.now = db, account, now

    def _all(self, sql: str, *args: object) -> list[tuple[object, ...]]:
        return self.db.execute(sql, (self.account, *args)).fetchall()

    def _one(self, sql: str, *args: object) -> object:
        row = self.db.execute(sql, (self.account, *args)).fetchone()
        return None if row is None else row[0]

    # --- who takes part -------------------------------------------------------------------------------------------

    def seat(self, holder: Holder, route: str) -> None:
        """Give a holder a lease of `route`, of nothing yet, where it has none."""
        joined = self._one("SELECT min(joined_t) FROM lease WHERE account = ? AND holder = ?", holder.id)
        self.db.execute(
            "INSERT OR IGNORE INTO lease (account, holder, route, name, pid, machine, joined_t, seen_t)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (self.account, holder.id, route, holder.name, holder.pid, holder.machine, joined or self.now, self.now),
        )

    def join(self, holder: Holder, span_s: float) -> list[Counted]:
        """Let a holder begin anew what it knows; return what may still count, oldest first."""
        mine = (self.account, holder.id)
        self.db.execute("UPDATE lease SET joined_t = ? WHERE account = ? AND holder = ?", (self.now, *mine))
        self.seat(holder, "*")
        rows = self.db.execute(
            "SELECT route, t, cost FROM unit WHERE account = ? AND t > ? ORDER BY t", (self.account, self.now - span_s)
        )
        return [Counted(route, self.now - t, cost) for route, t, cost in rows.fetchall()]

    def bury(self, but: str, is_dead: Callable[[str, int, str], bool]) -> None:
        """Charge what holders that are no more may have sent. is_dead: told a holder's id, process and machine."""
        rows = self.db.execute(
            "SELECT holder, route, units, coalesce(leased_t, seen_t) + ? + occupies_s, linger_s, seen_t, pid, machine"
            " FROM lease WHERE account = ? AND holder != ? AND (units > 0 OR present)",
            (LIFE_S, self.account, but),
        ).fetchall()
        for holder, route, units, counted_by, linger_s, seen_t, pid, machine in rows:
            which = (self.account, holder)
            gone = is_dead(holder, pid, machine)
            if gone:  # it sends no more, and what it had sent is given up
                counted_by = min(counted_by, self.now + linger_s)
            elif counted_by > self.now:
                if self.now - seen_t > PRESENT_S:
                    self.db.execute("UPDATE lease SET present = 0, unmet = 0 WHERE account = ? AND holder = ?", which)
                continue
            if units > 0:
                self.db.execute("INSERT INTO unit VALUES (?, ?, ?, ?)", (self.account, counted_by, route, units))
            self.db.execute(
                "UPDATE lease SET units = 0, unmet = 0, present = 0, seen_t = ?"
                " WHERE account = ? AND holder = ? AND route = ?",
                (self.now, *which, route),
            )
            self.db.execute("UPDATE hold SET probe = NULL WHERE account = ? AND probe = ?", which)

    def others(self, than: str) -> tuple[Other, ...]:
        """Return who else is at work, by name."""
        rows = self.db.execute(
            "SELECT name, pid, machine, sum(units) FROM lease WHERE account = ? AND holder != ? AND present"
            " AND seen_t > ? GROUP BY holder ORDER BY name",
            (self.account, than, self.now - PRESENT_S),
        )
        return tuple(Other(*row) for row in rows.fetchall())

    def holders(self) -> tuple[Holder, ...]:
        """Return all who are at work."""
        rows = self.db.execute(
            "SELECT DISTINCT holder, name, pid, machine FROM lease WHERE account = ? AND present AND seen_t > ?",
            (self.account, self.now - PRESENT_S),
        )
        return tuple(Holder(*row) for row in rows.fetchall())

    # --- an exchange ----------------------------------------------------------------------------------------------

    def exchange(self, holder: Holder, said: Exchange, store_id: Callable[[], str]) -> Leased:
        """Do all of an exchange but to bury the dead."""
        mine = (self.account, holder.id, said.route)
        row = self._lease(mine)
        lost = row is None and said.number > 1 and holder.store not in ("", store_id())
        if row is None:
            if lost:  # the store was emptied: nobody knows what counts, so all of it may
                self.db.execute("UPDATE account SET lost_t = ? WHERE id = ?", (self.now, self.account))
            self.seat(holder, said.route)
            row = self._lease(mine)
            assert row is not None
        number, answer, units, joined_t = row
        if number == said.number and answer:
            return _leased(answer)
        self._take_in(mine, said, units)
        others = self.others(holder.id)
        leased = self._held(mine, said, others) or self._lease_out(mine, said, others, joined_t)
        leased = replace(leased, lost=True) if lost else leased
        self._write(mine, said, leased)
        return leased

    def _lease(self, mine: tuple[int, str, str]) -> tuple[int, str, int, float] | None:
        row: tuple[int, str, int, float] | None = self.db.execute(
            "SELECT number, answer, units, joined_t FROM lease WHERE account = ? AND holder = ? AND route = ?", mine
        ).fetchone()
        return row

    def _take_in(self, mine: tuple[int, str, str], said: Exchange, had: int) -> None:
        spent = [(self.account, self.now - one.age_s, said.route, one.cost) for one in said.spent if one.cost]
        if spent:
            self.db.executemany("INSERT INTO unit VALUES (?, ?, ?, ?)", spent)
        settled = said.back + sum(one.reserved for one in said.spent)
        if settled:
            self.db.execute(
                "UPDATE lease SET units = ? WHERE account = ? AND holder = ? AND route = ?",
                (max(0, had - settled), *mine),
            )

    def _write(self, mine: tuple[int, str, str], said: Exchange, leased: Leased) -> None:
        unmet = max(0, said.want - leased.units)  # of what others get these shall have a part
        self.db.execute(
            "UPDATE lease SET units = units + ?, leased_t = CASE WHEN ? > 0 OR units > 0 THEN ? ELSE leased_t END,"
            " got_t = CASE WHEN ? > 0 THEN ? ELSE got_t END,"
            " seen_t = ?, occupies_s = ?, linger_s = ?, unmet = ?, present = ?, number = ?, answer = ?"
            " WHERE account = ? AND holder = ? AND route = ?",
            (
                *(
                    leased.units,
                    leased.units,
                    self.now,
                    leased.units,
                    self.now,
                    self.now,
                    said.occupies_s,
                    said.linger_s,
                ),
                *(unmet, not said.leaves, said.number, json.dumps(asdict(leased)), *mine),
            ),
        )

    # --- pauses ---------------------------------------------------------------------------------------------------

    def _held(self, mine: tuple[int, str, str], said: Exchange, others: tuple[Other, ...]) -> Leased | None:
        """Begin, follow and end pauses; return the answer where one is in force."""
        _, holder, route = mine
        hold = self._hold(holder, said)
        if hold is None or said.leaves:
            return None
        until, probe, owner = hold
        if (owner == holder and not others) or self.now > until + STALE_S:
            if self.now >= until:
                self._lift(route)
            return None  # its own breaker pauses it
        if self.now < until:
            return Leased(0, False, hold_s=until - self.now, others=others)
        if probe is not None:
            return Leased(0, False, waits=True, others=others)
        one = self._judged(mine, said, others, min(said.want, said.least))
        if not one.units:
            return one
        self.db.execute("UPDATE hold SET probe = ? WHERE account = ? AND route = ?", (holder, self.account, route))
        return Leased(one.units, False, probing=True, others=others)

    def _hold(self, holder: str, said: Exchange) -> tuple[float, str | None, str] | None:
        """Return (until, who probes, who began it) of the pause, with what is said of it taken in."""
        row: tuple[float, str | None, str] | None = self.db.execute(
            "SELECT until, probe, owner FROM hold WHERE account = ? AND route = ?", (self.account, said.route)
        ).fetchone()
        if row is not None and row[1] == holder and said.probe:
            if said.probe == "passed" and said.hold_s is None:
                self._lift(said.route)
                return None
            row = self._put(said.route, (row[0], None, row[2]))
        if said.hold_s is not None:
            until = self.now + max(0.0, said.hold_s)
            probe = None if row is None or row[1] == holder else row[1]
            row = self._put(said.route, (until if row is None else max(until, row[0]), probe, holder))
        return row

    def _put(self, route: str, hold: tuple[float, str | None, str]) -> tuple[float, str | None, str]:
        self.db.execute("INSERT OR REPLACE INTO hold VALUES (?, ?, ?, ?, ?)", (self.account, route, *hold))
        return hold

    def _lift(self, route: str) -> None:
        self.db.execute("DELETE FROM hold WHERE account = ? AND route = ?", (self.account, route))

    def hold_s(self) -> float | None:
        """Return how long everyone pauses from now on; None where nobody does."""
        until = self._one("SELECT max(until) FROM hold WHERE account = ?")
        return until - self.now if isinstance(until, float) and until > self.now else None

    # --- what may be leased ---------------------------------------------------------------------------------------

    def _lease_out(
        self, mine: tuple[int, str, str], said: Exchange, others: tuple[Other, ...], joined_t: float
    ) -> Leased:
        if not others and self._knows_all(mine[1], said, joined_t):
            return Leased(said.want)
        return self._judged(mine, said, others, said.want)

    def _lost_until(self, said: Exchange, span_s: float) -> float:
        """Return until when anything may count that was sent before the store was emptied, of a limit of that span."""
        lost_t = self.db.execute("SELECT lost_t FROM account WHERE id = ?", (self.account,)).fetchone()[0]
        return -math.inf if lost_t is None else float(lost_t) + LIFE_S + said.occupies_s + span_s

    def _knows_all(self, holder: str, said: Exchange, joined_t: float) -> bool:
        """Return whether nothing can count that another told of since this one joined, or is still to tell of."""
        longest_s = max((limit.span_s for limit in said.limits), default=0.0)
        unknown = self._one(
            "SELECT 1 FROM lease WHERE account = ? AND holder != ? AND leased_t IS NOT NULL"
            " AND (units > 0 OR (seen_t >= ? AND max(leased_t + ?, seen_t) + occupies_s + ? > ?)) LIMIT 1",
            *(holder, joined_t, LIFE_S, longest_s, self.now),
        )
        return unknown is None and self.now >= self._lost_until(said, longest_s)

    def _judged(self, mine: tuple[int, str, str], said: Exchange, others: tuple[Other, ...], want: int) -> Leased:
        """Lease as much of `want` as every limit has free: to each of those that want some, its part."""
        if want <= 0:
            return Leased(0, False, others=others)
        free, full = math.inf, None
        for index, limit in enumerate(said.limits):
            lost_until = self._lost_until(said, limit.span_s)
            if self.now < lost_until:
                return Leased(0, False, lost_until - self.now, index, others=others)
            room = limit.units - self._used(limit) if limit.counts(mine[2]) else math.inf
            if room < free:
                free, full = room, index
        units = max(0, min(want, free))
        before, after = self._rivals(mine[1])
        if 0 < free < math.inf:
            each, more = divmod(int(free), 1 + before + after)
            # Of what does not divide, those get one that got none for longest.
            units = min(units, max(1, each + (before < more)))
        if units >= want or full is None:
            return Leased(int(units), False, others=others)
        if units < free:  # the rest is for the others
            return Leased(int(units), False, 0.0, full, others=others)
        limit = said.limits[full]
        batch = max(1, min(want - int(units), limit.units // (50 * (1 + len(others)))))
        opens_s = self._opens_s(limit, int(units), batch)
        ahead = before + after if units else before
        if ahead and opens_s is not None:  # those come first; but nobody waits for what they may not take
            mine_s = self._opens_s(limit, int(units) + ahead * batch, batch)
            opens_s = opens_s if mine_s is None or mine_s > opens_s + AHEAD * limit.span_s else mine_s
        return Leased(int(units), False, opens_s, full, others=others)

    def _rivals(self, holder: str) -> tuple[int, int]:
        """Return how many others want some that got none for longer than `holder`, and how many that got some since."""
        rows = self.db.execute(
            "SELECT max(got_t) >= (SELECT max(got_t) FROM lease WHERE account = ?1 AND holder = ?2) FROM lease"
            " WHERE account = ?1 AND holder != ?2 AND unmet > 0 AND seen_t > ?3 GROUP BY holder",
            (self.account, holder, self.now - PRESENT_S),
        ).fetchall()
        after = sum(later for (later,) in rows)
        return len(rows) - after, after

    def _used(self, limit: Limit) -> int:
        """Return how many units occupy a limit: what was sent within its span, and what is leased."""
        only, args = _of(limit)
        sent = self.db.execute(
            f"SELECT coalesce(sum(cost), 0) FROM unit WHERE account = ? AND t > ? {only}",
            (self.account, self.now - limit.span_s, *args),
        ).fetchone()[0]
        leased = self.db.execute(
            f"SELECT coalesce(sum(units), 0) FROM lease WHERE account = ? {only}", (self.account, *args)
        ).fetchone()[0]
        return int(sent + leased)

    def _opens_s(self, limit: Limit, more: int, batch: int) -> float | None:
        """Return in how many seconds `batch` units are free once `more` are leased, or as many as come close together;
        None where leases alone are in the way.
        """
        excess = self._used(limit) + more - limit.units
        only, args = _of(limit)
        opens_s = None
        for t, cost in self.db.execute(
            f"SELECT t, cost FROM unit WHERE account = ? AND t > ? {only} ORDER BY t",
            (self.account, self.now - limit.span_s, *args),
        ):
            excess -= cost
            if excess >= 0:
                continue
            free_s = max(0.0, t + limit.span_s - self.now)
            if opens_s is not None and free_s > opens_s + CLOSE_S:
                break
            opens_s = free_s
            if excess <= -batch:
                break
        return opens_s

    def limits(self) -> tuple[LimitNow, ...]:
        """Return every limit that somebody keeps to, or lately did, the shortest first."""
        found = []
        rows = self._all("SELECT units, span_s, route, text FROM kept WHERE account = ? ORDER BY span_s")
        for limit in [Limit(*row) for row in rows]:  # type: ignore[arg-type]
            used = self._used(limit)
            left = max(0, limit.units - used)
            found.append(LimitNow(limit.text, limit.units, used, left, None if left else self._opens_s(limit, 0, 1)))
        return tuple(found)

    # --- housekeeping ---------------------------------------------------------------------------------------------

    def keep(self, limits: tuple[Limit, ...]) -> None:
        """Note which limits are kept to, and that the account is in use."""
        self.db.executemany(
            "INSERT INTO kept VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (account, text) DO UPDATE"
            " SET seen_t = excluded.seen_t, units = excluded.units, span_s = excluded.span_s",
            [(self.account, one.text, one.units, one.span_s, one.route, self.now) for one in limits],
        )
        self.db.execute("UPDATE account SET used_t = ? WHERE id = ?", (self.now, self.account))

    def tidy(self) -> None:
        """Forget what cannot count any more, and gather what is old."""
        self.db.execute("DELETE FROM kept WHERE account = ? AND seen_t < ?", (self.account, self.now - FORGOTTEN_S))
        longest = self._one("SELECT max(span_s) FROM kept WHERE account = ?")
        kept_s = max(LEAST_KEPT_S, 2 * longest if isinstance(longest, float) else 0.0)
        self.db.execute("DELETE FROM unit WHERE account = ? AND t < ?", (self.account, self.now - kept_s))
        self.db.execute(
            "DELETE FROM lease WHERE account = ? AND units = 0 AND NOT present AND seen_t < ?",
            (self.account, self.now - kept_s - LIFE_S),
        )
        age_s = GATHERED_AFTER_S
        while age_s < kept_s:
            self._gather(self.now - 4 * age_s, self.now - age_s, age_s / GATHERED)
            age_s *= 4

    def _gather(self, since: float, until: float, step_s: float) -> None:
        """Put units that lie close together at the latest time among them."""
        self.db.execute("DROP TABLE IF EXISTS temp.gathered")
        self.db.execute(
            "CREATE TEMP TABLE gathered AS SELECT max(t) AS t, route, sum(cost) AS cost FROM unit"
            " WHERE account = ? AND t > ? AND t <= ? GROUP BY route, CAST(t / ? AS INTEGER)",
            (self.account, since, until, step_s),
        )
        self.db.execute("DELETE FROM unit WHERE account = ? AND t > ? AND t <= ?", (self.account, since, until))
        self.db.execute("INSERT INTO unit SELECT ?, t, route, cost FROM temp.gathered", (self.account,))


def _of(limit: Limit) -> tuple[str, tuple[str, ...]]:
    """Return the condition for the units that a limit counts."""
    return ("", ()) if limit.route == "*" else ("AND route IN (?, '*')", (limit.route,))


def _leased(text: str) -> Leased:
    said = json.loads(text)
    return Leased(**{**said, "others": tuple(Other(**one) for one in said["others"])})
