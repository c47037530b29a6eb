"""Failures by reason: words that name an item do not part them, and what is chosen of a group is what was meant."""

from __future__ import annotations

from harness.record.events import FIRST_PAGE, Role
from harness.record.state import Failure
from harness.views.panel.failures import MOST_GROUPS, MOST_ITEMS, as_data, cells, grouped
from tests.views.samples import NOW


def failure(
    key: int | str,
    status: int | None = 503,
    detail: str = "upstream timed out",
    again: float | None = None,
    at: float = 0,
) -> Failure:
    role: Role = "item"
    return Failure(role, key, 5, NOW - 60 + at, status, "server error", detail, again)


def test_alike_but_for_a_name_is_one_group() -> None:
    """`order 4711 was not found` and `order 4712 was not found`; words that differ are left out, others are kept."""
    groups = grouped([failure(4711, 404, "order 4711 was not found"), failure("a-9", 404, "order a-9f was not found")])
    assert [(group.title, group.words) for group in groups] == [("2 × 404", "server error: order … was not found")]
    named = [failure("alpha", 404, "no order alpha"), failure("beta", 404, "no order beta")]
    assert [group.words for group in grouped(named)] == ["server error: no order …"]
    (one,) = grouped([failure(4711, 404, "order 4711 was not found")])
    assert one.words == "server error: order 4711 was not found"
    parted = grouped([failure(1, 404), failure(2, 503), failure(3, 503, "other"), failure(4, None)])
    assert len(parted) == 4
    assert parted[-1].title in ("1 × 503", "1 × 404", "1 × no answer")


def test_what_failed_for_good_comes_first_then_the_largest() -> None:
    """What is tried again anyway has nothing to choose."""
    waiting = [failure(key, again=NOW + 20 + key) for key in (1, 2, 3)]
    groups = grouped([*waiting, failure(7, 404), failure(8), failure(9)])
    assert [(group.title, group.final, group.items) for group in groups] == [
        ("2 × 503", True, [8, 9]),
        ("1 × 404", True, [7]),
        ("3 × 503", False, []),
    ]
    assert groups[2].again == "tried again at 18:04:45 to 18:04:47"


def test_chosen_by_name_or_all() -> None:
    """A name that is not in the group chooses nothing; the latest failure comes first."""
    (group,) = grouped([failure(1, at=1), failure("1x", at=3), failure(2, at=2)])
    assert group.items == ["1x", 2, 1]
    assert group.chosen(None) == ["1x", 2, 1]
    assert group.chosen(["1", "nine", "'1'"]) == [1]
    long = [f"https://example.com/{'x' * 80}/{end}" for end in ("a", "b")]
    (group,) = grouped([failure(name, at=at) for at, name in enumerate(long)])
    keys = [key for key, _, _ in cells(group, NOW)]
    assert [group.chosen([key]) for key in keys] == [[long[1]], [long[0]]]
    assert group.chosen([]) == []


def test_a_page_is_named_and_cannot_be_chosen() -> None:
    """Pages are read again by a retry of everything, or by resume."""
    page = Failure("list", FIRST_PAGE, 3, NOW, 500, "server error", "", None)
    (group,) = grouped([page])
    assert (group.title, group.items) == ("1 × 500, page of the list", [])


def test_the_browser_gets_only_what_somebody_opened() -> None:
    """However many there are."""
    many = [failure(key, at=key / 100) for key in range(MOST_ITEMS + 20)]
    others = [failure(1000 + at, 400 + at) for at in range(MOST_GROUPS + 3)]
    groups = grouped([*many, *others])
    shut = as_data(groups, [], NOW)
    assert len(shut) == MOST_GROUPS
    assert all(each["names"] == [] and each["more"] == 0 for each in shut)
    assert (shut[0]["title"], shut[0]["acts"]) == ("120 × 503", True)
    opened = as_data(groups, [groups[0].key], NOW)[0]
    assert (len(opened["names"]), opened["more"]) == (MOST_ITEMS, 20)
    assert opened["names"][0] == ("119", "119", "5 attempts, last at 18:03:25: upstream timed out")
