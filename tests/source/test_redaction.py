"""D13: a secret is found however a server spells it, and nothing else is touched."""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, unquote, unquote_plus

import pytest
from hypothesis import given, settings, strategies as st

from harness.source.credentials import Credentials
from harness.source.redaction import Redactor

PRINTABLE = st.characters(min_codepoint=33, max_codepoint=126)
SECRETS = st.text(PRINTABLE, min_size=8, max_size=20)

SPELLINGS: list[Callable[[str], str]] = [
    lambda c: c,
    lambda c: f"\\u{ord(c):04x}",
    lambda c: f"\\u{ord(c):04X}",
    lambda c: f"\\x{ord(c):02x}",
    lambda c: c if c.isalnum() or c.isspace() else f"\\{c}",
    lambda c: f"%{ord(c):02x}",
    lambda c: f"%{ord(c):02X}",
    lambda c: f"%25{ord(c):02X}",
    lambda c: f"&#{ord(c)};",
    lambda c: f"&#x{ord(c):X};",
    lambda c: f"&#0{ord(c)};",
    lambda c: f"&amp;#x{ord(c):x};",
    html.escape,
    lambda c: quote(c, safe=""),
]
LAYERS: list[Callable[[str], str]] = [
    lambda text: text,
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1],
    lambda text: quote(text, safe=""),
    lambda text: quote(text),
    lambda text: html.escape(text),
]


def undone(text: str) -> set[str]:
    """All that others can make of a text by decoding it, by the standard library's own decoders, four times over."""
    decoders: list[Callable[[str], str]] = [html.unescape, unquote, unquote_plus, unescaped]
    found, fresh = {text}, {text}
    for _ in range(4):
        fresh = {decode(one) for one in fresh for decode in decoders} - found
        found |= fresh
    return found


def unescaped(text: str) -> str:
    """JSON's and Python's escapes."""
    text = re.sub(r"\\[ux]([0-9a-fA-F]{4}|(?<=x)[0-9a-fA-F]{2})", lambda m: chr(int(m[1], 16)), text)
    return re.sub(r"\\([^a-zA-Z0-9\s])", r"\1", text)


@given(SECRETS, st.data())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_no_spelling_is_overlooked(secret: str, data: st.DataObject) -> None:
    """Each character spelt in a way of its own, the whole then encoded as part of something else."""
    spelt = "".join(data.draw(st.sampled_from(SPELLINGS))(c) for c in secret)
    layer = data.draw(st.sampled_from(LAYERS))
    text = layer(f"before {spelt} after")
    cleaned = Redactor([secret], 8).clean(text)
    assert [one for one in undone(cleaned) if secret in one] == []
    if layer is LAYERS[0]:
        assert cleaned == "before *** after"
    assert cleaned.startswith("before")
    assert cleaned.endswith("after")


@given(st.text(max_size=80), SECRETS)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_harmless_text_is_left_as_it_is(text: str, secret: str) -> None:
    """Whatever it holds of escapes, whole or half: without the secret no character of it changes."""
    redactor = Redactor([secret], 8)
    assert redactor.clean(text) == text or any(secret in one for one in undone(text))
    wrapped = json.dumps({"a": text, "n": [1, 2.5, None]})
    assert redactor.clean_json(wrapped) == wrapped or any(secret in one for one in undone(wrapped))


@given(SECRETS, st.sampled_from(["", "a", "ab", "user:", "somebody:"]), st.sampled_from(["", "x", "yz"]), st.booleans())
@settings(max_examples=100, deadline=None, derandomize=True)
def test_base64_of_a_pair_with_it_is_found(secret: str, before: str, after: str, safe: bool) -> None:
    """With and without padding, in both alphabets, wherever in the pair it stands."""
    encode = urlsafe_b64encode if safe else b64encode
    text = encode(f"{before}{secret}{after}".encode()).decode()
    for written in (text, text.rstrip("="), quote(text, safe=""), text.replace("/", "\\/")):
        cleaned = Redactor([secret], 8).clean(f"Basic {written}, realm=x")
        assert "***" in cleaned
        assert cleaned.startswith("Basic ")
        assert cleaned.endswith(", realm=x")
        # What is left of it are the characters that hold bits of others, at most two at either end.
        assert len(cleaned.replace("***", "")) <= len("Basic , realm=x") + len(written) - (len(secret) * 4 // 3 - 3)


@pytest.mark.parametrize(
    "emoji", ["\\ud83d\\ude00", "\\U0001F600", "%F0%9F%98%80", "&#128512;", "&#x1f600;", "\\u{1F600}", "😀"]
)
def test_characters_beyond_ascii(emoji: str) -> None:
    """A pair of surrogates, four bytes of UTF-8, or a number."""
    assert Redactor(["secret😀word"], 8).clean(f"a secret{emoji}word b") == "a *** b"


def test_json_stays_json() -> None:
    """Keys, texts and numbers of a payload, to any depth; one that holds nothing is left to the byte."""
    redactor = Redactor(["s3cret/word", "12345678"], 8)
    payload = '{"id": 12345678, "s3cret\\/word": ["s3cret\\u002Fword", {"x": "a s3cret%2fword b"}], "n": 9123456780}'
    assert json.loads(redactor.clean_json(payload)) == {
        "id": "***", "***": ["***", {"x": "a *** b"}], "n": 9123456780
    }  # fmt: skip
    same = '{ "a" : "s3cret", "half": "\\ud800" }'
    assert redactor.clean_json(same) == same
    assert json.loads(redactor.clean_json('{"half": "\\ud800 s3cret/word"}')) == {"half": "\ud800 ***"}


def test_numbers_beside_a_secret_stay_as_they_were_written() -> None:
    """A price keeps its zeros, and what no float holds its digits."""
    numbers = '"a": 0.1000, "b": [1e400, -0, 0.12345678901234567890], "c": 36893488147419103232'
    cleaned = Redactor(["s3cret/word"], 8).clean_json(f'{{"k": "s3cret/word", {numbers}}}')
    assert cleaned == f'{{"k": "***", {numbers}}}'


def test_basic_authentication_is_the_pair_and_the_password() -> None:
    """What was sent in base64 may come back in plain, whole or the password alone."""
    known = Credentials("https://api.test/x", {"Authorization": "Basic " + b64encode(b"anna:pa55/w0rd!").decode()}, {})
    for said in ("anna:pa55/w0rd!", "pa55\\/w0rd!", "pa55%2Fw0rd%21", b64encode(b"pa55/w0rd!").decode().rstrip("=")):
        assert known.redact(f"wrong: {said}.").rstrip("=.").startswith("wrong: ***")
    assert known.redact("Basic realm, anna") == "Basic realm, anna"


@pytest.mark.parametrize(
    ("link", "kept"),
    [
        ("https://api.test/x?page=2&access_token=t0ken%2F5ecret", "https://api.test/x?page=2"),
        ("https://api.test/x?page=2&auth=Bearer%20t0ken/5ecret", "https://api.test/x?page=2"),
        ("https://api.test/x?a=t0ken%252f5ecret&page=2", "https://api.test/x?page=2"),
        ("https://api.test/x?page=2&k=qry%2F5ecret%3D3", "https://api.test/x?page=2&k={env:K}"),
        ("https://api.test/x?page=2&other=qry%2f5ecret%3d3", "https://api.test/x?page=2"),
        ("https://api.test/x?page=2&sort=name+asc", "https://api.test/x?page=2&sort=name+asc"),
        ("https://api.test/t0ken%2F5ecret/x?page=2", None),
        ("https://api.test/x?cursor=page-2-t0ken%2F5ecret", None),
    ],
)
def test_links_lose_what_goes_with_each_request_anyway(link: str, kept: str | None) -> None:
    """Under any name; where a secret is a part of something that cannot be left out, the link is not kept."""
    known = Credentials("https://api.test/x", {"Authorization": "Bearer t0ken/5ecret"}, {"K": "qry/5ecret=3"})
    assert known.restore_placeholders(link) == kept


def test_ids_are_looked_at() -> None:
    """They are written as they are, so a page that lists a secret as an id is refused; numbers are just numbers."""
    known = Credentials("https://api.test/x", {"X-Api-Key": "1234567890"}, {"K": "qry/5ecret=3"})
    assert known.in_ids(["a", "qry/5ecret=3"])
    assert not known.in_ids([1234567890, "b"])
