"""What an import assumes of an API that was not declared, or not wholly: made from page 1, and frozen for the run.

`guess` says all that can be told. An import assumes less: what `harness.source.rest` reads by its own rules anyway is
left to them, for they judge each page by itself and know more ways than one. So a list that could always be imported is
asked for with the same requests as ever, and an assumption is made where those rules would fail or go astray.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.core.answers import PageRead
from harness.source.guess import Answer, Finding, Guess, below, guess
from harness.source.paging import USUAL_SIZE
from harness.spec.source import CursorPaging, KeysetPaging, LinkPaging, OffsetPaging, PageNumberPaging, Paging, Source

# Where the rules look for records by themselves.
_USUAL = (None, "data", "items", "results")


@dataclass(frozen=True, slots=True)
class Assumed:
    """source: what the run goes by. line: all that was told, for people. changed: whether the rules alone would differ.
    others: ways on that a check may try where page 2 refutes this one.

    The parts of `findings` that are not assumed are read by the rules, which come to the same.
    """

    source: Source
    line: str
    findings: tuple[Finding, ...]
    changed: bool
    others: tuple[Paging, ...] = ()

    def as_noted(self) -> dict[str, Any]:
        """Return what run.json keeps, and a resumed run is given."""
        return {"line": self.line, "source": self.source.as_written()}


def is_open(source: Source) -> bool:
    """Return whether a source leaves anything to be guessed."""
    resource = source.resource
    return (
        resource.records is None
        or not resource.id
        or resource.paging is None
        or (resource.detail is not False and resource.item is None)
    )


def assume(known: Source, first: Answer, plain: PageRead | None) -> Assumed:
    """Return what an import assumes from page 1. plain: what the rules read of that page, None where they cannot."""
    found = guess([first], known)
    told, was = found.source.resource, known.resource
    changes: dict[str, Any] = {}
    if was.records is None and (plain is None or told.records not in _USUAL):
        changes["records"] = told.records
    if not was.id and told.id not in ((), ("id",)):
        changes["id"] = told.id
    if was.paging is None and _is_needed(told.paging, found, plain):
        changes["paging"] = told.paging
        changes |= {"body": told.body} if told.body != was.body else {}
        # Pages must keep their size while a list is read: what page 1 was asked for with is asked for again.
        if was.paging is None and not was.size_param and was.method == "GET":
            changes |= {"size_param": "perPage", "per_page": was.per_page or USUAL_SIZE}
    if was.item is None and told.item is not None and told.item.url != _usual_item(known):
        changes["item"] = told.item
    resource = was.model_copy(update=changes)
    source = known.model_copy(update={"resource": resource})
    return Assumed(source, found.assumed, found.findings, changed=bool(changes), others=found.others)


def _usual_item(known: Source) -> str:
    url = known.resource.url
    usual = below(url)
    return usual if usual.partition("?")[0].endswith("/{id}") and not url.partition("?")[0].endswith("/") else ""


def _is_needed(paging: Paging | None, found: Guess, plain: PageRead | None) -> bool:
    """Return whether the rules would not follow the list as the guess does."""
    if paging is None or (found.ended and plain is not None):
        return False
    if plain is None or plain.unread:
        return True
    if isinstance(paging, LinkPaging):
        return plain.next_page is None and plain.last_page is None
    if isinstance(paging, KeysetPaging):
        return paging.param != "after"
    if isinstance(paging, PageNumberPaging):
        return paging.param != "page"
    return isinstance(paging, (CursorPaging, OffsetPaging))


def contradicted(assumed: Assumed, seen: str) -> str:
    """Return the sentence for a later page that is not as page 1 made believe: both, and what to do."""
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
