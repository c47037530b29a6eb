"""Whether a page without records is an end or an error, by what it says of itself. No IO, no clock.

`harness.api.remarks` made a line of each field that speaks of the outcome and is not plain success. A page without
records ends a list only if it says nothing that pages with records did not say too. Before any page had records there
is nothing to compare with: then only what tells of an error wherever it stands, marked `!`, is one.
"""

from __future__ import annotations

import re

_MOST_KNOWN = 40
_DIGITS = re.compile("[0-9]+")


def error_in(remarks: str, known: str | None) -> str | None:
    """The remarks of a page without records that tell of an error, for people; None where none does.

    known: the remarks of the pages with records, as `together` keeps them; None before there was one.
    """
    lines = remarks.split("\n") if remarks else []
    if known is None:
        new = [line for line in lines if line.startswith("!")]
    else:
        familiar = set(known.split("\n"))
        new = [line for line in lines if _alike(line) not in familiar]
    return shown("\n".join(new)) or None


def shown(remarks: str) -> str:
    """Remarks as a sentence names them."""
    return ", ".join(line.removeprefix("!") for line in remarks.split("\n"))


def together(known: str | None, remarks: str) -> str:
    """The remarks of one more page with records beside those that are known."""
    lines = [line for line in (known or "").split("\n") if line]
    lines += [_alike(line) for line in remarks.split("\n") if line]
    return "\n".join(list(dict.fromkeys(lines))[:_MOST_KNOWN])


def _alike(line: str) -> str:
    """A remark without what differs from page to page: the numbers in a sentence, not a code."""
    name, _, value = line.removeprefix("!").partition("=")
    return f"{name}={value if value.lstrip('-').isdecimal() else _DIGITS.sub('#', value)}"
