"""Each shape of the drafts, as servers send it, and what is no shape of them."""

from __future__ import annotations

import pytest

from harness.pacing import Quota
from harness.source.headers import draft_quotas, notice

SHAPES = {
    "draft 6": (
        {
            "ratelimit-policy": "100;w=5, 300;w=30",
            "ratelimit-limit": "300",
            "ratelimit-remaining": "7",
            "ratelimit-reset": "12",
        },
        (Quota(100, None, None, 5.0), Quota(300, 7, 12.0, 30.0)),
    ),
    "draft 7": (
        {"ratelimit-policy": "100;w=5, 300;w=30", "ratelimit": "limit=100, remaining=0, reset=3"},
        (Quota(100, 0, 3.0, 5.0), Quota(300, None, None, 30.0)),
    ),
    "draft 8": (
        {"ratelimit-policy": '"b";q=100;w=5, "d";q=300;w=30', "ratelimit": '"b";r=99;t=5, "d";r=299;t=30'},
        (Quota(100, 99, 5.0, 5.0, "b"), Quota(300, 299, 30.0, 30.0, "d")),
    ),
    "a policy alone": ({"ratelimit-policy": '"b";q=100;w=5'}, (Quota(100, None, None, 5.0, "b"),)),
    "three fields without a policy": (
        {"ratelimit-limit": "50", "ratelimit-remaining": "49", "ratelimit-reset": "9"},
        (Quota(50, 49, 9.0),),
    ),
    "no window": ({"ratelimit-policy": '"b";q=100'}, (Quota(100, None, None, None, "b"),)),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_each_shape_is_read(shape: str) -> None:
    """Limits, what remains, resets and windows land where they belong."""
    headers, quotas = SHAPES[shape]
    assert draft_quotas(headers) == quotas
    assert all(quota.header == "RateLimit" for quota in draft_quotas(headers))


@pytest.mark.parametrize("text", ['"b', "100;", "-5;w=3", ";;", "?1", "é", "1" * 5000, "(1 2);w=3", '"b";q="x"'])
def test_malformed_fields_are_ignored(text: str) -> None:
    """Nonsense in any of the fields is no quota, and no error."""
    for name in ("ratelimit", "ratelimit-policy", "ratelimit-limit"):
        assert all(quota.limit is None and quota.remaining is None for quota in draft_quotas({name: text}))


def test_an_epoch_under_the_drafts_name_is_told_apart() -> None:
    """RateLimit-Reset with an epoch second, as some send it, counts from the answer's own clock."""
    headers = {"ratelimit-limit": "60", "ratelimit-remaining": "1", "ratelimit-reset": "1764000030"}
    assert notice(200, headers, 1764000000.0).quotas == (Quota(60, 1, 30.0),)
