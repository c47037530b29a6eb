"""The grammar of limits."""

from __future__ import annotations

import pytest
from harness_test_api.errors import BadConfig
from harness_test_api.tiers import Tier, parse_tiers


@pytest.mark.parametrize(
    ("text", "tiers"),
    [
        ("500/20s+2000/100s", (Tier(500, 20.0), Tier(2000, 100.0))),
        ("100/m", (Tier(100, 60.0),)),
        ("100/min", (Tier(100, 60.0),)),
        ("10000/d:aligned:tz=Europe/Berlin", (Tier(10000, 86400.0, "aligned", tz="Europe/Berlin"),)),
        ("500/20s:gcra:burst=10", (Tier(500, 20.0, "gcra", 10),)),
        ("5/200ms:leaky:burst=0", (Tier(5, 0.2, "leaky", 0),)),
        ("20:concurrency:by=key", (Tier(20, 1.0, "concurrency", by="key"),)),
        ("500,20:2000,100", (Tier(500, 20.0), Tier(2000, 100.0))),
        ("none", ()),
    ],
)
def test_limits_are_read_as_written(text: str, tiers: tuple[Tier, ...]) -> None:
    """Each form of the grammar gives its tiers, and their text reads back to the same."""
    assert parse_tiers(text) == tiers
    assert parse_tiers("+".join(map(str, tiers)) or "none") == tiers


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "is not a limit"),
        ("5", "is not a limit"),
        ("-5/1s", "is not a limit"),
        ("0/1s", "from 1"),
        ("5/1x", "duration"),
        ("5/0s", "outside"),
        ("5/9999d", "outside"),
        ("5/1s+5/1s", "twice"),
        ("5/1s:quantum", "'quantum'"),
        ("5/1s:burst=3", "goes with"),
        ("5/1s:gcra:burst=0", "at least burst=1"),
        ("5/1s:tz=UTC", "goes with :aligned"),
        ("5/1s:aligned:tz=Mars/Base", "Mars/Base"),
        ("5/1s:concurrency", "period"),
        ("5/1s:by=moon", "'by=moon'"),
    ],
)
def test_what_cannot_hold_is_refused_in_one_sentence(text: str, word: str) -> None:
    """The message quotes what was wrong and says what to write."""
    with pytest.raises(BadConfig) as caught:
        parse_tiers(text)
    message = str(caught.value)
    assert word in message
    assert "\n" not in message
