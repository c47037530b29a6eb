"""Link headers as RFC 8288 lets servers write them (A7)."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from harness.source.extent import link_targets


@pytest.mark.parametrize(
    ("header", "targets"),
    [
        ('<https://a.test/x?page=2>; rel="next"', ["https://a.test/x?page=2"]),
        ('<https://a.test/x?page=2>; REL="NEXT"', ["https://a.test/x?page=2"]),
        ("<?page=2>;rel=next", ["?page=2"]),
        ("<?page=2> ; Rel = Next", ["?page=2"]),
        ("<?page=2>; rel='next'", ["?page=2"]),
        ('<?p=1>; rel="prev", <?p=3>; rel="next", <?p=9>; rel="last"', ["?p=3"]),
        ('<?p=3>; rel="next"; results="true"', ["?p=3"]),
        ('<?p=1>; rel="previous"; results="true", <?p=3>; results="false"; rel="next"', []),
        ("<?p=1>; rel=prev,<?p=3>;rel=next", ["?p=3"]),
        ('<?a=1,2;3&b=4>; rel="next"', ["?a=1,2;3&b=4"]),
        ('<?p=3>; title="a, <b>; rel=\\"last\\""; rel="next"', ["?p=3"]),
        ('<?p=3>; title="x"; rel="start  next"; type="text/html"', ["?p=3"]),
        ('<?p=3>; rel="next"; rel="last"', ["?p=3"]),
        ('<?p=3>; rel="last"; rel="next"', []),
        ('<?p=3>; rel="next-archive"', []),
        ('<?p=3>; title="next"', []),
        ("<?p=3>; next", []),
        ("<?p=3", []),
        ('?p=3; rel="next"', []),
        ('<>; rel="next"', [""]),
        (", ,<?p=3>; rel=next,,", ["?p=3"]),
        ('<?p=3>; crossorigin; rel="next"', ["?p=3"]),
        ('<?p=3>; rel="next', ["?p=3"]),
        ("", []),
    ],
)
def test_a7_links_in_every_form(header: str, targets: list[str]) -> None:
    """A7: names and types in any case, quoted or not, in any order, several types; commas and semicolons in targets."""
    assert link_targets(header, "next") == targets


@given(st.text(st.sampled_from('<>;,="\\ relnextNEXT?p1'), max_size=60))
def test_any_header_is_read(header: str) -> None:
    """Whatever a server writes, reading it ends and raises nothing."""
    assert all(isinstance(target, str) for target in link_targets(header, "next"))


def test_a_header_of_many_links_takes_no_time() -> None:
    """Only the first hundred are looked at."""
    assert link_targets("<x>; rel=a," * 50_000 + "<y>; rel=next", "next") == []
