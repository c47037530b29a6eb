"""Where a redirect leads, and what one that adds an ending says of other addresses."""

from __future__ import annotations

import pytest

from harness.source.redirects import Endings, leads_to

ITEM = "https://api.test/v1/items/17"


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/v1/items/17/", "https://api.test/v1/items/17/"),
        ("17.json", "https://api.test/v1/items/17.json"),
        ("?v=2", "https://api.test/v1/items/17?v=2"),
        ("https://api.test/x#part", "https://api.test/x"),
        ("https://API.test:443/x", "https://api.test/x"),
        ("https://api.test", "https://api.test/"),
        ("http://api.test/x", None),
        ("https://api.test:8443/x", None),
        ("https://other.test/x", None),
        ("//other.test/x", None),
        ("ftp://api.test/x", None),
        ("javascript:alert(1)", None),
        ("https://user:pass@api.test/x", "https://api.test/x"),
        ("", None),
        ("//", None),
        ("http://[", None),
        ("https://api.test:99999/x", None),
        ("/a b", None),
        ("/\x80", None),
    ],
)
def test_where_it_leads(location: str, target: str | None) -> None:
    """Within the origin, however that is spelt; nowhere else, and nothing that is no address."""
    assert leads_to(ITEM, location) == target


@pytest.mark.parametrize("location", ["http://api.test/x?y=1", "https://other.test/x?y=1", "//internal:8080/x?y=1"])
def test_other_names_of_the_same_service(location: str) -> None:
    """Where people say so, they are asked at the list's own origin."""
    assert leads_to(ITEM, location, same_host=True) == "https://api.test/x?y=1"
    assert leads_to(ITEM, "ftp://other.test/x", same_host=True) is None


def test_a_permanent_ending_is_remembered() -> None:
    """For addresses of that role, before the query, and not twice."""
    endings = Endings()
    assert endings.with_ending("item", f"{ITEM}?v=1") == f"{ITEM}?v=1"
    endings.learn(301, "item", f"{ITEM}?v=1", f"{ITEM}/?v=1")
    assert endings.with_ending("item", "https://api.test/v1/items/18?v=1") == "https://api.test/v1/items/18/?v=1"
    assert endings.with_ending("item", "https://api.test/v1/items/18/") == "https://api.test/v1/items/18/"
    assert endings.with_ending("list", "https://api.test/v1/items") == "https://api.test/v1/items"


@pytest.mark.parametrize(
    ("status", "target"),
    [
        (302, f"{ITEM}/"),
        (307, f"{ITEM}/"),
        (301, f"{ITEM}/more"),
        (301, f"{ITEM}/?page=2"),
        (301, "https://api.test/v2/items/17/"),
        (301, f"{ITEM}.json/details"),
        (301, f"{ITEM}8"),
        (301, ITEM),
    ],
)
def test_what_says_nothing_of_others(status: int, target: str) -> None:
    """A redirect that may change, or that does more than to add an ending."""
    endings = Endings()
    endings.learn(status, "item", ITEM, target)
    assert endings.with_ending("item", "https://api.test/v1/items/18") == "https://api.test/v1/items/18"


@pytest.mark.parametrize("target", [f"{ITEM}.json", f"{ITEM}/", f"{ITEM}.xml/"])
def test_an_ending_that_others_do_not_have(target: str) -> None:
    """The first that is not there with it is asked for without, and from then on nothing is added."""
    endings = Endings()
    endings.learn(308, "item", ITEM, target)
    assert endings.with_ending("item", "https://api.test/v1/items/18") == target.replace("17", "18")
    assert endings.is_wrong("item", 404)
    endings.learn(308, "item", ITEM, target)
    assert endings.with_ending("item", "https://api.test/v1/items/18") == "https://api.test/v1/items/18"


def test_a_proven_ending_is_kept() -> None:
    """Where another was there with it, one that is gone is gone."""
    endings = Endings()
    endings.learn(301, "item", ITEM, f"{ITEM}/")
    assert not endings.is_wrong("item", 200)
    assert not endings.is_wrong("item", 404)
    assert endings.with_ending("item", ITEM) == f"{ITEM}/"
