"""Lists that change while they are read: what was missed is found by reading again, and what is gone is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.config import ImportConfig
from harness.core.answers import Fetch, ItemRead, PageRead, Result
from harness.core.rules import Rules
from harness.pacing import Notice
from harness.record.events import linked
from harness.record.explain import Audit, audited
from harness.record.fold import fold
from harness.record.history import read_events, read_state
from harness.session.importing import import_into, prepare_run
from harness.views.explain import audit_text
from harness.views.screen import Screen
from tests.core.play import OK, Play
from tests.record.samples import facts
from tests.session.test_driver import Fake


class ChangingList:
    """A list of three a page, in order of id, whose items may be changed; extent: does it say how many there are?"""

    def __init__(self, *ids: int, extent: bool = True, cursor: bool = False) -> None:
        self.ids, self.extent, self.cursor = list(ids), extent, cursor

    def __call__(self, fetch: Fetch, now: float) -> tuple[float, Notice | None, Result]:
        if fetch.role == "item":
            return 0.05, OK, ItemRead(1)
        page = int(str(fetch.key).removeprefix("c"))
        ids = tuple(sorted(self.ids)[3 * page - 3 : 3 * page]) if page else ()
        more = linked(f"c{page + 1}")
        if self.extent:
            return 0.05, OK, PageRead(ids, len(self.ids), -(-len(self.ids) // 3))
        return 0.05, OK, PageRead(ids, None, None, more if self.cursor and ids else None)


@pytest.mark.parametrize(("extent", "cursor"), [(True, False), (False, False), (False, True)])
def test_what_slipped_over_a_page_border_is_found(extent: bool, cursor: bool) -> None:
    """3 is deleted after page 1 was read, so that 4 is on no page that is asked for; 8 comes in later."""
    listed = ChangingList(1, 2, 3, 4, 5, 6, 7, extent=extent, cursor=cursor)
    first = Play(listed)
    first.at = [(0.01, lambda core, now: listed.ids.remove(3))]
    first.run()
    assert first.core.state.items.state(4) is None
    listed.ids.append(8)
    again = Play(listed, state=fold(first.events), relist=True).run()
    assert [key for _, role, key, _ in again.sent if role == "item"] == [4, 8]
    assert again.done is not None
    assert again.done.status == "complete"
    assert again.core.state.imported == 8
    assert audited([*first.events, *again.events]) == Audit(7, (4, 8), (3,), True)
    assert facts(fold([*first.events, *again.events])) == facts(again.core.state)
    # A page that a cursor named and that brings nothing is asked for twice.
    pages = [key for _, role, key, _ in again.sent if role == "list"]
    assert len(pages) == len(set(pages)) + cursor
    assert again.core.state.sessions()[-1] == (len(set(pages)), 2)


def test_a_list_that_repeats_itself_for_ever_ends_an_audit_too() -> None:
    """Its end was accepted and not proven, so nothing can be said to be gone."""

    def serve(fetch: Fetch, now: float) -> tuple[float, Notice | None, Result]:
        return 0.05, OK, ItemRead(1) if fetch.role == "item" else PageRead((1, 2))

    rules = Rules(accept_list=True)
    first = Play(serve, rules).run()
    again = Play(serve, rules, state=fold(first.events), relist=True).run()
    assert len([1 for _, role, *_ in again.sent if role == "list"]) == 2
    assert audited([*first.events, *again.events]) == Audit(2, (), (), False)


def test_an_audit_that_was_cut_short_says_nothing_is_gone() -> None:
    """Stopped after the first page, what the others would have named is not gone; resumed it is told."""
    listed = ChangingList(*range(1, 10), extent=False)
    first = Play(listed).run()
    listed.ids.remove(9)
    cut = Play(listed, state=fold(first.events), relist=True)
    cut.at = [(0.01, lambda core, now: core.stop(now, "Ctrl-C"))]
    cut.run()
    assert audited([*first.events, *cut.events]) == Audit(3, (), (), False)
    resumed = Play(listed, state=fold([*first.events, *cut.events])).run()
    assert audited([*first.events, *cut.events, *resumed.events]) == Audit(8, (), (9,), True)


def test_without_an_audit_there_is_none() -> None:
    """And what an earlier audit found counts as known for the next."""
    listed = ChangingList(1, 2)
    first = Play(listed).run()
    assert audited(first.events) is None
    listed.ids.append(3)
    second = Play(listed, state=fold(first.events), relist=True).run()
    third = Play(listed, state=fold([*first.events, *second.events]), relist=True).run()
    assert audited([*first.events, *second.events, *third.events]) == Audit(3, (), (), True)


@pytest.mark.anyio
async def test_an_audit_is_a_session_of_the_run_on_disk(tmp_path: Path) -> None:
    """Items that are new upstream are imported, the others are not fetched again; files and fold agree."""
    config = ImportConfig(url="http://127.0.0.1:9/x", limit="100/1s", results=tmp_path, run="r")
    run = prepare_run(config)
    api = Fake(150)
    with run.locked():
        await import_into(run, config, api, "", inline=True)
    api.items = 210
    api.sent.clear()
    with run.locked():
        await import_into(run, config, api, "", inline=True, relist=True)
    assert sorted(key for _, role, key in api.sent if role == "item") == list(range(151, 211))
    assert (run.status, run.items().num_rows) == ("complete", 210)
    found = audited(read_events(run.folder))
    assert found is not None
    assert sorted(found.missed) == list(range(151, 211))
    assert found == Audit(210, found.missed, (), True)
    assert json.loads(json.dumps(found.as_dict()))["listed"] == 210
    assert facts(read_state(run.folder)) == facts(fold(read_events(run.folder)))
    summary = run.summary()
    assert summary is not None
    assert (summary["requests_page"], summary["sessions"]) == (2 + 3, 2)


def test_in_words() -> None:
    """Few ids by name, many by number; a list not read to its end says so."""
    text = audit_text(Audit(1003, tuple(range(1, 13)), ("a\x1b[1m",), True), Screen(80))
    assert text.splitlines() == [
        "  listed     1,003 items now",
        "  missed     12 items missed by the first reading: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10",
        "             and 2 more",
        "  gone       1 item no longer listed; its imported copy stays: a?[1m",
    ]
    assert "no item was missed" in audit_text(Audit(3, (), (), True), Screen(80))
    assert "it is not proven that these are all, so gone items cannot be named" in audit_text(
        Audit(3, (), (), False), Screen(None)
    )
