"""JSON in and out of Python without changing a number.

`json.loads` makes 0.1 of 0.1000, infinity of 1e400 and another number of 0.1234567890123456789. Prices and ids come
like that. Here a number whose float does not read back as it was written becomes a `Literal`: a float for whoever works
with it, which knows how it was spelt. `dumps` writes it so again. All other numbers are plain ints and floats.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

# Python refuses to read an int of more digits, since the time that takes grows with their square.
_MOST_DIGITS = 4_300
# An int -0 outside a text, perhaps: as an int it would lose its sign.
_MINUS_0 = re.compile(r"""(?<![0-9A-Za-z"])-0(?![0-9.eE])""")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})(?:\\u([dD][c-fC-F][0-9a-fA-F]{2}))?|.)")
# What takes no part in a text: halves of surrogate pairs, which JSON can escape and UTF-8 cannot hold.
_HIGH, _LOW, _BEHIND = 0xD800, 0xDC00, 0xE000


class Literal(float):
    """A number of which the float is not exactly what was written: `text` is."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Literal:
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __reduce__(self) -> tuple[type[Literal], tuple[str]]:
        return Literal, (self.text,)


class NoNumber(ValueError):
    """NaN, Infinity or -Infinity: Python writes and reads them, JSON does not have them."""


def loads(text: str, *, strict: bool = False) -> Any:
    """Parse JSON text as `json.loads` does, with Literals. ValueError or RecursionError where it is none.

    strict: NoNumber for NaN and the like, which older records may hold.
    """
    usual, careful = _STRICT if strict else _LENIENT
    if "-0" in text and _MINUS_0.search(text) is not None:
        return careful.decode(text)
    try:
        return usual.decode(text)
    except (json.JSONDecodeError, NoNumber):
        raise
    except ValueError:  # an int too long for Python
        return careful.decode(text)


def _fraction(text: str) -> float:
    number = float(text)
    return number if repr(number) == text else Literal(text)


def _whole(text: str) -> int | float:
    return Literal(text) if text == "-0" or len(text) > _MOST_DIGITS else int(text)


def _no_number(word: str) -> Any:
    raise NoNumber(word)


def _decoders(constant: Callable[[str], Any] | None) -> tuple[json.JSONDecoder, json.JSONDecoder]:
    usual = json.JSONDecoder(parse_float=_fraction, parse_constant=constant)
    return usual, json.JSONDecoder(parse_float=_fraction, parse_int=_whole, parse_constant=constant)


_LENIENT, _STRICT = _decoders(None), _decoders(_no_number)


def dumps(value: Any) -> str:
    """Return JSON text with each number as it was written, and real characters but for half a surrogate pair."""
    text = _written(value) if _has_literal(value) else json.dumps(value, ensure_ascii=False)
    return text if is_storable(text) else _escaped(text)


def is_storable(text: str) -> bool:
    """Return False if `text` holds half a surrogate pair, which UTF-8 cannot hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _has_literal(value: Any) -> bool:
    todo = [value]
    while todo:
        inner = todo.pop()
        if isinstance(inner, dict):
            todo.extend(inner.values())
        elif isinstance(inner, list):
            todo.extend(inner)
        elif isinstance(inner, Literal):
            return True
    return False


def _written(value: Any) -> str:
    """Write a value that holds Literals; with a stack of its own, for it may be nested as deep as Python can read."""
    out: list[str] = []
    todo: list[Any] = [(value,)]
    while todo:
        part = todo.pop()
        if isinstance(part, str):  # already written
            out.append(part)
            continue
        (inner,) = part
        if isinstance(inner, dict):
            parts = [
                piece for key in inner for piece in (", ", f"{json.dumps(key, ensure_ascii=False)}: ", (inner[key],))
            ]
            todo += ["}", *reversed(parts[1:]), "{"]
        elif isinstance(inner, list):
            parts = [piece for each in inner for piece in (", ", (each,))]
            todo += ["]", *reversed(parts[1:]), "["]
        else:
            out.append(inner.text if isinstance(inner, Literal) else json.dumps(inner, ensure_ascii=False))
    return "".join(out)


def _escaped(text: str) -> str:
    return "".join(f"\\u{ord(c):04x}" if _HIGH <= ord(c) < _BEHIND else c for c in text)


def one_line(payload: str) -> str:
    """Return JSON text on one line, with real characters for the escapes that UTF-8 can hold; else as it came.

    No number, name or order changes, for the text is not parsed: within JSON texts a line break is always escaped.
    """
    if "\\u" in payload:
        payload = _ESCAPE.sub(_unescaped, payload)
    return payload.replace("\r", " ").replace("\n", " ")


def _unescaped(found: re.Match[str]) -> str:
    first, second = found.groups()
    if first is None:
        return found[0]
    code = int(first, 16)
    if second is not None:
        if _HIGH <= code < _LOW:
            return chr(0x10000 + ((code - _HIGH) << 10) + int(second, 16) - _LOW)
        return _real(code, f"\\u{first}") + f"\\u{second}"
    return _real(code, found[0])


def _real(code: int, escape: str) -> str:
    """Return the character, or its escape: JSON has control characters, quotes and backslashes in no other way."""
    return escape if code < 0x20 or code in (0x22, 0x5C) or _HIGH <= code < _BEHIND else chr(code)
