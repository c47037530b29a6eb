"""The truth: every decision, and the counts of them in all, per route, status, tier and second.

Counts grow with the seconds served. Decisions are kept in columns of about 50 bytes each, the newest `keep` of them.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from harness_test_api.errors import ServerError
from harness_test_api.tiers import Tiers

if TYPE_CHECKING:
    import pyarrow as pa


class DecisionRow(NamedTuple):
    """One decision.

    t_s: seconds since the server's start. client: address, digest of a key, or `tenant`. limits: the tiers it was
    counted by. tier: the one that refused, delayed or binds first (empty: no limit), with its remaining units
    afterwards. verdict: admitted, delayed, refused or unauthorised. delay_s: from arrival to answer. fault: what
    went wrong, or empty.
    """

    t_s: float
    client: str
    route: str
    item_id: str
    limits: str
    tier: str
    verdict: str
    remaining: int
    cost: int
    status: int
    delay_s: float
    fault: str


_NUMBERS = {"t_s": "d", "remaining": "q", "cost": "q", "status": "h", "delay_s": "d"}
_TEXTS = tuple(name for name in DecisionRow._fields if name not in _NUMBERS and name != "item_id")


class Decisions:
    """The newest `keep` decisions, numbered from 0 since the start. Texts that repeat are kept once."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self.first = 0
        self._codes: dict[str, int] = {}
        self._names: list[str] = []
        self._columns: dict[str, array[Any]] = {}
        self._item_ids: list[str] = []
        self._make_columns()

    @property
    def end(self) -> int:
        """The number the next decision gets."""
        return self.first + len(self._item_ids)

    def append(self, row: DecisionRow) -> None:
        """Keep one decision, and drop old ones in blocks when there are too many."""
        if not self._keep:
            self.first += 1
            return
        columns, codes = self._columns, self._codes
        for name in _NUMBERS:
            columns[name].append(getattr(row, name))
        for name in _TEXTS:
            text = getattr(row, name)
            code = codes.get(text)
            columns[name].append(self._code(text) if code is None else code)
        self._item_ids.append(row.item_id)
        if len(self._item_ids) > self._keep + max(1, self._keep // 8):
            self._drop(len(self._item_ids) - self._keep)

    def clear(self) -> None:
        """Forget all; the numbers go on."""
        self.first = self.end
        self._make_columns()

    def rows(self, start: int, most: int | None) -> list[DecisionRow]:
        """Decisions from number `start` on, at most `most`."""
        first = start - self.first
        last = len(self._item_ids) if most is None else min(len(self._item_ids), first + most)
        return [self._row(index) for index in range(first, last)]

    def table(self) -> pa.Table:
        """All that is kept, with its numbers; repeating texts as Arrow dictionaries."""
        import pyarrow as pa  # half a second to load, and most servers are never asked for a table

        kinds = {"d": pa.float64(), "q": pa.int64(), "h": pa.int16()}
        names = pa.array(self._names, pa.string())
        arrays: dict[str, pa.Array] = {"number": pa.array(range(self.first, self.end), pa.int64())}
        for name in DecisionRow._fields:
            if name == "item_id":
                arrays[name] = pa.array(self._item_ids, pa.string())
            elif name in _NUMBERS:
                arrays[name] = pa.array(self._columns[name], kinds[_NUMBERS[name]])
            else:
                arrays[name] = pa.DictionaryArray.from_arrays(pa.array(self._columns[name], pa.int32()), names)
        return pa.table(arrays)

    def _row(self, index: int) -> DecisionRow:
        values = {name: self._columns[name][index] for name in _NUMBERS}
        texts = {name: self._names[self._columns[name][index]] for name in _TEXTS}
        return DecisionRow(**values, **texts, item_id=self._item_ids[index])

    def _code(self, text: str) -> int:
        self._codes[text] = len(self._names)
        self._names.append(text)
        return self._codes[text]

    def _drop(self, number: int) -> None:
        for column in self._columns.values():
            del column[:number]
        del self._item_ids[:number]
        self.first += number

    def _make_columns(self) -> None:
        self._columns = {name: array(code) for name, code in _NUMBERS.items()}
        self._columns |= {name: array("i") for name in _TEXTS}
        self._item_ids = []


class UnknownSnapshot(ServerError):
    """A place in the ledger whose decisions are not kept (any more)."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A place between two decisions, counted from the server's start. See `Ledger.since`."""

    number: int


class Counts:
    """Sums over decisions."""

    def __init__(self) -> None:
        # (admitted, refused) of each
        self.per_second: defaultdict[int, list[int]] = defaultdict(_none)
        self.routes: defaultdict[str, list[int]] = defaultdict(_none)
        self.clients: defaultdict[str, list[int]] = defaultdict(_none)
        self.statuses: Counter[int] = Counter()
        self.refused_by: Counter[str] = Counter()
        self.admitted_under: Counter[str] = Counter()
        self.units = 0

    def add(self, row: DecisionRow) -> None:
        """Count one decision."""
        self.statuses[row.status] += 1
        if row.verdict == "unauthorised":  # no limit was asked
            return
        refused = row.verdict == "refused"
        self.per_second[int(row.t_s)][refused] += 1
        self.routes[row.route][refused] += 1
        self.clients[row.client][refused] += 1
        if refused:
            self.refused_by[row.tier] += 1
        else:
            self.admitted_under[row.limits] += 1
            self.units += row.cost

    def report(self, tiers: Tiers) -> dict[str, Any]:
        """All counts, ready for JSON."""
        # Those in force first; those that limits were changed from still have their numbers.
        past = (name for limits in self.admitted_under for name in limits.split("+") if name)
        told = [self._tier(name) for name in dict.fromkeys([*map(str, tiers), *past, *self.refused_by])]
        return {
            "admitted": sum(counts[0] for counts in self.routes.values()),
            "refused": sum(counts[1] for counts in self.routes.values()),
            "units": self.units,
            "routes": {name: _pair(counts) for name, counts in sorted(self.routes.items())},
            "clients": {name: _pair(counts) for name, counts in sorted(self.clients.items())},
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "tiers": told,
            "per_second": [{"t": t, **_pair(counts)} for t, counts in sorted(self.per_second.items())],
        }

    def _tier(self, name: str) -> dict[str, Any]:
        under = sum(count for limits, count in self.admitted_under.items() if name in limits.split("+"))
        return {"tier": name, "admitted": under, "refused": self.refused_by[name]}


class Ledger:
    """Counts and decisions of one server."""

    def __init__(self, keep: int) -> None:
        """keep: decisions kept at most; the oldest are dropped, the counts stay."""
        self._keep = keep
        self._decisions = Decisions(keep)
        self._counts = Counts()

    def record(self, row: DecisionRow) -> None:
        """Book one decision."""
        self._counts.add(row)
        self._decisions.append(row)

    def reset(self) -> None:
        """Forget the records; windows and buckets stay as they are."""
        self._counts = Counts()
        self._decisions.clear()

    def snapshot(self, oldest: bool = False) -> Snapshot:
        """This moment, to report from later (oldest: as far back as decisions are kept); costs nothing."""
        return Snapshot(self._decisions.first if oldest else self._decisions.end)

    def report(self, tiers: Tiers) -> dict[str, Any]:
        """All counts since the start or the last reset, and how many decisions are kept."""
        kept = {"first": self._decisions.first, "end": self._decisions.end}
        return self._counts.report(tiers) | {"decisions": kept}

    def since(self, snapshot: Snapshot, tiers: Tiers) -> dict[str, Any]:
        """The counts of what was decided after `snapshot`; raises UnknownSnapshot."""
        counts = Counts()
        for row in self.rows(snapshot):
            counts.add(row)
        return counts.report(tiers)

    def rows(self, snapshot: Snapshot | None = None, most: int | None = None) -> list[DecisionRow]:
        """Decisions kept, in order, after `snapshot`, at most `most`; raises UnknownSnapshot."""
        start = self._decisions.first if snapshot is None else snapshot.number
        if not self._decisions.first <= start <= self._decisions.end:
            kept = f"decisions {self._decisions.first} to {self._decisions.end}"
            raise UnknownSnapshot(f"snapshot {start} is not kept; the ledger holds {kept}")
        return self._decisions.rows(start, most)

    def table(self) -> pa.Table:
        """All decisions kept, as an Arrow table."""
        return self._decisions.table()


def _none() -> list[int]:
    return [0, 0]


def _pair(counts: list[int]) -> dict[str, int]:
    return {"admitted": counts[0], "refused": counts[1]}
