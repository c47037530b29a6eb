"""Decide whether the list's records are the items, so that none need be fetched. No IO, no clock.

After the first page nothing more is sent but two of its items, its first and its last, one after the other. Where both
are exactly what the list holds of them, the same fields with the same values, the rest is taken from the list: one of a
hundred a page then costs a hundredth of the requests. Whatever else comes (another field, a failure, a page whose
records nobody kept) means that items are fetched, as if nothing had been asked. The first page's records are held
until then, and no others: nothing is lost, nothing is fetched twice, and memory stays bounded.

Where several items are asked for together, one such request is compared as a whole: a whole one, so that it costs
nothing where items are fetched after all. Pages are read until it is full, or the list has ended, and their records are
held until then.

Many APIs have no address for an item. Where it lies was only guessed here, so where its first and its last two are all
not there, the records are the items, too, and the run says so. Not there is what answers 404, 405 or 410, and an answer
that is no such item: an error in a 200, another item, a list. One of them that is there means that the others are gone:
they are asked for again, and fail as they would have. And where the records have another field that may name them, such
as a key beside an id, they may lie there: then nothing more is asked for, and the run ends with how to say which.

A list that came as a file, CSV or JSON lines, has no items below it: its records are taken at once.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Literal

from harness.core.answers import Failed
from harness.record.events import ItemId
from harness.record.state import State

# One may be like its record by chance: the fields that the list lacks may be absent where they are empty.
SAMPLES = 2
# Of a list that changes, one or two may be gone by now.
MISSING = 3
_NOT_THERE = ("gone", "status 404", "status 405", "status 410")
# An error is as long as somebody made it.
_MOST_WORDS = 160
_MOST_NAMED = 3
# Resuming changes nothing of a run that ended for it.
MISNAMED = "may name the items as well"


def is_undecided(state: State, payloads: Collection[ItemId]) -> bool:
    """Return whether nothing was decided yet. payloads: items that are on disk though no event says so.

    A session that was killed over it had read page 1, whose records are lost: it is read again.
    """
    begun = state.imported >= SAMPLES or payloads or state.failures
    return not state.pages or (len(state.pages) == 1 and state.pages_read == 1 and not begun)


class Chooser:
    """phase: `page` until the first page is there, `sampling`, and then `details` or `list`.

    batch: so many items are asked for together, None: each by itself. placed: it is declared where items lie.
    """

    def __init__(self, open_: bool, batch: int | None = None, *, placed: bool = False) -> None:
        self._batch = batch
        self._placed = placed
        self.phase: Literal["page", "sampling", "details", "list"] = "page" if open_ else "details"
        self.records: dict[ItemId, str] = {}  # of the first page, or of a batch
        self.itemless = False
        self.not_there = ""  # what came in place of the items, where they have no address
        self.rivals: tuple[str, ...] = ()  # other fields than the id that may name the items
        self._alike = 0
        self._missing = 0

    @property
    def is_open(self) -> bool:
        """Return whether it is still to be decided."""
        return self.phase in ("page", "sampling")

    @property
    def place(self) -> float:
        """Return which of the items that are ready is fetched next: 0.0 the first, 1.0 the last."""
        return 1.0 if self.phase == "sampling" and (self._alike or self._missing) else 0.0

    def page(
        self, payloads: Iterable[tuple[ItemId, str]], *, itemless: bool = False, rivals: tuple[str, ...] = ()
    ) -> None:
        """Take in the records of a page as JSON texts, before the core hears of it.

        itemless: there is no more of them than the list holds, so none need be compared. rivals: fields other than
        their id that may name them, so that it does not follow from their not being there that they are nowhere.
        """
        if self._batch is not None and self.is_open and not itemless:
            self.records.update(payloads)
            self.phase = "sampling" if len(self.records) >= self._batch else self.phase
        elif self.phase == "page":
            self.records, self.itemless, self.rivals = dict(payloads), itemless, rivals
            self.phase = "list" if itemless and self.records else "sampling" if self.records else "details"

    @property
    def takes_all(self) -> bool:
        """Whether items may be compared before there is a whole batch, should the list be read by then."""
        return self._batch is not None and self.is_open

    def items(self, payloads: Iterable[tuple[ItemId, str]]) -> None:
        """Compare the items of an answer with their records, before the core hears of it."""
        if not (self.phase == "sampling" or self.takes_all):
            return
        for item, payload in payloads:
            if self._missing or not is_same(self.records.get(item), payload):
                self.give_up()
                return
            self._alike += 1
        if self._alike >= min(SAMPLES, len(self.records)) > 0:
            self.phase = "list"

    def lacks(self, item: ItemId, status: int | None, failed: Failed) -> bool:
        """Take in that an item failed. True: it is not there, and whether that is its own fault is still to be told."""
        if self.phase != "sampling":
            return False
        by_itself = self._placed or self._alike or not is_not_there(failed)
        if by_itself or not _says_more_than_an_id(self.records.get(item)):
            self.give_up()
            return False
        self._missing += 1
        if self._missing >= min(MISSING, len(self.records)):
            self.not_there = _in_words(status, failed)
            self.phase = "details" if self.rivals else "list"
        return True

    def give_up(self) -> None:
        """Fetch the items: nothing more is known of them, or they hold more."""
        if self.is_open:
            self.phase, self.records = "details", {}


def misnamed(came: str, rivals: tuple[str, ...]) -> str:
    """Return why items are not found that may go by another field. came: in place of each that was asked for."""
    named = rivals[:_MOST_NAMED]
    flags = " or ".join(f"--id {name}" for name in named)
    return (
        f"no item is at the list's URL with its id ({came}), and {' or '.join(named)} {MISNAMED}; "
        f"start again with {flags}, or with --no-detail to take the list's records as they are"
    )


def is_not_there(failed: Failed) -> bool:
    """Return whether a failed request says that there is no such item at its address.

    An answer that may have been cut off, or is somebody else's page for a while, does not (`passing`).
    """
    return failed.reason in _NOT_THERE or (failed.reason == "malformed" and failed.sent and not failed.passing)


def _in_words(status: int | None, failed: Failed) -> str:
    """Return what came in place of an item; the words of the server where the status does not say it."""
    said = f": {failed.detail}" if failed.detail and failed.reason not in _NOT_THERE else ""
    return f"status {status}{said}"[:_MOST_WORDS]


def is_same(record: str | None, payload: str) -> bool:
    """Return whether a record of the list (a JSON text, None: not known) is exactly the item."""
    return record is not None and _plain(record) == _plain(payload)


def _says_more_than_an_id(record: str | None) -> bool:
    found = None if record is None else json.loads(record)
    return isinstance(found, dict) and len(found) > 1


def _plain(payload: str) -> str:
    """Return a JSON text whatever its order and spacing. Numbers stay as they are written, for a float may be two."""
    return json.dumps(json.loads(payload, parse_float=_marked, parse_int=_marked), sort_keys=True)


def _marked(number: str) -> str:
    return f"\x00{number}"  # no text of the same letters
