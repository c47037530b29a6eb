"""What fields are called and where they stand: paths of keys, plain values, and names like an id's.

The parts of a guess share these: `guess_records` finds the records of a page, `guess_ids` what names each of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from harness.source.way_on import words_of
from harness.spec.paths import Path

Keys = tuple[str, ...]
MOST_DEPTH = 5
_OPERATORS = re.compile(r"[\[\]{}()|&*?!<>=\"'`,]")

# --- paths ----------------------------------------------------------------------------------------------------------


def path_of(keys: Keys) -> str:
    """Return a path of keys as `harness.spec.paths` reads it: plain, or quoted where a key cannot stand as it is.

    That is one with an operator in it, with a space at its end, or without a letter: anybody may have named it.
    """
    plain = ".".join(keys)
    if (len(keys) == 1 or not any(_OPERATORS.search(key) for key in keys)) and _is_path(plain):
        return plain
    return ".".join(json.dumps(key, ensure_ascii=not key.isprintable()) for key in keys)


def _is_path(text: str) -> bool:
    try:
        return Path(text).header is None
    except ValueError:
        return False


def at(value: Any, keys: Keys) -> Any:
    """Return what stands at a path of keys, None where nothing does."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def without(value: Any, keys: Keys) -> dict[str, Any]:
    """Return what a body says besides the records at `keys`."""
    if not isinstance(value, dict) or not keys:
        return {}
    inner = {name: one for name, one in value.items() if name != keys[0]}
    if len(keys) > 1 and isinstance(value.get(keys[0]), dict):
        inner[keys[0]] = without(value[keys[0]], keys[1:])
    return inner


def plain_fields(value: Any, keys: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """Yield each plain value or null of nested objects with its keys; arrays are not looked into."""
    if isinstance(value, dict) and len(keys) < MOST_DEPTH:
        for key, inner in value.items():
            yield from plain_fields(inner, (*keys, str(key)))
    elif keys and not isinstance(value, (dict, list)):
        yield keys, value


def is_scalar(value: Any) -> bool:
    return isinstance(value, (int, str)) and not isinstance(value, bool) and value != ""


# --- names ---


def words_of_url(url: str) -> set[str]:
    """Return the last parts of the path as fields may be called: `orders` of `/v2/orders.json`."""
    parts = [part.partition(".")[0].lower() for part in urlsplit(url).path.split("/") if part]
    return {part.replace("-", "").replace("_", "") for part in parts[-2:] if not part.isdecimal()}


def singular(name: str, url: str) -> set[str]:
    """Return what a record is called, by its list's field and URL: order, for orders."""
    words = {name.lower().replace("_", "")} | words_of_url(url)
    words |= {word[:-3] + "y" for word in words if word.endswith("ies")} | {word.removesuffix("s") for word in words}
    return {word for word in words if word}


_IDS = (
    *("id", "_id", "uuid", "guid", "uid", "gid", "key", "iid", "pk", "oid", "identifier", "number", "objectid"),
    *("pageid", "sid", "sku", "code", "slug", "login", "username", "symbol", "ticker", "isbn", "doi", "name"),
)

# The rank of a name that is like an id's, and may be that of something else.
FOREIGN = 500


def rank_of(key: str, singular: Mapping[str, Any] | set[str] = frozenset()) -> int | None:  # type: ignore[assignment]
    """Return how much a field is called like an id, 0 most; None: it is not."""
    lower = key.lower().lstrip("@$")
    if lower in _IDS:
        return _IDS.index(lower) * 2 + (1 if lower != "id" else 0)
    joined = "".join(words_of(key))
    if joined in _IDS:
        return _IDS.index(joined) * 2 + 1
    ending = next((end for end in ("id", "uuid", "guid", "key", "number", "no", "code") if joined.endswith(end)), None)
    if ending is not None and joined.removesuffix(ending) in singular:
        return 3
    return FOREIGN if words_of(key)[-1:] and words_of(key)[-1] in ("id", "uuid", "guid") else None
