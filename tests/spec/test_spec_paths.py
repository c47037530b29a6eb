"""Paths into answers: keys with dots, JMESPath, headers, and what is no path."""

from __future__ import annotations

import shlex
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, strategies as st

from harness.spec.paths import Path, shell_quoted

BODY: dict[str, Any] = {
    "@odata.nextLink": "https://x/2",
    "page[after]": 7,
    "a&&b": 5,
    "meta": {"@odata.count": 3, "next": None, "more": False, "zero": 0},
    "a.b": {"c": 1},
    "a": {"b": {"c": 2, "d": 3}, "b.c.d": 4},
    "links": [{"rel": "self", "href": "s"}, {"rel": "next", "href": "n"}],
    "rows": [{"sort": [1, "x"]}, {"sort": [2, "y"]}],
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("@odata.nextLink", "https://x/2"),
        ('"page[after]"', 7),
        ("a&&b", 5),  # an expression, and here a key
        ("meta.@odata.count", 3),
        ("a.b.c", 1),  # the key that is longest
        ("a.b.d", 3),  # unless nothing stands there
        ("a.b.c.d", 4),
        ("a.x", None),
        ("rows.sort", None),
        ("links[?rel=='next'].href | [0]", "n"),
        ("rows[-1].sort", [2, "y"]),
        ("max(rows)", None),  # a function that cannot work on what is there
        ('"@odata.nextLink"', "https://x/2"),
        ("meta.zero", 0),
        ("header:X-Next", "3"),
        ("header: x-next", "3"),
        ("header:X-Other", None),
    ],
)
def test_a_path_finds(text: str, found: Any) -> None:
    assert Path(text).find(BODY, {"x-next": "3"}) == found


def test_null_is_there_and_a_missing_key_is_not() -> None:
    assert Path("meta.next").look(BODY) == (True, None)
    assert Path("meta.gone").look(BODY) == (False, None)
    assert Path("next").look([1]) == (False, None)
    assert Path("header:X-Next").look(BODY, {"x-next": ""}) == (True, "")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "'' is not a path: write a key such as next, or keys such as meta.next"),
        (" next", "' next' is not a path: write a key such as next, or keys such as meta.next"),
        ("a..b", "'a..b' is not a path: a key is missing beside one of its dots"),
        ("a.", "'a.' is not a path: a key is missing beside one of its dots"),
        ("header:", "'header:' names no header: write it as header:X-Next-Page"),
        ("header:X Next", "'header:X Next' names no header: write it as header:X-Next-Page"),
        ("page[after]", "'page[after]' is not a path in JMESPath: Expecting: star, got: unquoted_identifier: Parse "
         "error at column 5, token \"after\" (UNQUOTED_IDENTIFIER), for expression; a key that holds such characters "
         "is written in double quotes"),
        ("nope(@)", "'nope(@)' is not a path in JMESPath: Unknown function: nope()"),
    ],
)  # fmt: skip
def test_what_is_no_path_is_said_in_a_sentence(text: str, why: str) -> None:
    with pytest.raises(ValueError) as caught:
        Path(text)
    assert str(caught.value) == why


@given(st.text(alphabet="ab.[](){}|&*?'\"`,@$:- 1", min_size=1, max_size=12))
def test_any_text_is_a_path_or_told_to_be_none_in_one_line(text: str) -> None:
    try:
        path = Path(text)
    except ValueError as error:
        why = str(error)
    else:
        why = ""
    assert "\n" not in why
    if why:
        return
    assert path.find({"a": {"b": 1}, text: 5}) == (None if path.header is not None else 5)
    path.find(BODY)
    path.find(None)


KEYS = st.text(alphabet="abAB.@$-_ é1", min_size=1, max_size=5).filter(
    lambda key: all(key.split(".")) and key.strip() == key
)


@given(st.lists(KEYS, min_size=1, max_size=4), st.integers())
def test_keys_joined_by_dots_find_what_stands_below_them(keys: list[str], value: int) -> None:
    nested: Any = value
    for key in reversed(keys):
        nested = {key: nested}
    assert Path(".".join(keys)).find(nested) == value


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0")))
def test_what_is_printed_reads_back_in_a_shell(text: str) -> None:
    assert shlex.split(shell_quoted(text)) == [text]


def test_a_plain_path_does_not_load_jmespath() -> None:
    code = "import sys; from harness.spec.paths import Path; Path('@o.next').find({}); print('jmespath' in sys.modules)"
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert made.stdout == "False\n"


@pytest.mark.parametrize(
    ("text", "value", "found"),
    [
        ("!done", {"done": True}, False),
        ("!done", {"done": False}, True),
        ("!done", {}, True),
        ("!@pagination.is_last", {"@pagination": {"is_last": True}}, False),
        ("!@pagination.is_last", {"@pagination": {"is_last": False}}, True),
        ("!page.is-last", {"page": {"is-last": True}}, False),
        ('!page."is-last"', {"page": {"is-last": True}}, False),
    ],
)
def test_the_opposite_of_what_stands_at_a_path(text: str, value: Any, found: bool) -> None:
    """Also where the path is none of JMESPath's: a guess writes `!@pagination.is_last`."""
    assert Path(text).find(value) is found
