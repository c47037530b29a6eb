"""The flags that would follow a field which looks like a way on."""

from __future__ import annotations

import shlex

import pytest

from harness.core.followed_by import flags_for


@pytest.mark.parametrize(
    ("names", "flags"),
    [
        ("nextPageToken", "--next nextPageToken --cursor-param pageToken"),
        ("meta.next_cursor, page.x", "--next meta.next_cursor --cursor-param cursor"),
        ("paging.next.after", "--next paging.next.after --cursor-param after"),
        ("@odata.nextLink", "--next @odata.nextLink"),
        ("next url", "--next 'next url'"),
        ("pageInfo.endCursor", "--next pageInfo.endCursor --cursor-param after"),
        ("header X-Next-Page", "--next header:X-Next-Page --cursor-param page"),
        ("header Link", "--paging link"),
        (
            "has_more",
            "--paging keyset --more has_more --cursor-param starting_after (or what this API calls it)",
        ),
    ],
)
def test_a_way_on_has_its_flags(names: str, flags: str) -> None:
    assert flags_for(names) == flags


def test_what_a_server_calls_its_field_cannot_end_the_command() -> None:
    assert shlex.split(flags_for("next'; rm -rf $HOME;'token"))[:2] == ["--next", "next'; rm -rf $HOME;'token"]
