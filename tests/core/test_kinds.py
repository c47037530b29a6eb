"""Whether a limit is for one kind of request alone: what is asked, what it costs, and what is made of it."""

from __future__ import annotations

import pytest

from harness.config import ImportConfig
from harness.core.kinds import QUESTION, kinds_of
from harness.pacing import parse_tiers
from harness.record import events as e
from harness.session.factory import budgets_for
from tests.lab.auto_play import Played, play


def sent(run: Played) -> list[tuple[float, str, bool]]:
    """(when, of which kind, whether it was let through) of every request, in order of sending."""
    found = []
    for event in run.events:
        if isinstance(event, e.Refused):
            found.append((event.sent_s, event.role, False))
        elif isinstance(event, e.PageListed):
            found.append((event.sent_s, "list", True))
        elif isinstance(event, e.ItemImported):
            found.append((event.sent_s, "item", True))
    return sorted(found)


def parted_s(run: Played) -> float:
    """When it was found that kinds have limits of their own."""
    (found,) = [event for event in run.events if isinstance(event, e.Learned) and event.counting == "routes"]
    return found.t_s


def test_the_question_is_asked_one_request_at_a_time_amid_the_pause() -> None:
    """Refused pages; then item, page, item, item, item: the page refused, the items let through, none in flight with
    another.
    """
    run = play("list=4/5s", "retry-after", 60, per_page=5)
    found_s = parted_s(run)
    asked = [one for one in sent(run) if one[0] < found_s][-len(QUESTION) :]
    assert [(role, through) for _, role, through in asked] == [
        ("item", True),
        ("list", False),
        ("item", True),
        ("item", True),
        ("item", True),
    ]
    assert found_s < 5.0  # the pause of the list was not over
    assert all(event.t_s <= after[0] for event, after in zip(refused_or_read(run, asked), asked[1:]))


def refused_or_read(run: Played, asked: list[tuple[float, str, bool]]) -> list[e.Event]:
    """The events of these requests, in their order."""
    of = {event.sent_s: event for event in run.events if hasattr(event, "sent_s")}
    return [of[sent_s] for sent_s, _, _ in asked]


def test_items_go_on_while_the_list_waits() -> None:
    """No item is sent later than it would be without the list's limit, but for the question."""
    run = play("list=4/5s", "retry-after", 100, per_page=10)
    found_s, until_s = parted_s(run), 5.0
    between = [role for sent_s, role, _ in sent(run) if found_s <= sent_s < until_s - 0.5]
    assert between.count("item") >= 10
    assert "list" not in between


def test_in_vain_it_costs_a_refusal_and_comes_half_as_often() -> None:
    """20 in 5 s for all: a page is refused, and the item that is asked; in the next pause nothing is asked."""
    run = play("20/5s", "retry-after", 120, per_page=2, workers=3)
    refusals = [(sent_s, role) for sent_s, role, through in sent(run) if not through]
    assert not any(isinstance(event, e.Learned) and event.counting == "routes" for event in run.events)
    assert [role for _, role in refusals] == ["list", "item", "list"]
    first_s, asked_s, next_s = (sent_s for sent_s, _ in refusals)
    assert asked_s - first_s < 0.5  # amid the first pause
    assert next_s > 5.0


def test_what_was_learned_of_a_kind_is_kept_for_the_next_run() -> None:
    """Remembered with their routes, limits give each kind a budget of its own from the start."""
    config = ImportConfig(url="http://127.0.0.1:1/items")
    routed = budgets_for(config, parse_tiers("list=4/5s"))
    assert len({id(budget) for budget in routed.values()}) == 2
    kept = {endpoint.role: budget.pacer.statistics(0.0).tiers for endpoint, budget in routed.items()}
    assert [str(tier.tier) for tier in kept["list"]] == ["list=4/5s"]
    assert kept["item"] == ()
    assert kinds_of(routed) is None
    assert kinds_of(budgets_for(config, parse_tiers("80/5s"))) is not None


@pytest.mark.parametrize("pacing", ["window", "backoff", "retry-after"])
def test_nothing_is_asked_of_who_does_not_learn(pacing: str) -> None:
    """Strategies by name never learn, so that sweeps stay comparable."""
    limit = "80/5s" if pacing == "window" else None
    assert kinds_of(budgets_for(ImportConfig(url="http://127.0.0.1:1/items", pacing=pacing, limit=limit))) is None
