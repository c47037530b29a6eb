"""What is added to a request at the last moment, to which origin, and what of it may never be repeated."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import httpx2
import pytest

from harness.source.credentials import CREDENTIAL, Credentials
from harness.source.tokens import Client, read_token
from harness.spec.source import BasicAuth, BearerAuth, HeaderAuth, QueryAuth

LIST = "https://api.test/items"
KEYS = {"A": "key-of-a/123456", "B": "key-of-b+654321"}
NAMES = tuple(KEYS)
AUTHS: dict[str, Any] = {
    "bearer": BearerAuth(token_env=NAMES),
    "basic": BasicAuth(token_env=NAMES),
    "basic of a user": BasicAuth(token_env=NAMES, user="me"),
    "header": HeaderAuth(token_env=NAMES, name="Authorization", prefix="Token "),
    "query": QueryAuth(token_env=NAMES, name="api key"),
}


def sent(known: Credentials, url: str, credential: str | None = None) -> httpx2.Request:
    request = httpx2.Request("GET", url, extensions={CREDENTIAL: credential} if credential else {})
    (out,) = known.auth_flow(request)
    return out


def basic(pair: str) -> str:
    return f"Basic {b64encode(pair.encode()).decode()}"


def test_each_kind_of_auth() -> None:
    """The key that the request names, as its kind has it; the first where it names none."""
    of = {kind: Credentials(LIST, {}, {}, auth, KEYS) for kind, auth in AUTHS.items()}
    assert sent(of["bearer"], LIST, "B").headers["authorization"] == "Bearer key-of-b+654321"
    assert sent(of["bearer"], LIST).headers["authorization"] == "Bearer key-of-a/123456"
    assert sent(of["basic"], LIST, "B").headers["authorization"] == basic("key-of-b+654321:")
    assert sent(of["basic of a user"], LIST, "B").headers["authorization"] == basic("me:key-of-b+654321")
    assert sent(of["header"], LIST, "B").headers["authorization"] == "Token key-of-b+654321"
    query = sent(of["query"], f"{LIST}?page=2", "B")
    assert query.url.raw_path == b"/items?page=2&api%20key=key-of-b%2B654321"
    assert "654321" not in str(query.url) + repr(query)


@pytest.mark.parametrize("kind", AUTHS)
@pytest.mark.parametrize("url", ["http://api.test/items", "https://api.test:8443/items", "https://other.test/items"])
def test_another_origin_gets_nothing(kind: str, url: str) -> None:
    """Neither a header, a key nor a token, of whatever kind."""
    known = Credentials(LIST, {"X-Key": "extra-123456"}, {"V": "value-123456"}, AUTHS[kind], KEYS)
    known.use_token("token-123456")
    request = sent(known, f"{url}?x={{env:V}}", "A")
    said = str(request.headers) + str(request.url) + request.url.raw_path.decode()
    assert "123456" not in said
    assert "654321" not in said


@pytest.mark.parametrize("kind", AUTHS)
def test_no_key_is_repeated(kind: str) -> None:
    """Of several all, whichever was sent: in messages, payloads, links and ids, also in base64."""
    known = Credentials(LIST, {}, {}, AUTHS[kind], KEYS)
    for key in KEYS.values():
        assert key not in known.redact(f"bad key {key}!")
        assert key not in known.redact_payload(json.dumps({"echo": key, "in": basic(f"me:{key}")}))
        assert b64encode(f"me:{key}".encode()).decode() not in known.redact_payload(json.dumps(basic(f"me:{key}")))
        link = known.restore_placeholders(f"{LIST}?page=2&token={key}")
        assert link is not None
        assert key not in link
        assert known.in_ids([key])


def test_a_link_that_repeats_a_key_is_asked_with_another() -> None:
    """It is recorded with the variable's name, and sent with the key of its own request, once."""
    known = Credentials(LIST, {}, {}, AUTHS["query"], KEYS)
    link = known.restore_placeholders(f"{LIST}?api%20key=key-of-a%2F123456&cursor=x")
    assert link == f"{LIST}?api%20key={{env:A}}&cursor=x"
    assert sent(known, link, "B").url.raw_path == b"/items?cursor=x&api%20key=key-of-b%2B654321"


def test_tokens_old_and_new_are_not_repeated() -> None:
    """The newest is sent, and those before it are secrets still."""
    known = Credentials(LIST, {}, {}, unsaid=["client-secret-1"])
    assert "authorization" not in sent(known, LIST).headers
    for number in range(3):
        known.use_token(f"token-number-{number}")
    assert sent(known, LIST).headers["authorization"] == "Bearer token-number-2"
    assert known.redact("token-number-0, token-number-1, token-number-2, client-secret-1") == "***, ***, ***, ***"
    assert not known.in_ids(["token-number-9"])


# --- asking for a token -------------------------------------------------------------------------------------------


def test_the_secret_goes_by_basic_first_and_then_in_the_form() -> None:
    """RFC 6749 2.3.1: both encoded as in a form, so that an id may hold a colon; what is refused is asked so once."""
    client = Client("https://auth.test/token", "my:id", "s p", "a b")
    assert client.headers()["Authorization"] == basic("my%3Aid:s+p")
    assert client.form() == b"grant_type=client_credentials&scope=a+b"
    first = client.refused(401, '{"error": "invalid_client"}')
    assert first is not None
    assert (first.stale, first.passing) == (True, True)
    assert "Authorization" not in client.headers()
    assert client.form() == b"grant_type=client_credentials&scope=a+b&client_id=my%3Aid&client_secret=s+p"
    second = client.refused(401, '{"error": "invalid_client"}')
    assert second is not None
    assert (second.stale, second.passing, second.reason) == (False, False, "status 401")
    assert "s p" not in repr(client)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('{"access_token": "abc", "expires_in": 60}', ("abc", 60.0)),
        ('{"access_token": "abc", "expires_in": "60"}', ("abc", 60.0)),
        ('{"access_token": "abc"}', ("abc", None)),
        ('{"access_token": "abc", "expires_in": -1}', ("abc", None)),
        ('{"access_token": "abc", "expires_in": 1e999}', ("abc", None)),
        ('{"access_token": "a b"}', None),
        ('{"access_token": "a\\nb"}', None),
        ('{"access_token": ""}', None),
        ('{"access_token": 5}', None),
        ("[]", None),
        ("<html>", None),
        ("", None),
    ],
)
def test_reading_an_answer(text: str, read: tuple[str, float | None] | None) -> None:
    """A token is one line of ASCII; a life that means nothing is not said."""
    assert read_token(text) == read
