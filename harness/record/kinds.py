"""The Arrow type of a column of JSON values: one that loses nothing, or none, and then the column is JSON text.

A `Kind` takes in the values of one field, batch by batch, and what stands within them, column by column. At the end its
`type` says what fits all of them. Bounded: an object whose fields are too many, or are hardly ever there, is no column.

Numbers. Whole numbers are int64. With fractions or exponents among them they are float64, if every number reads back
as it was written: the shortest text of its float is the same number, and no zero at the end of a fraction is lost (but
the one of 1.0). So 0.1, 1e5 and 3 may be floats; 0.1000, 19.90 and 0.1234567890123456789 may not, nor may whole
numbers beyond 2^53. Where neither holds they are decimal128, with as many digits before and behind the
point as the longest has, 38 at most; there 5 reads back as 5.00 beside 19.90. And where that is too few, as for 1e400,
they are text, each as it was written.

Timestamps, where they are asked for: texts that all are ISO 8601 moments, with a date, a time of hours and minutes at
least, and at most nine digits of a second. With offsets they are UTC, without they have no zone; some with and some
without are text. They are kept in microseconds, or in nanoseconds where one has more than six digits.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any

import pyarrow as pa

from harness.record.literals import Literal

# Objects and arrays nested deeper than this are kept as JSON text: Parquet readers refuse some 100 levels, and
# nobody asks for a column nine levels down.
DEEPEST = 8
# Fields within one column: warehouses stop at a few thousand columns (Redshift at 1,600).
WIDEST = 200
# Places of a table of nested objects: sparse ones can need far more than they have values.
PLACES = 1_000_000

_INT64 = (-(2**63), 2**63 - 1)
_MOST_DIGITS = 38  # of decimal128
_SURELY = 2**53  # up to here a float holds every whole number


class Numbers:
    """What is known of the numbers of a column."""

    __slots__ = ("_digits", "_fractions", "_inexact", "_least", "_most", "_scale", "_unbounded")

    def __init__(self) -> None:
        self._least = self._most = 0
        self._fractions = False  # some are not written as whole numbers
        self._inexact = False  # some are not what their float reads back as
        self._digits = self._scale = 0  # before and behind the point, the most of any fraction
        self._unbounded = False  # some have more digits than any decimal, or are no numbers

    def see(self, values: list[int | float]) -> None:
        whole = [value for value in values if type(value) is int]
        if whole:
            self._least, self._most = min(self._least, min(whole)), max(self._most, max(whole))
        if len(whole) < len(values):
            self._fractions = True
            for value in {_spelt(value) for value in values if type(value) is not int}:
                self._see_fraction(value)

    def _see_fraction(self, text: str) -> None:
        try:
            _, digits, exponent = Decimal(text).as_tuple()
        except InvalidOperation:  # an exponent of a million digits, say
            self._unbounded = self._inexact = True
            return
        if not isinstance(exponent, int):
            self._unbounded = True  # not a number, or infinite: a float reads back as that
            return
        if repr(float(text)) != text:
            self._inexact = self._inexact or (exponent < -1 and digits[-1] == 0) or not _reads_back(text)
        self._digits = max(self._digits, len(digits) + exponent if any(digits) else 0)
        self._scale = max(self._scale, -exponent)

    @property
    def type(self) -> pa.DataType | None:
        """The type that holds them all as they were written; None where only text does."""
        if not self._fractions and _INT64[0] <= self._least and self._most <= _INT64[1]:
            return pa.int64()
        if self._fractions and not self._inexact and self._least >= -_SURELY and self._most <= _SURELY:
            return pa.float64()
        whole = max(
            len(str(abs(value))) if abs(value) < 10**_MOST_DIGITS else 99 for value in (self._least, self._most)
        )
        precision = max(self._digits, whole if self._least or self._most else 0) + self._scale
        if self._unbounded or precision > _MOST_DIGITS:
            return None
        return pa.decimal128(max(precision, 1), self._scale)


def _spelt(value: float) -> str:
    return value.text if isinstance(value, Literal) else repr(value)


def _reads_back(text: str) -> bool:
    """Return True if the float's own text is the same number."""
    return Decimal(repr(float(text))) == Decimal(text)


# Wide enough for any decimal128; Arrow itself cannot read 0E+1 into one.
_EXACTLY = Context(prec=2 * _MOST_DIGITS, traps=[Inexact, InvalidOperation])


def as_decimal(value: int | float) -> Decimal:
    """Return a JSON number as the decimal that was written."""
    return Decimal(value) if type(value) is int else Decimal(_spelt(value))


_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ]((?:[01]\d|2[0-3]):[0-5]\d)(?::([0-5]\d)(?:\.(\d{1,9}))?)?"
    r"(?:(Z)|([+-])((?:[01]\d|2[0-3]))(?::?([0-5]\d))?)?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_MOMENT = 40


def moment(text: str) -> tuple[int, bool, int] | None:
    """Return (nanoseconds since 1970, has an offset, digits of a second) of an ISO timestamp; None for other text."""
    found = _MOMENT.fullmatch(text) if len(text) <= _LONGEST_MOMENT else None
    if found is None:
        return None
    day, minute, second, fraction, zulu, sign, hours, minutes = found.groups()
    try:
        at = datetime.fromisoformat(f"{day}T{minute}:{second or '00'}+00:00")
    except ValueError:  # no such day
        return None
    offset_s = (int(hours or 0) * 60 + int(minutes or 0)) * 60 * (-1 if sign == "-" else 1)
    seconds = (at - _EPOCH) // timedelta(seconds=1) - offset_s
    digits = len(fraction or "")
    return seconds * 10**9 + int((fraction or "0").ljust(9, "0")), bool(zulu or sign), digits


class Moments:
    """What is known of the texts of a column as timestamps."""

    __slots__ = ("_aware", "_fits_ns", "_naive", "_others", "digits")

    def __init__(self, wanted: bool) -> None:
        self._others = not wanted
        self._aware = self._naive = False
        self._fits_ns = True
        self.digits = 0

    def see(self, texts: list[str]) -> None:
        for text in texts:
            if self._others:
                return
            found = moment(text)
            if found is None:
                self._others = True
                return
            at_ns, aware, digits = found
            self._aware, self._naive = self._aware or aware, self._naive or not aware
            self.digits = max(self.digits, digits)
            self._fits_ns = self._fits_ns and _INT64[0] < at_ns <= _INT64[1]

    @property
    def type(self) -> pa.DataType:
        fine = self.digits > 6
        if self._others or self._aware == self._naive or (fine and not self._fits_ns):
            return pa.string()
        return pa.timestamp("ns" if fine else "us", tz="UTC" if self._aware else None)


class Kind:
    """What is known of the values of a column, or of a field within one."""

    __slots__ = ("_bools", "_numbers", "_texts", "_timestamps", "_unfit", "fields", "items")

    def __init__(self, timestamps: bool = False) -> None:
        self._timestamps = timestamps
        self._bools = False
        self._numbers: Numbers | None = None
        self._texts: Moments | None = None
        self.items: Kind | None = None  # of arrays
        self.fields: dict[str, Kind] | None = None  # of objects
        self._unfit = False

    def see(self, values: list[Any]) -> None:
        """Take in some values of the field; None where it is null."""
        walk = _Walk()
        self._see(values, walk, 0)
        if walk.too_wide or width_of(self) > WIDEST:
            self.give_up()

    def give_up(self) -> None:
        """Keep the column as text, whatever else comes."""
        self._unfit, self.items, self.fields = True, None, None

    def _see(self, values: list[Any], walk: _Walk, depth: int) -> None:
        if self._unfit or walk.too_wide:
            return
        types = set(map(type, values))
        types.discard(type(None))
        if len(types) > 1 or not types <= _SIMPLE:
            by_type: dict[type, list[Any]] = {
                kind: [value for value in values if type(value) is kind] for kind in types
            }
        else:
            by_type = {kind: [value for value in values if value is not None] for kind in types}
        self._simple(by_type)
        if (arrays := by_type.get(list)) is not None:
            self._arrays(arrays, walk, depth)
        if (objects := by_type.get(dict)) is not None:
            self._objects(objects, walk, depth)
        if self._mixed():
            self.give_up()

    def _simple(self, by_type: dict[type, list[Any]]) -> None:
        self._bools = self._bools or bool in by_type
        if (texts := by_type.get(str)) is not None:
            self._texts = self._texts or Moments(self._timestamps)
            self._texts.see(texts)
        if numbers := [value for kind in (int, float, Literal) for value in by_type.get(kind, ())]:
            self._numbers = self._numbers or Numbers()
            self._numbers.see(numbers)

    def _mixed(self) -> bool:
        kinds = (self._bools, self._numbers, self._texts, self.items, self.fields)
        return sum(kind is not None and kind is not False for kind in kinds) > 1

    def _arrays(self, arrays: list[list[Any]], walk: _Walk, depth: int) -> None:
        if depth >= DEEPEST:
            self.give_up()
            return
        self.items = self.items or Kind(self._timestamps)
        self.items._see([value for array in arrays for value in array], walk, depth + 1)

    def _objects(self, objects: list[dict[str, Any]], walk: _Walk, depth: int) -> None:
        if depth >= DEEPEST:
            self.give_up()
            return
        columns: dict[str, list[Any]] = {}
        for value in objects:
            for name, inner in value.items():
                columns.setdefault(name, []).append(inner)
            if len(columns) > WIDEST:
                walk.too_wide = True
                return
        walk.count(objects, columns)
        self.fields = {} if self.fields is None else self.fields
        for name, column in columns.items():
            self.fields.setdefault(name, Kind(self._timestamps))._see(column, walk, depth + 1)

    @property
    def type(self) -> pa.DataType | None:
        """The type that holds all the values; None where only JSON text does."""
        if self._unfit:
            return None
        if self._texts is not None:
            return self._texts.type
        if self._numbers is not None:
            return self._numbers.type
        if self.items is not None:
            inner = self.items.type
            return None if inner is None else pa.list_(inner)
        if self.fields is not None:
            fields = {name: kind.type for name, kind in self.fields.items()}
            # Parquet cannot hold an object that never has a field.
            return pa.struct(list(fields.items())) if fields and None not in fields.values() else None
        return pa.bool_() if self._bools else pa.null()


_SIMPLE = {str, int, float, bool, Literal}


class _Walk:
    """Counts what the nested objects of one column need in a table, beside what they have."""

    __slots__ = ("_fields", "_places", "_present", "too_wide")

    def __init__(self) -> None:
        self._fields = self._places = self._present = 0
        self.too_wide = False

    def count(self, objects: list[dict[str, Any]], columns: dict[str, list[Any]]) -> None:
        self._fields += len(columns)
        self._places += len(objects) * len(columns)
        self._present += sum(map(len, columns.values()))
        if self._fields > WIDEST or self._places > PLACES + 8 * self._present:
            self.too_wide = True


def width_of(kind: Kind) -> int:
    """Count the columns that a Parquet file makes of it."""
    if kind.fields is not None:
        return sum(map(width_of, kind.fields.values()))
    return 1 if kind.items is None else width_of(kind.items)


def needs_fitting(kind: pa.DataType) -> bool:
    """Return True if Arrow cannot make the type of JSON values by itself: see `fitted`."""
    if pa.types.is_struct(kind):
        return any(needs_fitting(kind.field(at).type) for at in range(kind.num_fields))
    if pa.types.is_list(kind):
        return needs_fitting(kind.value_type)
    return bool(pa.types.is_decimal(kind) or pa.types.is_timestamp(kind))


def fitted(value: Any, kind: pa.DataType) -> Any:
    """Return a JSON value as Arrow takes it for that type, which its `Kind` has found."""
    if value is None:
        return None
    if pa.types.is_decimal(kind):
        return as_decimal(value).quantize(Decimal((0, (1,), -kind.scale)), context=_EXACTLY)
    if pa.types.is_timestamp(kind):
        found = moment(value)
        assert found is not None, "the type is that of texts that are all moments"
        return found[0] if kind.unit == "ns" else found[0] // 1_000
    if pa.types.is_struct(kind) and needs_fitting(kind):
        types = {kind.field(at).name: kind.field(at).type for at in range(kind.num_fields)}
        return {name: fitted(inner, types[name]) for name, inner in value.items()}
    if pa.types.is_list(kind) and needs_fitting(kind):
        return [fitted(inner, kind.value_type) for inner in value]
    return value
