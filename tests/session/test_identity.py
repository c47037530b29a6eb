"""In whose name: tokens, keys and redirects over sockets, from the settings to the ledger of the server.

The servers are a few lines each and keep a ledger of their own: the requests that came, with what they proved by.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from harness.config import ImportConfig
from harness.record.run import Run
from harness.session.importing import run_import

pytestmark = [pytest.mark.anyio, pytest.mark.realtime, pytest.mark.sockets]

ID, SECRET = "my client", "s3cret:with/odd+signs"
SECRETS = {"CLIENT_ID": ID, "CLIENT_SECRET": SECRET, "A_KEY": "key-of-a-123456", "B_KEY": "key-of-b-654321"}


@dataclass
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


Reply = tuple[int, Any] | tuple[int, Any, dict[str, str]]


@dataclass
class Server:
    """A server on loopback: `answer` says status, JSON value and headers; `requests` is its ledger."""

    answer: Callable[[Asked], Reply]
    origin: str = ""
    requests: list[Asked] = field(default_factory=list)

    async def serve(self, stream: trio.SocketStream) -> None:
        text = b""
        async with stream:
            while True:
                while b"\r\n\r\n" not in text:
                    more = await stream.receive_some()
                    if not more:
                        return
                    text += more
                head, _, text = text.partition(b"\r\n\r\n")
                first, *lines = head.decode().split("\r\n")
                headers = {line.split(":", 1)[0].lower(): line.split(":", 1)[1].strip() for line in lines}
                size = int(headers.get("content-length", 0))
                while len(text) < size:
                    text += await stream.receive_some()
                body, text = text[:size].decode(), text[size:]
                method, path, _ = first.split(" ")
                self.requests.append(Asked(method, path, headers, body))
                status, value, *more_headers = self.answer(self.requests[-1])
                said = json.dumps(value).encode()
                extra = "".join(
                    f"{name}: {value}\r\n" for name, value in (more_headers[0] if more_headers else {}).items()
                )
                await stream.send_all(
                    f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{extra}"
                    f"Content-Length: {len(said)}\r\n\r\n".encode()
                    + said
                )

    def ledger(self) -> Counter[int]:
        return Counter(len(asked.path.split("?")[0].split("/")) for asked in self.requests)


@asynccontextmanager
async def serving(answer: Callable[[Asked], Reply]) -> AsyncIterator[Server]:
    server = Server(answer)
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, server.serve, 0, host="127.0.0.1"))
        server.origin = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        yield server
        nursery.cancel_scope.cancel()


def catalogue(asked: Asked, items: int = 40) -> Reply:
    path, _, query = asked.path.partition("?")
    if path.rstrip("/") != "/items":
        return 200, {"id": int(path.strip("/").split("/")[1].partition(".")[0]), "name": "thing"}
    page = int(dict(part.split("=") for part in query.split("&") if part).get("page", 1))
    ids = range(10 * (page - 1) + 1, min(items, 10 * page) + 1)
    return 200, {"data": [{"id": one} for one in ids], "total": items, "last_page": -(-items // 10)}


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


async def imported(folder: Path, url: str, **settings: Any) -> Run:
    told = {"workers": 4, "timeout": 5, "limit": "1000/s", "retry_delays": "0.1", "quiet": True, **settings}
    return await run_import(ImportConfig(url=url, results=folder, run="r", **told))


def no_secret_in(run: Run, more: tuple[str, ...] = ()) -> None:
    for path in run.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for secret in (*SECRETS.values(), *more):
                assert secret == ID or secret.encode() not in content, path


# --- tokens -------------------------------------------------------------------------------------------------------


def of_oauth(origin: str) -> dict[str, Any]:
    return {
        "auth": "oauth2",
        "token_url": f"{origin}/oauth/token",
        "client_id_env": "CLIENT_ID",
        "client_secret_env": "CLIENT_SECRET",
        "scope": "read all",
    }


@dataclass
class Tokens:
    """An authorisation server whose tokens last so many requests, and the API that wants them."""

    lasts: int = 30
    basic: bool = True
    issued: int = 0
    used: int = 0

    def token(self, asked: Asked) -> Reply:
        proof = b64encode(b"my+client:s3cret%3Awith%2Fodd%2Bsigns").decode()
        form = dict(part.split("=") for part in asked.body.split("&"))
        assert (form["grant_type"], form["scope"]) == ("client_credentials", "read+all")
        if self.basic and asked.headers.get("authorization") != f"Basic {proof}":
            return 401, {"error": "invalid_client"}
        if not self.basic and form.get("client_secret") != "s3cret%3Awith%2Fodd%2Bsigns":
            return 401, {"error": "invalid_client", "error_description": f"no secret, only {asked.headers}"}
        self.issued, self.used = self.issued + 1, 0
        return 200, {"access_token": f"token-number-{self.issued:04}", "token_type": "bearer", "expires_in": 3600}

    def api(self, asked: Asked) -> Reply:
        self.used += 1
        if asked.headers.get("authorization") != f"Bearer token-number-{self.issued:04}" or self.used > self.lasts:
            return 401, {"error": "expired", "echo": asked.headers.get("authorization")}
        status, value = catalogue(asked)[:2]
        return status, {**value, "echo": asked.headers["authorization"]} if "name" in value else value


@pytest.mark.parametrize("basic", [True, False])
async def test_tokens_that_last_thirty_requests(tmp_path: Path, basic: bool) -> None:
    """Each is fetched when a 401 says so; the secret goes to its address alone, tokens to the list's origin alone."""
    tokens = Tokens(basic=basic)
    async with serving(tokens.token) as auth, serving(tokens.api) as api:
        run = await imported(tmp_path, f"{api.origin}/items", header="X-Version: 7", **of_oauth(auth.origin))
    state = run.state()
    assert (run.status, state.imported, state.failed) == ("complete", 40, 0)
    assert state.requests["token"] == len(auth.requests)
    assert state.requests["list"] + state.requests["item"] == len(api.requests)
    assert tokens.issued == len(auth.requests) - (not basic) == 2
    assert not [asked for asked in api.requests if SECRET in str(asked) or "Basic" in str(asked)]
    assert not [asked for asked in auth.requests if "Bearer" in str(asked) or "x-version" in asked.headers]
    assert {asked.headers["x-version"] for asked in api.requests} == {"7"}
    no_secret_in(run, ("token-number-0001", "token-number-0002"))


async def test_one_host_for_tokens_and_the_list(tmp_path: Path) -> None:
    """What proves who we are to the list is not sent with the request for a token, though the host is the same."""
    tokens = Tokens()
    async with serving(lambda asked: (tokens.token if asked.method == "POST" else tokens.api)(asked)) as api:
        run = await imported(tmp_path, f"{api.origin}/items", **of_oauth(api.origin))
    assert (run.status, run.state().sent) == ("complete", len(api.requests))
    assert not [asked for asked in api.requests if asked.method == "POST" and "Bearer" in str(asked.headers)]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ((400, {"error": "invalid_scope", "error_description": "no such scope"}), "status 400 (invalid_scope: no such"),
        ((403, {"message": "go away"}), "status 403"),
        ((200, {"token": "x"}), "has no access_token"),
        ((302, {}, {"Location": "/elsewhere"}), "redirected"),
    ],
)
async def test_no_token(tmp_path: Path, reply: Reply, said: str) -> None:
    """The run ends at once, with the words of the server and the names of the variables; nothing else was sent."""
    async with serving(lambda asked: reply) as auth, serving(catalogue) as api:
        run = await imported(tmp_path, f"{api.origin}/items", **of_oauth(auth.origin))
    assert (run.status, len(auth.requests), len(api.requests)) == ("failed", 1, 0)
    reason = run.state().reason
    assert said in reason
    assert "check CLIENT_ID and CLIENT_SECRET and --token-url" in reason
    no_secret_in(run)


# --- keys ---------------------------------------------------------------------------------------------------------

KINDS: dict[str, tuple[dict[str, Any], Callable[[Asked], str]]] = {
    "bearer": ({}, lambda asked: asked.headers.get("authorization", "").removeprefix("Bearer ")),
    "header": ({"auth": "header:X-Key"}, lambda asked: asked.headers.get("x-key", "")),
    "query": ({"auth": "query:api_key"}, lambda asked: asked.path.partition("api_key=")[2].partition("&")[0]),
    "basic": (
        {"auth": "basic:me"},
        lambda asked: next(
            (
                key
                for key in SECRETS.values()
                if asked.headers.get("authorization") == f"Basic {b64encode(f'me:{key}'.encode()).decode()}"
            ),
            "",
        ),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_two_keys_of_each_kind(tmp_path: Path, kind: str) -> None:
    """Both are used; one that is refused leaves alone, and the ledger has what the record has."""
    settings, key_of = KINDS[kind]
    seen: Counter[str] = Counter()

    def answer(asked: Asked) -> Reply:
        key = key_of(asked)
        seen[key] += 1
        if key not in SECRETS.values() or (key == SECRETS["B_KEY"] and seen[key] > 9):
            return 401, {"error": f"bad key {key}"}
        return catalogue(asked)

    async with serving(answer) as api:
        run = await imported(tmp_path, f"{api.origin}/items", token_env=("A_KEY", "B_KEY"), **settings)
    state = run.state()
    assert (run.status, state.imported, state.sent) == ("complete", 40, len(api.requests))
    assert set(seen) == {SECRETS["A_KEY"], SECRETS["B_KEY"]}
    assert 10 <= seen[SECRETS["B_KEY"]] <= 13
    assert state.statuses[401] == seen[SECRETS["B_KEY"]] - 9
    assert any(why.startswith("B_KEY is refused (status 401)") for why in state.learned.values())
    no_secret_in(run)


async def test_a_key_does_not_follow_a_link_to_another_host(tmp_path: Path) -> None:
    """A host that is allowed gets the request, and no key of any kind."""
    async with serving(catalogue) as other:

        def answer(asked: Asked) -> Reply:
            if asked.path.startswith("/items?"):
                return 200, {"data": [{"id": 1}], "next": f"{other.origin}/items?page=4"}
            return catalogue(asked)

        async with serving(answer) as api:
            run = await imported(
                tmp_path,
                f"{api.origin}/items",
                token_env=("A_KEY", "B_KEY"),
                auth="query:api_key",
                allow_host="127.0.0.1",
                accept_list=True,
            )
    assert other.requests
    assert not [asked for asked in other.requests if "key-of" in str(asked)]
    no_secret_in(run)


# --- redirects ----------------------------------------------------------------------------------------------------


async def test_a_trailing_slash_is_learned_once(tmp_path: Path) -> None:
    """A permanent redirect that adds a slash costs one request for the list and at most one for each worker."""

    def answer(asked: Asked) -> Reply:
        path, _, query = asked.path.partition("?")
        if not path.endswith("/"):
            return 301, {}, {"Location": f"{path}/" + (f"?{query}" if query else "")}
        return catalogue(asked)

    async with serving(answer) as api:
        run = await imported(tmp_path, f"{api.origin}/items")
    state = run.state()
    assert (run.status, state.imported, state.sent) == ("complete", 40, len(api.requests))
    assert state.statuses[301] <= 1 + 4
    assert state.statuses[200] == 44


async def test_an_item_that_is_not_there_with_the_slash(tmp_path: Path) -> None:
    """Only one item is moved: the others are asked without it again, and none is lost."""

    def answer(asked: Asked) -> Reply:
        if asked.path == "/items/1":
            return 301, {}, {"Location": "/items/1/"}
        if asked.path.startswith("/items/") and asked.path.endswith("/") and asked.path != "/items/1/":
            return 404, {"error": "no such thing"}
        return catalogue(asked)

    async with serving(answer) as api:
        run = await imported(tmp_path, f"{api.origin}/items")
    state = run.state()
    assert (run.status, state.imported, state.sent) == ("complete", 40, len(api.requests))
    assert state.statuses[404] <= 4


async def test_another_name_of_the_same_service(tmp_path: Path) -> None:
    """With --same-host it is asked at the list's own origin, with the key; without, it is refused with advice."""

    def answer(asked: Asked) -> Reply:
        if asked.path.endswith("/5"):
            return 302, {}, {"Location": "https://internal.example/items/5/?v=2"}
        return catalogue(asked)

    async with serving(answer) as api:
        run = await imported(tmp_path / "a", f"{api.origin}/items", same_host=True, token_env="A_KEY")
        other = await imported(tmp_path / "b", f"{api.origin}/items", token_env="A_KEY")
    assert (run.status, run.state().imported) == ("complete", 40)
    assert "/items/5/?v=2" in [asked.path for asked in api.requests]
    assert {asked.headers["authorization"] for asked in api.requests} == {f"Bearer {SECRETS['A_KEY']}"}
    assert (other.status, other.state().failed) == ("complete with failures", 1)
    assert other.failed()[0].detail.startswith("redirects to other hosts are not followed; it points to https://int")


async def test_a_limit_counts_hops(tmp_path: Path) -> None:
    """No more than the limit in any window, hops and all, as the server sees them."""
    arrivals: list[float] = []

    def answer(asked: Asked) -> Reply:
        arrivals.append(trio.current_time())
        if asked.path.startswith("/items/") and "?hop" not in asked.path:
            return 302, {}, {"Location": f"{asked.path}?hop"}
        return catalogue(asked, 10)

    async with serving(answer) as api:
        run = await imported(tmp_path, f"{api.origin}/items", limit="8/0.4s")
    assert (run.status, run.state().sent) == ("complete", len(api.requests))
    assert all(later - first >= 0.4 for first, later in zip(arrivals, arrivals[8:]))
