"""A list that is split by a range (`--split`): which parameters take it, where it is cut, and what each part asks for.

    created[gte]..created[lt]=2024-01-01..2026-12-01/12 as epoch
    FROM..TO                 =START     ..END       /PARTS [as FORM]

START and END are dates (2024-01-01), moments (2024-01-01T06:00, in UTC unless they say otherwise) or whole numbers.
They say where most records lie: the parts between them are of the same width, the first is open below and the last
above, so that nothing outside of them is lost. FORM says how a border is written: `date`, `iso` (seconds, UTC), `epoch`
(seconds), `ms` (milliseconds since 1970) or `id` (a number); without it a date is written as a date, a moment as `iso`,
a number as it is.

**Parts overlap by one unit** (a day, a second, a millisecond, an id): some APIs count a border to both sides, some to
neither (Slack's `oldest` and `latest`), and few say which. So a part reaches one unit into the next, and a record there
is named by both, which makes it one item.

A preset may say FROM..TO and FORM, since they belong to the API; people then say START..END/PARTS.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

Form = Literal["date", "iso", "epoch", "ms", "id"]
FORMS: tuple[Form, ...] = get_args(Form)
MOST_PARTS = 100
EXAMPLE = "'created[gte]..created[lt]=2024-01-01..2026-12-01/12'"

_TEXT = re.compile(r"(?:(?P<names>[^=\s]+)=)?(?P<what>[^=\s]+)(?:\s+as\s+(?P<form>\w+))?")
_RANGE = re.compile(r".+\.\..+/[0-9]{1,4}")
_NUMBER = re.compile(r"-?\d{1,18}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_1970 = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Split:
    """How a list is split. after, before: the parameters; cuts: the borders between the parts, in units of `form`.

    Without cuts it says only how this API takes a range, as a preset does.
    """

    after: str
    before: str
    form: Form
    cuts: tuple[int, ...] = ()
    between: str = ""  # as it was written

    @property
    def text(self) -> str:
        """Return what `parse` reads as this, with everything said."""
        names = f"{self.after}..{self.before}"
        return f"{names}{'=' if self.between else ''}{self.between} as {self.form}"

    @property
    def parts(self) -> int:
        """How many there are; 1 where it is not split."""
        return len(self.cuts) + 1

    def parameters(self, part: int) -> Mapping[str, str]:
        """Return what a part asks for, from 0 on. The first has no lower border, the last no upper one."""
        found = {}
        if part > 0:
            found[self.after] = self._written(self.cuts[part - 1])
        if part < len(self.cuts):
            found[self.before] = self._written(self.cuts[part] + 1)
        return found

    @property
    def ranges(self) -> tuple[str, ...]:
        """Name each part by what it asks for; () where the list is not split."""
        if not self.cuts:
            return ()
        asked = (self.parameters(part).items() for part in range(self.parts))
        return tuple(", ".join(f"{name}={value}" for name, value in one) for one in asked)

    def _written(self, border: int) -> str:
        if self.form == "date":
            return (_1970 + timedelta(days=border)).date().isoformat()
        if self.form == "iso":
            return (_1970 + timedelta(seconds=border)).isoformat().replace("+00:00", "Z")
        return str(border)


def parse(text: str, known: Split | None = None) -> Split:
    """Read what --split says. known: what the preset says of the API. ValueError, to be put behind the flag's name."""
    found = _TEXT.fullmatch(text.strip())
    if found is None or (found["names"] and not _RANGE.fullmatch(found["what"])):
        raise ValueError(f" {text!r} is not FROM..TO=START..END/PARTS; write it like {EXAMPLE}")
    names, what, form = found["names"], found["what"], found["form"]
    if names is None and not _RANGE.fullmatch(what):
        names, what = what, ""
    if form is not None and form not in FORMS:
        raise ValueError(f" knows no form {form!r}; write as {', '.join(FORMS[:-1])} or {FORMS[-1]}")
    after, before = _names(names, known)
    if not what:
        return Split(after, before, form or "date")
    chosen = form or (known.form if known is not None and not names else None)
    return _cut(Split(after, before, "id"), what, chosen)


def _names(names: str | None, known: Split | None) -> tuple[str, str]:
    if not names:
        if known is None:
            raise ValueError(f" names no parameters that take the range; write it like {EXAMPLE}")
        return known.after, known.before
    after, dots, before = names.partition("..")
    if not dots or not after or not before or after == before:
        raise ValueError(f" {names!r} does not name the two parameters that take a range; write both, like {EXAMPLE}")
    return after, before


def _cut(split: Split, written: str, form: Form | None) -> Split:
    between, _, count = written.rpartition("/")
    start, _, end = between.partition("..")
    parts = int(count)
    if not 2 <= parts <= MOST_PARTS:
        raise ValueError(f" of {parts} parts cannot be: write 2 to {MOST_PARTS}")
    form = form or ("id" if _NUMBER.fullmatch(start) else "date" if _DATE.fullmatch(start) else "iso")
    first, last = _border(start, form), _border(end, form)
    if last <= first:
        raise ValueError(f" ends at {end}, which is not behind its start, {start}; write the earlier one first")
    if (last - first) // parts < 2:
        unit = {"date": "days", "iso": "seconds", "epoch": "seconds", "ms": "milliseconds", "id": "ids"}[form]
        raise ValueError(f" cuts {start} to {end} into {parts} parts of less than 2 {unit}; take fewer parts")
    cuts = tuple(first + (last - first) * number // parts for number in range(1, parts))
    return replace(split, form=form, cuts=cuts, between=written)


def _border(text: str, form: Form) -> int:
    """Return a border in units of `form`."""
    if form == "id" or (form in ("epoch", "ms") and _NUMBER.fullmatch(text)):
        if not _NUMBER.fullmatch(text):
            raise ValueError(f" {text!r} is not a whole number, as its other border is; write both alike")
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f" {text!r} is not a date such as 2024-01-31, nor a moment, nor a whole number") from None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    since_1970 = moment - _1970
    unit = {"date": timedelta(days=1), "ms": timedelta(milliseconds=1)}.get(form, timedelta(seconds=1))
    return since_1970 // unit
