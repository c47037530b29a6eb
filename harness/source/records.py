"""Find the records in a page, the id of each, and the item in its own answer.

Where their place is declared, they are there or nowhere: a path that finds nothing on a page is told, and never read
as an empty list. Where nothing is declared, a list is an array, or an object with the records under `data`, `items` or
`results` (of any other, `harness.source.guess` writes a declaration first); the id is `id`; an item stands alone or in
`data`.

A list may hold bare ids, numbers or texts: where they are all there is of an item, it is kept as `{"id": ...}`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from harness.record.discovery import shown
from harness.record.events import ItemId, is_same_id
from harness.record.literals import NoNumber, dumps, loads
from harness.source.guess_records import find_records
from harness.source.remarks import remarks, tells_of_error
from harness.source.way_on import ENVELOPE, error_told, hints_at_error, words_of
from harness.spec import ids
from harness.spec.paths import Path, shell_quoted

_RECORDS = ("data", "items", "results")
_ID = (Path("id"),)
_DEEPEST = 6  # of the objects around the records
_DEEPEST_ITEM = 2  # of the objects around an item


class Malformed(Exception):
    """A body that is not what was asked for; the message says why, in words for the failure's detail.

    past_end: what came, in words for people, where it ends a list if the page was only guessed; else None.
    remarks: what the body says of itself, which may take that back.
    """

    def __init__(self, why: str, past_end: str | None = None, remarks: str = "") -> None:
        super().__init__(why)
        self.past_end = past_end
        self.remarks = remarks


class Garbled(Malformed):
    """A body that is not even JSON: cut short, or somebody else's page. Asked again it may be whole."""


def as_text(value: Any) -> str:
    """Return JSON text that can be stored, with each number as it was written."""
    return dumps(value)


def parsed(body: str) -> Any:
    """Return the JSON value of a body, in which numbers remember how they were written; Garbled where it is none.

    Malformed where it holds NaN or the like: asked again it would be the same.
    """
    try:
        return loads(body, strict=True)
    except NoNumber as error:
        raise Malformed(f"the body holds {error}, which JSON does not have; the API should send null") from None
    except (ValueError, RecursionError) as error:
        raise Garbled(f"the body is not JSON ({error})") from None


# --- a page -----------------------------------------------------------------------------------------------------------


class Records:
    """Where a page's records, their ids and an item lie. paths: of `harness.spec.source.Resource`, as declared.

    called: what one of the records may be called, such as `order`; an answer that holds an object of that name is its
    envelope.
    """

    def __init__(
        self,
        records: str | None,
        id_paths: Sequence[str],
        item_records: str | None,
        called: Collection[str] = (),
    ) -> None:
        self._called = frozenset(called)
        self._path = None if records is None else Path(records)
        self._ids = tuple(map(Path, id_paths))
        self._item = None if item_records is None else Path(item_records)

    def of_page(self, value: Any, sent: str) -> list[Any]:
        """Return the records of a page. Malformed where it has no array of them.

        sent: the URL that was asked, whose values a server may repeat.
        """
        if self._path is None:
            return _records(value, sent)
        there, found = self._path.look(value)
        if isinstance(found, list):
            return found
        error = error_told(value)
        if error is not None:
            raise Malformed(says_error(value))
        says = remarks(value, sent) if isinstance(value, dict) else ""
        what = "nothing" if found is None else kind_of(found)
        why = f"the body holds {what} at {self._path}, where the records are declared{_better(value, sent)}"
        past = "holds no records" if there or value is None else _lacks_records(value)
        raise Malformed(f"{why}; it says {shown(says)}" if says else why, past, says)

    def ids_of(self, records: Sequence[Any], *, kept: bool) -> list[tuple[ItemId, Any]]:
        """Return the records by their ids. kept: they are the items. Malformed where one has no usable id."""
        bare = not self._ids and not any(isinstance(record, (dict, list)) for record in records)
        by_id = [(self._id(record, bare=bare), record) for record in records]
        _check_unique(by_id, kept=kept)
        return by_id

    def _id(self, record: Any, *, bare: bool) -> ItemId:
        found = ids.usable(record) if bare else ids.id_of(record, self._ids or _ID)
        if found is not None:
            return found
        where = " and ".join(map(str, self._ids or _ID))
        has = f"; it has {', '.join(list(map(str, record))[:6])}" if isinstance(record, dict) and record else ""
        raise Malformed(f"a record of the list has no usable id at {where}{has}; name its field with --id")

    def raw_id(self, record: Any) -> Any:
        """Return the id of a record as it holds it: for a keyset's next page."""
        if not isinstance(record, dict) and not self._ids:
            return record
        paths = self._ids or _ID
        return paths[0].find(record) if len(paths) == 1 else ids.id_of(record, paths)

    # --- an item --------------------------------------------------------------------------------------------------

    def item_of(self, item: ItemId, value: Any) -> tuple[dict[str, Any], bool]:
        """Return the item's object in an answer, and whether it carries the id it was asked by.

        Malformed for the answer of another item, of an error or a list, and for an empty object.
        """
        if not isinstance(value, dict):
            one = self._item is None and isinstance(value, list) and len(value) == 1 and self._carries(value[0], item)
            if not one and self._item is None:
                raise Malformed(f"the item is not an object but {kind_of(value)}")
            value = value[0] if one else value
        inner = self._inner(item, value)
        found = ids.id_of(inner, self._ids or _ID)
        if is_same_id(found, item):
            return inner, True
        if found is not None:
            raise Malformed(f"the answer is for another item: its id is {str(found)[:60]}, not {item}")
        self._check_item(inner, value)
        return inner, False

    def items_of(self, value: Any, sent: str) -> list[tuple[ItemId, dict[str, Any]]]:
        """Return the items of a batch by their ids. Malformed where the answer is no list of them."""
        records = Records(None if self._item is None else self._item.text, [path.text for path in self._ids], None)
        found = records.of_page(value, sent)
        if found and not any(isinstance(record, (dict, list)) for record in found):
            raise Malformed("the answer to a batch holds bare ids, not items")
        return records.ids_of(found, kept=True)

    def spelt(self, inner: dict[str, Any]) -> ItemId | None:
        """Return the id of an item as it carries it."""
        return ids.id_of(inner, self._ids or _ID)

    def _carries(self, inner: Any, item: ItemId) -> bool:
        return isinstance(inner, dict) and is_same_id(ids.id_of(inner, self._ids or _ID), item)

    def _inner(self, item: ItemId, value: Any) -> Any:
        """Return the item out of its envelope: the declared one, or `data`, or the only object if it has the id."""
        if self._item is not None:
            found = self._item.find(value)
            found = found[0] if isinstance(found, list) and len(found) == 1 else found
            if isinstance(found, dict):
                return found
            if error_told(value) is not None:
                raise Malformed(f"the answer reports an error: {as_text(value)[:200]}")
            what = "nothing" if found is None else kind_of(found)
            raise Malformed(f"the answer holds {what} at {self._item}, where the item is declared")
        if ids.id_of(value, self._ids or _ID) is not None:
            return value
        inside = self._unwrapped(item, value)
        if inside is not None:
            return inside
        return value["data"] if isinstance(value.get("data"), dict) and not self._ids else value

    def _unwrapped(self, item: ItemId, value: dict[str, Any], depth: int = 0) -> dict[str, Any] | None:
        """Return the one object in an answer that carries the id `item`: `{"order": {...}}` is an order's envelope.

        None where there is none, or several, or the answer may itself be an item which only refers to another with
        that id: an envelope's other fields speak of the answer, or hold lists or objects beside one that is called as
        a record is.
        """
        of_page = any(name in value for name in _OF_DATA)
        held = {
            name: inner[0] if isinstance(inner, list) and len(inner) == 1 and not of_page else inner
            for name, inner in value.items()
        }
        inside = [name for name, inner in held.items() if self._carries(inner, item)]
        named = [name for name in inside if "".join(words_of(name)) in self._called] or inside
        if len(named) == 1 and (self._ids or self._is_envelope(value, named[0])):
            found: dict[str, Any] = held[named[0]]
            return found
        outer = [inner for name, inner in value.items() if isinstance(inner, dict) and self._is_envelope(value, name)]
        deeper = [self._unwrapped(item, inner, depth + 1) for inner in outer] if depth < _DEEPEST_ITEM else []
        deep = [inner for inner in deeper if inner is not None]
        return deep[0] if len(deep) == 1 else None

    def _is_envelope(self, value: dict[str, Any], name: str) -> bool:
        """Return whether an answer holds what is under `name`, and is nothing else by itself."""
        if "".join(words_of(name)) in self._called:
            return True
        others = (
            inner for other, inner in value.items() if other != name and other.lower().lstrip("_") not in ENVELOPE
        )
        return not any(isinstance(inner, (str, int, float, dict)) and inner not in ("", 0) for inner in others)

    def _check_item(self, inner: dict[str, Any], value: Any) -> None:
        """Raise Malformed for an answer without the id that is no item."""
        if (error := error_told(value) or error_told(inner)) is not None:
            raise Malformed(f"the answer reports an error and has no id: {error}")
        if isinstance(value, dict) and (said := tells_of_error(value) or tells_of_error(inner)) is not None:
            raise Malformed(f"the answer reports an error and has no id: {said}")
        if not inner:
            raise Malformed("the item is an empty object")
        if isinstance(value, dict) and _is_page(value):
            raise Malformed("the answer is a page of a list, not an item")


def _better(value: Any, sent: str) -> str:
    """Return where a page holds records, in words that follow on; "" where it holds none."""
    found = find_records(value, sent)
    if isinstance(found, str) or not found.rows:
        return ""
    if found.path:
        return f"; there are records at {found.path} (--records {shell_quoted(found.path)})"
    return "; the body is itself an array of records (leave --records out)"


def _holds(value: Any, found: list[Any], depth: int) -> bool:
    return (
        isinstance(value, dict)
        and depth < _DEEPEST
        and any(inner is found or _holds(inner, found, depth + 1) for inner in value.values())
    )


def without_records(value: Any, records: list[Any]) -> dict[str, Any]:
    """Return the body without its records: what it says of the list."""
    if not isinstance(value, dict):
        return {}
    about: dict[str, Any] = {}
    for key, inner in value.items():
        if inner is records:
            continue
        about[key] = without_records(inner, records) if _holds(inner, records, 0) else inner
    return about


def _records(value: Any, sent: str) -> list[Any]:
    """Return the records by rules. Malformed where there are none, see `past_end` there.

    The first field with a list that is not empty: beside the records, `data` may be an empty list.
    """
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        lists = [found for name in _RECORDS if isinstance(found := value.get(name), list)]
        if lists:
            return next((found for found in lists if found), lists[0])
    if error_told(value) is not None:
        raise Malformed(says_error(value))
    says = remarks(value, sent) if isinstance(value, dict) else ""
    why = "the body holds no list: neither an array nor an object with data, items or results"
    if says:
        why = f"{why}; it says {shown(says)}"
    raise Malformed(why, _lacks_records(value), says)


def says_error(about: Any) -> str:
    """Return what is said of a list that reports an error."""
    return f"the list reports an error: {as_text(about)[:200]}"


def _lacks_records(value: Any) -> str | None:
    """Return `is null`, or `holds no records` for an object that has none under any name and tells of no error; else
    None.
    """
    if value is None:
        return "is null"
    if not isinstance(value, dict) or hints_at_error(value) or any(value.get(name) for name in _RECORDS):
        return None
    lists = any(isinstance(inner, list) and inner for inner in value.values())
    return None if lists else "holds no records"


def _check_unique(by_id: list[tuple[ItemId, Any]], *, kept: bool) -> None:
    """Raise Malformed where one id stands for two records: a search for films and series may name a film and a series
    so.

    Where details are fetched, rows of one item may differ; then only records of different types are two.
    """
    first: dict[ItemId, Any] = {}
    for item, record in by_id:
        other = first.setdefault(item, record)
        if other is record or not isinstance(record, dict) or not isinstance(other, dict):
            continue
        differing = [name for name in (other.keys() | record.keys()) - {"id"} if other.get(name) != record.get(name)]
        if any(kept or set(words_of(name)) & {"type", "kind"} for name in differing):
            raise Malformed(f"the page names the id {item} twice, with different records: ids are not unique here")


# Beside records under `data` each of these tells a page of a list; an order, too, may have `items` and a `total`.
_OF_PAGES = ("last_page", "total_pages", "next_page_url", "has_more", "per_page", "next")
_OF_DATA = (*_OF_PAGES, "total", "total_count", "count", "page", "links", "meta")


def _is_page(about: dict[str, Any]) -> bool:
    for name, of_pages in (("data", _OF_DATA), ("items", _OF_PAGES), ("results", _OF_PAGES)):
        records = about.get(name)
        if isinstance(records, list) and any(field in about for field in of_pages):
            return all(isinstance(record, dict) and "id" in record for record in records)
    return False


def kind_of(value: Any) -> str:
    return {list: "an array", dict: "an object", str: "text", bool: "a boolean", type(None): "null"}.get(
        type(value), "a number"
    )
