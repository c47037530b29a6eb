"""What an import assumes of an API that was not declared, or not wholly: made from page 1, and frozen for the run.

`guess` says all that can be told. An import assumes less: what `harness.source.page_reader` reads by its own rules
anyway is left to them, for they judge each page by itself and know more ways than one. So a list that could always be
imported is asked for with the same requests as ever, and an assumption is made where those rules would fail or go
astray.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from harness.core.answers import PageRead
from harness.record.events import FIRST_PAGE, Key, PageRef
from harness.source.guess import Answer, Finding, Guess, guess
from harness.source.guess_items import below
from harness.source.guess_seen import by_param
from harness.source.paging import USUAL_SIZE, next_target
from harness.spec.source import CursorPaging, KeysetPaging, LinkPaging, OffsetPaging, PageNumberPaging, Paging, Source

# Where the rules look for records by themselves.
_USUAL = (None, "data", "items", "results")
# Where pages are numbered only because nothing says otherwise, they may go by offset.
_COUNTED = (OffsetPaging(param="offset"), OffsetPaging(param="skip"))
# Ways on that are tried where the likeliest brings page 1 again.
_MOST_TRIED = 2


@dataclass(frozen=True, slots=True)
class Assumed:
    """source: what the run goes by. line: all that was told, for people. changed: whether the rules alone would differ.
    others: ways on that a check may try where page 2 refutes this one.

    refused: `page` and `size` where the API refuses the parameters that nobody declared. file: a digest of page 1 where
    the list came as CSV or JSON lines, "" else. placeless: why it cannot be told where an item lies, "" where it can.
    rivals: other fields that may name the items.

    The parts of `findings` that are not assumed are read by the rules, which come to the same.
    """

    source: Source
    line: str
    findings: tuple[Finding, ...]
    changed: bool
    others: tuple[Paging, ...] = ()
    refused: frozenset[str] = frozenset()
    file: str = ""
    placeless: str = ""
    rivals: tuple[str, ...] = ()

    @property
    def of_items(self) -> bool:
        """Whether the place of items, or what names them, was told from page 1."""
        return any(one.what == "items" and not one.evidence.startswith("assumed") for one in self.findings)

    def by_next(self) -> Assumed | None:
        """Return the same by the next of the ways on that are likely; None where no other is left."""
        if not self.others:
            return None
        paging, *others = self.others
        resource = self.source.resource.model_copy(update={"paging": paging})
        source = self.source.model_copy(update={"resource": resource})
        parts = [part for part in self.line.split(", ") if " -> " not in part and not part.startswith("next ")]
        line = ", ".join([*parts, f"next {by_param('next', paging)}"])
        return replace(self, source=source, line=line, others=tuple(others))

    def as_noted(self) -> dict[str, Any]:
        """Return what run.json keeps, and a resumed run is given."""
        noted = {"line": self.line, "source": self.source.as_written()}
        known = {"refused": sorted(self.refused), "file": self.file}
        return noted | {name: value for name, value in known.items() if value}


def is_open(source: Source) -> bool:
    """Return whether a source leaves anything to be guessed."""
    resource = source.resource
    return (
        resource.records is None
        or not resource.id
        or resource.paging is None
        or (resource.detail is not False and resource.item is None)
    )


def assume(known: Source, first: Answer, plain: PageRead | None, refused: frozenset[str] = frozenset()) -> Assumed:
    """Return what an import assumes from page 1.

    plain: what the rules read of that page, None where they cannot. refused: the parameters with which it was refused.
    """
    found = guess([first], known)
    told, was = found.source.resource, known.resource
    changes: dict[str, Any] = {}
    if was.records is None and (plain is None or told.records not in _USUAL):
        changes["records"] = told.records
    if not was.id and told.id not in ((), ("id",)):
        changes["id"] = told.id
    if was.paging is None and _is_needed(told.paging, found, plain, first, refused):
        changes["paging"] = told.paging
        changes |= {"body": told.body} if told.body != was.body else {}
        # Pages must keep their size while a list is read: what page 1 was asked for with is asked for again.
        if not was.size_param and was.method == "GET" and not refused and "{per_page}" not in was.url:
            changes |= {"size_param": "perPage", "per_page": was.per_page or USUAL_SIZE}
    if was.item is None and told.item is not None and told.item.url != _usual_item(known):
        changes["item"] = told.item
    resource = was.model_copy(update=changes)
    source = known.model_copy(update={"resource": resource})
    others = found.others[:_MOST_TRIED] if "paging" in changes and told.body == was.body else ()
    if found.beyond and was.paging is None and told.paging is None and was.method == "GET" and not refused:
        others = _COUNTED
    unknown = {one.what: one.why for one in found.unknown}
    placeless = unknown.get("items", "") if "id" not in unknown else ""
    return Assumed(
        source, found.assumed, found.findings, bool(changes), others, refused, placeless=placeless, rivals=found.rivals
    )


def _usual_item(known: Source) -> str:
    url = known.resource.url
    usual = below(url)
    return usual if usual.partition("?")[0].endswith("/{id}") and not url.partition("?")[0].endswith("/") else ""


def _is_needed(
    paging: Paging | None, found: Guess, plain: PageRead | None, first: Answer, refused: frozenset[str]
) -> bool:
    """Return whether the rules would not follow the list as the guess does."""
    if paging is None:
        return False
    if plain is None or ("page" in refused and not isinstance(paging, PageNumberPaging)):
        return True
    if found.ended:
        return False
    if plain.unread:
        return True
    if isinstance(paging, LinkPaging):
        # Pages that are numbered are read side by side; but only `page` is known to number them.
        return plain.next_page is None and ("page" in refused or not counts_by_page(paging, first))
    if isinstance(paging, KeysetPaging):
        return paging.param != "after" or bool(found.others)
    if isinstance(paging, PageNumberPaging):
        return paging.param != "page"
    return isinstance(paging, (CursorPaging, OffsetPaging))


def counts_by_page(paging: Paging | None, first: Answer) -> bool:
    """Return whether there is a link to the next page, and it asks for `page=2`."""
    if not isinstance(paging, LinkPaging):
        return False
    try:
        query = urlsplit(next_target(paging, first.value, first.headers) or "").query
    except ValueError:
        return False
    return dict(parse_qsl(query)).get("page") == "2"


def contradicted(assumed: Assumed, key: Key, seen: str) -> str:
    """Return the sentence for an answer that is not as page 1 made believe: both, and what to do.

    Page 1 itself contradicts nothing, nor does an item whose place or envelope nobody assumed.
    """
    of_item = not isinstance(key, PageRef)
    if key == FIRST_PAGE or not assumed.line or (of_item and not assumed.of_items):
        return seen
    return f"{seen}; page 1 made believe: {assumed.line} (declare what differs: `check` names the flags)"


def restored(noted: Any, known: Source) -> Source:
    """Return the source that a run has assumed, from run.json; `known` where there is none to be read."""
    if not isinstance(noted, dict) or not isinstance(noted.get("source"), dict):
        return known
    found = Source.model_validate(noted["source"])
    parts = ("records", "id", "paging", "item", "body", "size_param", "per_page")
    was = {name: getattr(known.resource, name) for name in parts}
    update = {name: getattr(found.resource, name) for name, value in was.items() if value in (None, ())}
    update |= {"body": found.resource.body} if found.resource.body is not None else {}
    return known.model_copy(update={"resource": known.resource.model_copy(update=update)})


def known_of(noted: Any) -> tuple[tuple[str, ...], str]:
    """Return, from run.json, the parameters that the API refused, and the digest of page 1 where that is a file."""
    noted = noted if isinstance(noted, dict) else {}
    refused = noted.get("refused", [])
    return tuple(name for name in ("page", "size") if name in refused), str(noted.get("file", ""))
