"""One generated item: a function of (seed, id, version), the same on every machine and version."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

_COLOURS = ("amber", "black", "blue", "copper", "green", "grey", "ivory", "olive", "red", "silver", "teal", "white")
_THINGS = ("anchor", "basket", "candle", "desk", "engine", "flask", "guitar", "hammer", "kettle", "lamp", "mirror")
_USES = ("daily work", "long trips", "small rooms", "cold nights", "quiet evenings", "heavy loads", "beginners")
_FIRST_EPOCH_S = 1_704_067_200  # 2024-01-01T00:00:00Z: fixed, so that items do not change with the day they are served
_MASK = (1 << 64) - 1


def summary(seed: int, number: int) -> dict[str, Any]:
    """The list record of item `number`: id and name."""
    return {"id": number, "name": _name(mix(seed, number), number)}


def make_item(seed: int, number: int, version: int = 0) -> dict[str, Any]:
    """Item `number`; each `version` (0 as created) has another price and a later `updated_at`."""
    bits = mix(seed, number)
    current = mix(bits, version) if version else bits
    name = _name(bits, number)
    created = _FIRST_EPOCH_S + (bits >> 20) % 31_000_000
    return {
        "id": number,
        "name": name,
        "description": f"{name}, made for {_USES[(bits >> 16) % len(_USES)]}",
        "price": ((current >> 24) % 99_900 + 100) / 100,
        "created_at": _iso(created),
        "updated_at": _iso(created + (bits >> 40) % 2_000_000 + version * 60),
    }


def mix(seed: int, number: int) -> int:
    """64 well-mixed bits of (seed, number): splitmix64's finaliser."""
    z = (seed * 0x9E3779B97F4A7C15 + number * 0xBF58476D1CE4E5B9 + 0x94D049BB133111EB) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def _name(bits: int, number: int) -> str:
    colour, thing = _COLOURS[bits % len(_COLOURS)], _THINGS[(bits >> 8) % len(_THINGS)]
    return f"{colour} {thing} {number}"


def _iso(epoch_s: int) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
