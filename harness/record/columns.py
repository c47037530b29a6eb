"""The columns of items.parquet: a type for each field that loses nothing, and a bounded number of them.

Where a field's values do not fit one type (a number here, a text there) they are kept as JSON text; `kinds` says which
types there are. So are objects that have more fields than anybody makes columns of: an API that uses dates or ids as
names of fields makes a new column of each, and a file of 80,000 columns takes hundreds of megabytes to write and cannot
be worked with.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa

from harness.record.kinds import Kind, fitted, needs_fitting
from harness.record.literals import dumps

Record = dict[str, Any]

# Columns with all their fields: warehouses stop at a few thousand (Redshift at 1,600).
MOST_FIELDS = 1_000
# Fields that no column has room for: together, as the JSON text of an object.
OTHERS = "other_fields"
# When the item was read, where that was asked for.
IMPORTED_AT = "_imported_at"
# Names of fields of which kinds are remembered until all items are seen.
_REMEMBERED = 10 * MOST_FIELDS
# Of longer texts a file holds no least and most: to write those takes six times as much memory as the text.
_LONGEST_COMPARED = 1_000
# Places of a table that is made at once.
_PLACES = 1_000_000

_MOMENT = pa.timestamp("us", tz="UTC")


class Columns:
    """Learns the fields of all items, batch by batch with `see`; then `schema` and `table` say how they are kept.

    timestamps: texts that are all ISO timestamps become timestamps. imported_at: the tables get a column of the moments
    at which the items were read. flat: objects and arrays are kept as JSON text, as CSV wants them.
    """

    def __init__(self, *, timestamps: bool = False, imported_at: bool = False, flat: bool = False) -> None:
        self._timestamps, self._flat = timestamps, flat
        self._kinds: dict[str, Kind] = {}
        self._counts: Counter[str] = Counter()
        self._long: set[str] = set()  # columns with a text longer than that, or with objects
        self._crowded = False  # more names were seen than can be remembered
        self._schema: pa.Schema | None = None
        self._others: str | None = None
        self._imported_at: str | None = IMPORTED_AT if imported_at else None

    def see(self, batch: list[Record]) -> None:
        """Take in the fields of some items."""
        values: dict[str, list[Any]] = {}
        for record in batch:
            for name, value in record.items():
                values.setdefault(name, []).append(value)
        for name, column in values.items():
            self._counts[name] += len(column)
            if name not in self._long and any(map(_is_long, column)):
                self._long.add(name)
            known = self._kinds.get(name)
            if known is None:
                known = self._kinds[name] = Kind(self._timestamps)
                if self._crowded:
                    known.give_up()  # it may have been forgotten, with the kind of its first values
            known.see(column)
        if len(self._kinds) > _REMEMBERED:
            self._forget()

    def _forget(self) -> None:
        """Keep the fields that most items have, and of the others the first."""
        self._crowded = True
        kept = {name for name, _ in self._counts.most_common(_REMEMBERED // 2)}
        kept |= {"id", OTHERS, IMPORTED_AT}
        self._counts = Counter({name: count for name, count in self._counts.items() if name in kept})
        self._kinds = {name: kind for name, kind in self._kinds.items() if name in kept}

    def schema(self) -> pa.Schema:
        """Return the columns of all that was seen; call it once that is everything."""
        if self._schema is None:
            types = {name: self._type(kind) for name, kind in self._kinds.items()}
            self._narrow(types)
            few = self._few(types)
            if self._crowded or len(few) < len(types):
                self._others = self._free(OTHERS)
                few[self._others] = pa.string()
            few = few or {"id": pa.string()}
            if self._imported_at is not None:
                self._imported_at = self._free(IMPORTED_AT)
                few[self._imported_at] = _MOMENT
            self._schema = pa.schema(list(few.items()))
        return self._schema

    def _type(self, kind: Kind) -> pa.DataType:
        found = kind.type
        return pa.string() if found is None or (self._flat and pa.types.is_nested(found)) else found

    def _free(self, name: str) -> str:
        """Return a name that no field of the items has."""
        while name in self._counts:
            name += "_"
        return name

    def _narrow(self, types: dict[str, pa.DataType]) -> None:
        """Make text of nested columns, the widest first, while all together have too many fields."""
        wide = {name: fields for name, kind in types.items() if (fields := _fields(kind)) > 1}
        total = len(types) - len(wide) + sum(wide.values())
        for name in sorted(wide, key=lambda name: -wide[name]):
            if total <= MOST_FIELDS:
                return
            types[name] = pa.string()
            total -= wide[name] - 1

    def _few(self, types: dict[str, pa.DataType]) -> dict[str, pa.DataType]:
        """Return those that most items have, as they came; all where there is room."""
        if len(types) <= MOST_FIELDS:
            return types
        names = [name for name, _ in self._counts.most_common() if name != "id"]
        kept = {"id", *names[: MOST_FIELDS - 2]}  # and one column for the others
        return {name: kind for name, kind in types.items() if name in kept}

    @property
    def compared(self) -> list[str]:
        """The columns whose values are short: the file has a dictionary of them, and the least and most of a group."""
        left_out = {*self._long, self._others, self._imported_at}
        return [name for name in self.schema().names if name not in left_out and "." not in name]

    @property
    def most_rows(self) -> int:
        """Return how many items a table may hold: the more columns, the fewer."""
        return max(1, _PLACES // sum(_fields(field.type) for field in self.schema()))

    def table(self, batch: list[Record], read_us: list[int | None] | None = None) -> pa.Table:
        """Return some items as rows.

        read_us: when each was read, in microseconds since 1970, where that is a column.
        """
        schema = self.schema()
        return pa.Table.from_arrays([self._column(batch, field, schema, read_us) for field in schema], schema=schema)

    def _column(
        self, batch: list[Record], field: pa.Field, schema: pa.Schema, read_us: list[int | None] | None
    ) -> pa.Array:
        if field.name == self._others:
            known = set(schema.names)
            return pa.array([_other_fields(record, known) for record in batch], field.type)
        if field.name == self._imported_at:
            return pa.array(read_us, field.type)
        values = [record.get(field.name) for record in batch]
        if field.type.equals(pa.string()):
            values = [_text(value) for value in values]
        elif needs_fitting(field.type):
            values = [fitted(value, field.type) for value in values]
        return pa.array(values, field.type)


def _other_fields(record: Record, known: set[str]) -> str | None:
    others = {name: value for name, value in record.items() if name not in known}
    return dumps(others) if others else None


def _is_long(value: Any) -> bool:
    return len(value) > _LONGEST_COMPARED if isinstance(value, str) else isinstance(value, (dict, list))


def _fields(kind: pa.DataType) -> int:
    """Count the columns that a Parquet file makes of it."""
    if pa.types.is_struct(kind):
        return sum(_fields(kind.field(at).type) for at in range(kind.num_fields))
    return _fields(kind.value_type) if pa.types.is_list(kind) else 1


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else dumps(value)
