"""Decisions in columns: what the ledger keeps of each request."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, NamedTuple

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
