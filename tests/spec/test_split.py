"""What --split says: the parameters, the borders as they are written, and what a preset adds to it."""

from __future__ import annotations

from itertools import pairwise
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, strategies as st

from harness.config import ImportConfig
from harness.errors import BadInput
from harness.record.events import FIRST_PAGE, PageRef
from harness.source.rest import Rest
from harness.spec.split import FORMS, parse

URL = "https://api.example.com/v2/orders"
DAY_S = 86400


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("a..b=1..9/2", ("b=6", "a=5")),
        ("a..b=2024-01-01..2024-01-05/2", ("b=2024-01-04", "a=2024-01-03")),
        ("a..b=2024-01-01..2024-01-05/2 as epoch", ("b=1704240001", "a=1704240000")),
        ("a..b=2024-01-01..2024-01-05/2 as ms", ("b=1704240000001", "a=1704240000000")),
        ("a..b=2024-01-01..2024-01-05/2 as iso", ("b=2024-01-03T00:00:01Z", "a=2024-01-03T00:00:00Z")),
        ("a..b=2024-01-01T06:00..2024-01-01T09:00+01:00/2", ("b=2024-01-01T07:00:01Z", "a=2024-01-01T07:00:00Z")),
        ("a..b=100..200/2 as epoch", ("b=151", "a=150")),
        ("created[gte]..created[lt]=-9..9/3", ("created[lt]=-2", "created[gte]=-3, created[lt]=4", "created[gte]=3")),
    ],
)
def test_the_borders_as_they_are_written(text: str, ranges: tuple[str, ...]) -> None:
    """Each part reaches one unit into the next."""
    assert parse(text).ranges == ranges


@given(st.integers(-(10**6), 10**6), st.integers(1, 10**6), st.integers(2, 100), st.sampled_from(FORMS))
def test_parts_leave_nothing_out_and_overlap_by_one(start: int, width: int, parts: int, form: str) -> None:
    """The first is open below, the last above; borders rise, and no part is narrower than its overlap."""
    text = f"a..b={start}..{start + width}/{parts} as {form}"
    if form in ("date", "iso"):
        return
    if width // parts < 2:
        with pytest.raises(ValueError, match="take fewer parts"):
            parse(text)
        return
    split = parse(text)
    asked = [split.parameters(part) for part in range(split.parts)]
    assert len(asked) == parts
    assert ([*asked[0]], [*asked[-1]]) == (["b"], ["a"])
    for one, other in pairwise(asked):
        assert int(one["b"]) == int(other["a"]) + 1
    lows = [int(one["a"]) for one in asked[1:]]
    assert all(later - earlier >= 2 for earlier, later in pairwise([start, *lows, start + width]))
    assert parse(split.text) == split


def config(url: str = URL, **settings: object) -> ImportConfig:
    return ImportConfig(url=url, **settings)


def test_a_preset_says_how_its_api_takes_a_range() -> None:
    """And what is said by people wins; without --split nothing is split."""
    stripe = config(preset="stripe", token_env="K", split="2024-01-01..2026-01-01/4")
    declared = stripe.source.declared()
    assert declared is not None
    assert declared.resource.split == "created[gte]..created[lt]=2024-01-01..2026-01-01/4 as epoch"
    assert stripe.source.parts == 4
    own = config(preset="stripe", token_env="K", split="available_on[gte]..available_on[lt]=1..9/2 as epoch")
    assert own.source.ranges == ("available_on[lt]=6", "available_on[gte]=5")
    whole = config(preset="stripe", token_env="K").source
    assert (whole.parts, whole.ranges) == (1, ())
    made = whole.declared()
    assert made is not None
    assert made.resource.split is None
    with pytest.raises(BadInput, match="--split names no parameters that take the range"):
        config(preset="pokeapi", split="1..9/2")


def test_each_page_of_a_part_is_asked_for_with_its_range() -> None:
    """But a link is followed as it is, and what the URL says of the parameter itself gives way."""
    source = config(
        next="next", cursor_param="after", records="data", split="since..until=1..9/2", url=f"{URL}?since=0"
    )
    declared = source.source.declared() if isinstance(source, ImportConfig) else None
    assert declared is not None
    rest = Rest(declared)
    second = FIRST_PAGE._replace(part=1)
    asked = [rest.page_url(page) for page in (FIRST_PAGE, second, PageRef("cursor", "x", 1), PageRef("url", "u", 1))]
    assert [parse_qsl(urlsplit(url).query) for url in asked] == [
        [("since", "0"), ("until", "6")],
        [("since", "5")],
        [("after", "x"), ("since", "5")],
        [],
    ]
    read, _ = rest.read_page(second, '{"data": [{"id": 7}], "next": "y"}')
    assert read.next_page == PageRef("cursor", "y", 1)
