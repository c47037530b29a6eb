"""What names each record, and where it lies: told from one page or two, or not told.

An id is there in every record, a plain value, differs from record to record, and is called like an id or stands at the
end of the record's own URL. Where one field alone repeats, it is joined with the kind of its record. A record's own URL
lies on the list's host and differs from record to record; links for browsers are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from harness.source.guess_fields import FOREIGN, Keys, at, is_scalar, path_of, plain_fields, rank_of, singular
from harness.source.way_on import words_of

# Objects within a record in which its id may stand; the id in any other, such as `user.id`, is somebody else's.
_HOLDERS = ("sys", "_id", "data", "node", "resource", "attributes", "properties", "metadata", "identity", "key")
_WEAK = ("code", "name")  # they name a record only where nothing else does
# Beside an id that repeats, these tell records apart.
_KINDS = ("type", "kind", "media_type", "mediatype", "object", "collection", "namespace", "ns")


@dataclass(frozen=True, slots=True)
class IdFound:
    """paths: one, or several that make the id together. rivals: other fields that could be it as well."""

    paths: tuple[str, ...]
    evidence: str
    rivals: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        return " + ".join(self.paths)


def find_id(rows: Sequence[Any], later: Sequence[Any], url: str, name: str = "") -> IdFound | str:
    """Return what names each record, or in words why nothing does.

    rows: of the first page; later: of the second. name: of the records' field, such as `orders`.
    """
    if not rows:
        return "the page has no records"
    everywhere = _fields_of_all(rows)
    ranked = _ranked(everywhere, singular(name, url))
    unique = [keys for keys in ranked if _is_unique([at(row, keys) for row in rows])]
    repeats = [keys for keys in unique if later and not _is_unique([at(row, keys) for row in (*rows, *later)])]
    sure = [keys for keys in unique if keys not in repeats]
    pages = "unique on 2 pages" if later else f"unique on the page{' of one record' if len(rows) == 1 else ''}"
    for keys, field in _in_own_url(sure, rows, url):
        return IdFound((path_of(keys),), f"{pages}; {path_of(field)} ends with it")
    strong = [keys for keys in sure if keys[-1].lower() not in _WEAK or len(keys) > 1]
    for keys in strong or sure:
        rivals = [path_of(other) for other in strong if other != keys and len(other) == 1 and not _is_foreign(other)]
        return IdFound((path_of(keys),), pages, tuple(rivals))
    return _joined(everywhere, rows, later) or _by_own_url(rows, url, pages) or _no_id(ranked, repeats, rows)


def _fields_of_all(rows: Sequence[Any]) -> list[Keys]:
    """Return the fields that every record has with a plain value that is not empty."""
    first = [keys for keys, value in plain_fields(rows[0]) if is_scalar(value) and len(keys) <= 2]
    return [keys for keys in first if all(is_scalar(at(row, keys)) for row in rows)]


def _ranked(fields: Sequence[Keys], singular: set[str]) -> list[Keys]:
    def order(keys: Keys) -> tuple[int, int]:
        own = rank_of(keys[-1], singular)
        assert own is not None
        nested = len(keys) > 1
        by_name = keys == ("metadata", "name")  # Kubernetes asks for its objects by name
        return (own + 1000 * nested - 1000 * by_name, len(keys))

    known = [keys for keys in fields if rank_of(keys[-1], singular) is not None]
    known = [keys for keys in known if len(keys) == 1 or keys[0].lower() in _HOLDERS]
    foreign = [keys for keys in known if rank_of(keys[-1], singular) == FOREIGN]
    # A record's own id may be called anything_id; where several are, it cannot be told which.
    return sorted((keys for keys in known if keys not in foreign or len(foreign) == 1), key=order)


def _is_unique(values: Sequence[Any]) -> bool:
    return len({str(value) for value in values if is_scalar(value)}) == len(values)


def _joined(everywhere: Sequence[Keys], rows: Sequence[Any], later: Sequence[Any]) -> IdFound | None:
    """Join an id that repeats with the kind of its record; or the one pair of ids that is unique."""
    ids = [keys for keys in everywhere if len(keys) == 1 and rank_of(keys[0]) is not None]
    kinds = [keys for keys in everywhere if len(keys) == 1 and keys[0].lower() in _KINDS]
    every = [*rows, *later]
    named = [keys for keys in ids if rank_of(keys[0]) != FOREIGN and keys[0].lower() not in _WEAK]
    for kind, own in ((kind, own) for own in named for kind in kinds):
        if _is_unique([f"{at(row, kind)}\n{at(row, own)}" for row in every]):
            return IdFound((path_of(kind), path_of(own)), f"{path_of(own)} repeats, with {path_of(kind)} it does not")
    parts = [keys for keys in everywhere if len(keys) == 1 and (keys in ids or _counts(keys[0]))]
    pairs = [
        (one, two)
        for place, one in enumerate(parts)
        for two in parts[place + 1 :]
        if _is_unique([f"{at(row, one)}\n{at(row, two)}" for row in every])
    ]
    if len(pairs) == 1 and len(every) >= 3:
        paths = tuple(map(path_of, pairs[0]))
        return IdFound(paths, f"neither is unique, together they are on {len(every)} records")
    return None


def _counts(key: str) -> bool:
    return bool(set(words_of(key)) & {"line", "number", "no", "seq", "sequence", "position", "index", "version"})


def _no_id(ranked: Sequence[Keys], repeats: Sequence[Keys], rows: Sequence[Any]) -> str:
    if repeats:
        return f"{path_of(repeats[0])} is unique on page 1, but page 2 repeats it"
    if ranked:
        return f"no field is unique: {path_of(ranked[0])} repeats on the page"
    names = ", ".join(list(map(str, rows[0]))[:6]) if isinstance(rows[0], dict) else ""
    return f"no field is called like an id and differs from record to record; they have {names}"


def _is_foreign(keys: Keys) -> bool:
    return rank_of(keys[-1]) == FOREIGN


# --- a record's own URL ---------------------------------------------------------------------------------------------

# Fields that hold the URL of the record itself, likeliest first. Not `link` or `html_url`: those are for browsers.
_OWN_URLS: tuple[Keys, ...] = (
    ("self",), ("links", "self"), ("links", "self", "href"), ("_links", "self", "href"), ("_links", "self"),
    ("@odata.id",), ("attributes", "url"), ("url",), ("href",), ("uri",), ("resource_uri",), ("resource_url",),
    ("api_url",), ("apiUrl",), ("api_href",), ("selfLink",), ("self_link",), ("detail_url",), ("@id",),
    ("meta", "href"), ("meta", "self"), ("sys", "href"), ("links", "url"),
)  # fmt: skip
_CERTAIN = {"self", "selfLink", "self_link", "@odata.id", "resource_uri", "api_url", "apiUrl", "detail_url"}


def own_urls(rows: Sequence[Any], url: str) -> Iterator[tuple[Keys, list[str]]]:
    """Yield the fields that hold the URL of each record, with the URLs, absolute; url: of the list.

    They lie on the list's host, differ from record to record, and lie below the list unless their name is certain.
    """
    here = urlsplit(url)
    for keys in _OWN_URLS:
        found = [at(row, keys) for row in rows]
        if not all(isinstance(one, str) and ("/" in one) for one in found):
            continue
        try:
            absolute = [urljoin(url, one) for one in found]
        except ValueError:
            continue
        if len(set(absolute)) < len(absolute) or any(urlsplit(one).netloc != here.netloc for one in absolute):
            continue
        if set(keys) & _CERTAIN or all(_is_near(one, url) for one in absolute):
            yield keys, absolute


def _is_near(one: str, url: str) -> bool:
    """Return whether a URL is surely of the API: below the list, on a host that is one, or beside it below `/api`."""
    here, there = urlsplit(url), urlsplit(one)
    base = here.path.rstrip("/").removesuffix(".json")
    if there.path.startswith((base + "/", base + ".")) or here.netloc.startswith("api."):
        return True
    first = [part for part in here.path.split("/") if part][:1]
    is_api = bool(first) and re.fullmatch("api|rest|services|v[0-9.]+", first[0]) is not None
    return is_api and first[0] in there.path.split("/")[1:2]


def last_part(url: str) -> str:
    """Return the last part of a URL's path, without `.json` and the slash behind it."""
    return unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2]).removesuffix(".json")


def _by_own_url(rows: Sequence[Any], url: str, pages: str) -> IdFound | None:
    """Take a record's own URL for its id, where it has no other (Spring Data REST)."""
    field = next((keys for keys, _ in own_urls(rows, url) if set(keys) & _CERTAIN), None)
    return None if field is None else IdFound((path_of(field),), f"{pages}; the records have no other id")


def _in_own_url(unique: Sequence[Keys], rows: Sequence[Any], url: str) -> Iterator[tuple[Keys, Keys]]:
    """Yield (id, URL field) where the record's own URL ends with that field."""
    for field, urls in own_urls(rows, url):
        ends = [last_part(one) for one in urls]
        yield from ((keys, field) for keys in unique if [str(at(row, keys)) for row in rows] == ends)
