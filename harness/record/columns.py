"""The columns of items.parquet: a type for each field that loses nothing, and a bounded number of them.

Where a field's values do not fit one type (a number here, a text there) they are kept as JSON text. So are objects
that have more fields than anybody makes columns of: an API that uses dates or ids as names of fields makes a new column
of each, and a file of 80,000 columns takes hundreds of megabytes to write and cannot be worked with.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pyarrow as pa

Record = dict[str, Any]

# Objects and arrays nested deeper than this are kept as JSON text: Parquet readers refuse some 100 levels, and
# nobody asks for a column nine levels down.
DEEPEST = 8
# Fields within one column, and columns with all their fields: warehouses stop at a few thousand (Redshift at 1,600).
WIDEST = 200
MOST_FIELDS = 1_000
# Fields that no column has room for: together, as the JSON text of an object.
OTHERS = "other_fields"
# Names of fields of which types are remembered until all items are seen.
_REMEMBERED = 10 * MOST_FIELDS
# Of longer texts a file holds no least and most: to write those takes six times as much memory as the text.
_LONGEST_COMPARED = 1_000
# Places of a table of nested objects: sparse ones can need far more than they have values.
_PLACES = 1_000_000

_MISFITS = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError)


class Misfit(Exception):
    """A column whose values do not all fit the type that its batches promised; its message is the column's name."""


class Columns:
    """Learns the fields of all items, batch by batch with `see`; then `schema` and `table` say how they are kept."""

    def __init__(self) -> None:
        self._types: dict[str, pa.DataType] = {}
        self._counts: Counter[str] = Counter()
        self._long: set[str] = set()  # columns with a text longer than that, or with objects
        self._crowded = False  # more names were seen than can be remembered
        self._schema: pa.Schema | None = None
        self._others: str | None = None

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
            old = self._types.get(name)
            if old is None and self._crowded:
                self._types[name] = pa.string()  # it may have been forgotten, with the type of its first values
            else:
                self._types[name] = _common(old, _type(column))
        if len(self._types) > _REMEMBERED:
            self._forget()

    def _forget(self) -> None:
        """Keep the fields that most items have, and of the others the first."""
        self._crowded = True
        kept = {name for name, _ in self._counts.most_common(_REMEMBERED // 2)} | {"id"}
        self._counts = Counter({name: count for name, count in self._counts.items() if name in kept})
        self._types = {name: kind for name, kind in self._types.items() if name in kept}

    def schema(self) -> pa.Schema:
        """Return the columns of all that was seen; call it once that is everything."""
        if self._schema is None:
            types = {name: kind if _keepable(kind) else pa.string() for name, kind in self._types.items()}
            self._narrow(types)
            few = self._few(types)
            if self._crowded or len(few) < len(types):
                self._others = OTHERS
                while self._others in self._counts:
                    self._others += "_"
                few[self._others] = pa.string()
            self._schema = pa.schema(list((few or {"id": pa.string()}).items()))
        return self._schema

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

    def as_text(self, name: str) -> None:
        """Keep a column as JSON text after all: that takes any value."""
        schema = self.schema()
        self._schema = schema.set(schema.get_field_index(name), pa.field(name, pa.string()))

    @property
    def compared(self) -> list[str]:
        """The columns whose values are short: the file has a dictionary of them, and the least and most of a group."""
        left_out = {*self._long, self._others}
        return [name for name in self.schema().names if name not in left_out and "." not in name]

    @property
    def most_rows(self) -> int:
        """Return how many items a table may hold: the more columns, the fewer."""
        return max(1, _PLACES // sum(_fields(field.type) for field in self.schema()))

    def table(self, batch: list[Record]) -> pa.Table:
        """Return some items as rows; Misfit where a value does not fit its column."""
        schema = self.schema()
        return pa.Table.from_arrays([self._column(batch, field, schema) for field in schema], schema=schema)

    def _column(self, batch: list[Record], field: pa.Field, schema: pa.Schema) -> pa.Array:
        if field.name == self._others:
            known = set(schema.names)
            return pa.array([_other_fields(record, known) for record in batch], field.type)
        values = [record.get(field.name) for record in batch]
        if field.type.equals(pa.string()):
            values = [_text(value) for value in values]
        try:
            return pa.array(values, field.type)
        except _MISFITS:
            raise Misfit(field.name) from None


def _other_fields(record: Record, known: set[str]) -> str | None:
    others = {name: value for name, value in record.items() if name not in known}
    return json.dumps(others, ensure_ascii=False) if others else None


def _is_long(value: Any) -> bool:
    return len(value) > _LONGEST_COMPARED if isinstance(value, str) else isinstance(value, (dict, list))


def _type(values: list[Any]) -> pa.DataType:
    """Return the Arrow type of a column of JSON values; string where no single type fits, or it has too many fields."""
    if all(isinstance(value, str) for value in values):
        return pa.string()
    if _too_wide(values):
        return pa.string()
    try:
        return pa.array(values).type
    except _MISFITS:
        return pa.string()


class _Shape:
    """The fields of objects that stand in the same place, and how many objects there are."""

    __slots__ = ("fields", "objects")

    def __init__(self) -> None:
        self.fields: dict[str, _Shape] = {}
        self.objects = 0


def _too_wide(values: list[Any]) -> bool:
    """Return True if the objects have too many fields for a column, or hardly any in common."""
    root = _Shape()
    shapes, present = [root], 0
    todo = [(value, root) for value in values if isinstance(value, (dict, list))]
    while todo:
        value, shape = todo.pop()
        if isinstance(value, list):
            todo += [(inner, shape) for inner in value if isinstance(inner, (dict, list))]
            continue
        shape.objects += 1
        present += len(value)
        for name, inner in value.items():
            below = shape.fields.get(name)
            if below is None:
                below = shape.fields[name] = _Shape()
                shapes.append(below)
                if len(shapes) > WIDEST:
                    return True
            if isinstance(inner, (dict, list)):
                todo.append((inner, below))
    return sum(shape.objects * len(shape.fields) for shape in shapes) > _PLACES + 8 * present


def _common(old: pa.DataType | None, new: pa.DataType) -> pa.DataType:
    """Return a type that holds the values of both; string where there is none, or it has too many fields."""
    if old is None or old.equals(new):
        return new
    try:
        fields = [pa.schema([("x", old)]), pa.schema([("x", new)])]
        both = pa.unify_schemas(fields, promote_options="permissive").field("x").type
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.string()
    return both if _fields(both) <= WIDEST else pa.string()


def _fields(kind: pa.DataType) -> int:
    """Count the columns that a Parquet file makes of it."""
    if pa.types.is_struct(kind):
        return sum(_fields(kind.field(at).type) for at in range(kind.num_fields))
    return _fields(kind.value_type) if pa.types.is_list(kind) else 1


def _keepable(kind: pa.DataType, depth: int = 0) -> bool:
    """Return True if Parquet can hold the type; it cannot hold an object that never has a field."""
    if pa.types.is_struct(kind):
        fields = [kind.field(at).type for at in range(kind.num_fields)]
        return bool(fields) and depth < DEEPEST and all(_keepable(field, depth + 1) for field in fields)
    return not pa.types.is_list(kind) or (depth < DEEPEST and _keepable(kind.value_type, depth + 1))


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
