"""Ids as an API shows them. The catalogue knows its items by number; each kind writes a number and reads it back.

What a kind reads is exactly what it writes, so an item has one id. A `pair` is two parts, made so that joining them
with a dash gives the same text for two items: ("a", "b-1") and ("a-b", "1").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness_test_api.catalogue import id_number, mix, slug

_BIG = 1 << 60  # beyond 2^53: read as a float, neighbours become one


@dataclass(frozen=True)
class _Kind:
    """write: a number's id. read: the number in an id's text, which need not be right: writing it again decides."""

    write: Callable[[int, int], Any]
    read: Callable[[str], int]


def _tail(text: str, mark: str) -> int:
    return id_number(text.rpartition(mark)[2])


def _from_hex(text: str, digits: int) -> int:
    try:
        return int(text[-digits:], 16)
    except ValueError:
        return 0


def _uuid(seed: int, number: int) -> str:
    head = f"{mix(seed, number):016x}"
    # Version 4 and variant 10 where RFC 9562 has them; the number is in the last twelve digits.
    return f"{head[:8]}-{head[8:12]}-4{head[12:15]}-8{head[:3]}-{number:012x}"


_KINDS: dict[str, _Kind] = {
    "int": _Kind(lambda _seed, n: n, id_number),
    "digits": _Kind(lambda _seed, n: str(n), id_number),
    "big": _Kind(
        lambda _seed, n: _BIG + n, lambda text: int(text) - _BIG if text.isdecimal() and len(text) < 20 else 0
    ),
    "uuid": _Kind(_uuid, lambda text: _from_hex(text, 12)),
    "hex": _Kind(lambda seed, n: f"{mix(seed, n):016x}{n:08x}", lambda text: _from_hex(text, 8)),
    "path": _Kind(lambda _seed, n: f"shelf.{n % 7}/box {n % 10}+/v1.{n}", lambda text: _tail(text, ".")),
    "key": _Kind(lambda _seed, n: f"KEY-{n}", lambda text: _tail(text, "-")),
    "name": _Kind(slug, lambda text: _tail(text, "-")),
    "pair": _Kind(lambda _seed, n: _pair(n), lambda _text: 0),
}
ID_KINDS = tuple(name for name in _KINDS if name != "pair")  # that is what any id of several parts is
_PREFIX = "prefix:"


def is_id_kind(name: str) -> bool:
    """Say whether `name` is a kind of id."""
    return name in ID_KINDS or (name.startswith(_PREFIX) and len(name) > len(_PREFIX))


class Ids:
    """The ids of one API. parts: how many fields make an id together."""

    def __init__(self, kind: str, seed: int, parts: int) -> None:
        if kind.startswith(_PREFIX):
            prefix = kind.removeprefix(_PREFIX)
            self._kind = _Kind(lambda _seed, n: f"{prefix}{n:012d}", lambda text: int(_digits(text[len(prefix) :])))
        else:
            self._kind = _KINDS["pair" if parts > 1 else kind]
        self.plain = kind == "int" and parts == 1
        self._seed = seed
        self._parts = parts

    def shown(self, key: Any) -> tuple[Any, ...]:
        """Return the parts of the id of the item that the catalogue knows by `key`."""
        if self.plain:
            return (key,)
        written = self._kind.write(self._seed, int(key))
        return (*written, *("z",) * (self._parts - 2)) if isinstance(written, tuple) else (written,)

    def key_of(self, parts: tuple[str, ...]) -> str | None:
        """Return the catalogue's key of the id with these parts, as texts; None where there is no such id."""
        if self.plain:
            return parts[0]
        number = _number_of_pair(parts) if self._parts > 1 else self._kind.read(parts[0])
        if number < 1 or tuple(map(str, self.shown(number))) != parts:
            return None
        return str(number)


def _pair(number: int) -> tuple[str, str]:
    half = (number + 1) // 2
    return ("a", f"b-{half}") if number % 2 else ("a-b", str(half))


def _number_of_pair(parts: tuple[str, ...]) -> int:
    half = _tail(parts[1], "-")
    return 2 * half - 1 if parts[0] == "a" else 2 * half


def _digits(text: str) -> str:
    return text if text.isascii() and text.isdecimal() and len(text) <= 18 else "0"
