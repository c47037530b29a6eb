"""A server repeats a secret

Headers, keys and tokens of every kind of auth, and `{env:NAME}` in the URL and the body, sent to a server that repeats
all it hears.
"""

from __future__ import annotations

import html
import json
import logging
import re
import traceback
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import httpcore2
import pyarrow.parquet as pq
import pytest
import trio
from rich.pretty import pretty_repr

from harness.cli.main import main
from harness.record.run import Run
from harness.session.importing import config_of
from harness.session.reader import view_ended
from harness.source.rest import Rest
from harness.views.panel.html import sections
from tests.faults.imports import answering, catalogue, events, http, ids, imported

pytestmark = [pytest.mark.anyio, pytest.mark.realtime]

TOKEN, HEADER, QUERY = "tok-5ecret-1111", "hdr-5ecret-2222", "qry/5ecret=3333"
SECRETS = (TOKEN, HEADER, QUERY, "qry%2F5ecret%3D3333")
SETTINGS = {"token_env": "A_TOKEN", "header": f"X-Api-Key: {HEADER}"}


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", TOKEN)
    monkeypatch.setenv("A_KEY", QUERY)


def parrot(heard: list[str]) -> Any:
    """Everything it hears is in everything it says: in bodies, links, reasons, headers and redirects."""

    def answer(path: str) -> Any:
        said = {"id": path.rpartition("/")[2].partition("?")[0], "you_said": [*SECRETS, path], **SPELT}
        heard.append(path)
        if path.startswith("/items?"):
            second = "page=2" in path
            # The next link says the token, too, under names of its own.
            more = f"&session={quote(TOKEN)}&t=Bearer%20{TOKEN}"
            following = None if second else path.replace("page=1", "page=2") + more
            return {"data": [{**said, "id": n + 10 * second} for n in range(1, 5)], "next": following, "total": 8}
        if path.startswith("/items/2"):
            return http(json.dumps(said).encode(), "500 Oh", X_Request_Id=HEADER, Server="&#x74;" + TOKEN[1:])
        if path.startswith("/items/3"):
            return http(b"", "302 X", Location=f"http://elsewhere.test/{TOKEN}?{QUERY}#{HEADER}")
        if path.startswith("/items/4"):
            return http(f"not json {' '.join([*SECRETS, *SPELT.values()])}".encode())
        return said

    return answer


def spelt(secret: str) -> list[str]:
    """Ways in which a server may repeat it."""
    escaped = "".join(f"\\u{ord(c):04X}" for c in secret)
    return [
        secret.replace("/", "\\/"),
        secret.replace("/", "\\u002f").replace("=", "\\u003D"),
        escaped,
        json.dumps(escaped)[1:-1],
        quote(secret, safe="").lower(),
        "".join(f"%{ord(c):02x}" for c in secret),
        "".join(f"%25{ord(c):02X}" for c in secret),
        "".join(f"&#{ord(c)};" for c in secret),
        secret.replace("-", "&#x2d;").replace("/", "&sol;").replace("=", "&equals;"),
        b64encode(secret.encode()).decode().rstrip("="),
        urlsafe_b64encode(f"user:{secret}".encode()).decode().rstrip("="),
    ]


SPELT = {f"{number} {at}": text for number, name in enumerate(SECRETS[:3]) for at, text in enumerate(spelt(name))}


def decoded(text: str) -> Iterator[str]:
    """A text, and what others can make of it by decoding it again and again."""
    for _ in range(5):
        yield text
        text = re.sub(r"\\+u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text).replace("\\/", "/")
        text = unquote(html.unescape(text))


def everything_in(folder: Path) -> str:
    """All bytes of all files as text, Parquet decoded too."""
    texts = []
    for path in (path for path in folder.rglob("*") if path.is_file()):
        texts += [str(path), path.read_bytes().decode("latin-1")]
        if path.suffix == ".parquet":
            table = pq.read_table(path, partitioning=None)
            texts.append(f"{table.to_pylist()} {table.schema.metadata}")
    return "\n".join(texts)


@pytest.mark.parametrize("detail", [True, False])
async def test_by_a_server_in_all_it_says(tmp_path: Path, caplog: pytest.LogCaptureFixture, detail: bool) -> None:
    """It reaches the server, but no file, event, payload, message or log. A resume needs it again."""
    heard: list[str] = []
    caplog.set_level(logging.INFO)
    async with answering(parrot(heard)) as server:
        run = await imported(tmp_path, f"{server.url}?key={{env:A_KEY}}", detail=detail, **SETTINGS)
    assert all("key=qry%2F5ecret%3D3333" in path for path in heard)
    assert all(TOKEN in request and HEADER in request for request in server.requests)
    assert len(heard) == len(server.requests) > 1
    assert len(ids(run)) == (5 if detail else 8)
    everything = everything_in(tmp_path)
    assert "{env:A_KEY}" in everything
    assert "A_TOKEN" in everything
    for text in decoded(everything + caplog.text + repr(config_of(run, header=f"X-Api-Key: {HEADER}"))):
        assert [secret for secret in (*SECRETS, *SPELT.values()) if secret in text] == []
    kept = [row["next_page"] for row in events(run, "PageListed")]
    assert [link and link.partition("?")[2] for link in kept] == ["page=2&perPage=1000&key={env:A_KEY}", None]


@pytest.mark.parametrize("where", ["our own code", "a library"])
async def test_by_the_locals_of_a_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """A crash may be shown with every local variable of every frame: none of them holds a secret."""

    def bug(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("a bug")

    owner: Any = Rest if where == "our own code" else httpcore2.AsyncConnectionPool
    monkeypatch.setattr(owner, "read_page" if where == "our own code" else "handle_async_request", bug)
    async with answering(catalogue(1)) as server:
        with pytest.raises(RuntimeError, match="a bug") as caught:
            await imported(tmp_path, f"{server.url}?key={{env:A_KEY}}", **SETTINGS)
    assert where == "a library" or TOKEN in server.requests[0]
    shown = list(locals_of(caught.value))
    assert {"_ask", "fetch", "run_import"} <= {name for name, _ in shown}
    assert [text for _, text in shown if any(secret in text for secret in SECRETS)] == []


def locals_of(error: BaseException, seen: frozenset[int] = frozenset()) -> Iterator[tuple[str, str]]:
    """(function, all its locals spelt out) of each frame of an error and of those it came with, but for the tests'."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if "/tests/" not in frame.f_code.co_filename:
            yield frame.f_code.co_name, pretty_repr(frame.f_locals)
    others = [error.__cause__, error.__context__, *getattr(error, "exceptions", ())]
    for other in others:
        if other is not None and id(other) not in seen:
            yield from locals_of(other, seen | {id(error)})


async def test_by_a_list_on_another_host(tmp_path: Path) -> None:
    """A host allowed for links gets neither headers nor what the URL's query holds."""
    async with answering(lambda path: {"data": [{"id": 9}]}) as elsewhere:
        first = {"data": [{"id": 1}], "next": f"{elsewhere.url}?page=2", "total": 2}
        async with answering(lambda path: first if path.startswith("/items?") else {"id": 1}) as server:
            host = elsewhere.url.split("/")[2]
            run = await imported(tmp_path, f"{server.url}?key={{env:A_KEY}}", allow_host=host, **SETTINGS)
    assert run.state().requests == {"list": 2, "item": 2}
    assert [secret for secret in SECRETS if secret in "".join(elsewhere.requests)] == []


# --- each kind of auth ------------------------------------------------------------------------------------------------

KEYS = {"KEY_ONE": "k1-5ecret/4444=", "KEY_TWO": "k2-5ecret+5555", "BODY_KEY": "b-5ecret%6666"}
CLIENT = {"CLIENT_ID": "an-id-of-a-client", "CLIENT_SECRET": "c1-5ecret&7777"}
TOKENS = "t0ken-5ecret-"
BOTH = ("KEY_ONE", "KEY_TWO")
KINDS: dict[str, dict[str, Any]] = {
    "bearer": {"token_env": BOTH},
    "basic": {"auth": "basic", "token_env": BOTH},
    "basic of a user": {"auth": "basic:someone@example.com", "token_env": BOTH},
    "header": {"auth": "header:X-Auth-Key", "token_env": BOTH},
    "query": {"auth": "query:api_key", "token_env": BOTH},
    "oauth2": {"auth": "oauth2", "client_id_env": "CLIENT_ID", "client_secret_env": "CLIENT_SECRET"},
}


def hidden(kind: str) -> list[str]:
    """What this kind of auth is to keep to itself; the last is the variable's that goes with every request."""
    own = [CLIENT["CLIENT_SECRET"], f"{TOKENS}1", f"{TOKENS}2"] if kind == "oauth2" else [KEYS[name] for name in BOTH]
    return [*own, KEYS["BODY_KEY"]]


class Echo:
    """A server whose answers repeat the whole request that they answer, and every secret there is.

    Items lie where the records say, with a key in the query; item 3 is redirected, 4 and 5 fail, 6 is refused once; a
    token lasts six requests.
    """

    def __init__(self, kind: str) -> None:
        self.known = [secret for secret in hidden(kind) if secret != f"{TOKENS}2"]  # which nobody has yet
        self.heard: Any = None
        self.refused = False
        self.tokens = self.used = 0

    def __call__(self, path: str) -> Any:
        request = self.heard.requests[-1]
        mixed = b64encode(request.encode()).decode()
        said = {"you": request, "know": [*self.known, f"{TOKENS}{self.tokens}"], "b64": mixed}
        if path == "/token":
            return self._token(request, said)
        self.used += 1
        if self.tokens and self.used > 6:
            return http({"error": said}, "401 Expired", WWW_Authenticate=f"Bearer error={TOKENS}{self.tokens}")
        return self._page(path, said) if path.startswith("/items") else self._item(path, said)

    def _token(self, request: str, said: dict[str, Any]) -> Any:
        if "Basic" in request and not self.tokens:  # it wants the secret in the form, and says what it got
            return http({"error": "invalid_client", "error_description": request}, "401 No")
        self.tokens, self.used = self.tokens + 1, 0
        return {"access_token": f"{TOKENS}{self.tokens}", "expires_in": 3600, **said}

    def _page(self, path: str, said: dict[str, Any]) -> Any:
        # Secrets in links, under names of their own.
        one, two = (quote(secret, safe="") for secret in self.known[:2])
        again = f"s={two}&t=Bearer%20{one}&k=7"
        if self.tokens:
            again += f"&u=Bearer%20{TOKENS}{self.tokens}"
        second = "page=2" in path
        rows = [{"id": n, "url": f"/at/{n}?{again}", **said} for n in (range(5, 9) if second else range(1, 5))]
        return {"rows": rows, "next": None if second else f"/items?page=2&{again}", "total": 8}

    def _item(self, path: str, said: dict[str, Any]) -> Any:
        number = int(path.removeprefix("/at/").partition("?")[0].partition("/")[0])
        if number == 3 and "/there" not in path:
            return http(b"", "302 X", Location=f"/at/3/there?again={quote(self.known[0], safe='')}")
        if number == 4:
            return http({"error": said}, "422 No", X_Request_Id=" ".join(said["know"]))
        if number == 5:
            return http(b"", "307 X", Location=f"http://elsewhere.test/{quote(self.known[1], safe='')}")
        if number == 6 and not self.refused:
            self.refused = True
            return http({"error": said}, "429 Slow", Retry_After="0")
        return {"id": number, **said}


def shown(run: Run, capsys: pytest.CaptureFixture[str], *names: list[str]) -> str:
    """What the commands print, the report holds and the notebook shows."""
    where = ["--results", str(run.folder.parent)]
    for command in (["show", "r"], ["show", "r", "--json"], ["runs"], ["failed", "list", "r"], *names):
        with suppress(SystemExit):
            main([*command, *where])
    said = capsys.readouterr()
    view = view_ended(run)
    panel = "".join(sections(view, 1.8e9).values())
    return f"{said.out}{said.err}{panel}{view}{config_of(run).as_written()}"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("kind", KINDS)
def test_by_each_kind_of_auth(
    kind: str, method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """In next links, item URLs, redirects, refusals and failures: nothing written, printed or shown holds one."""
    for name, value in {**KEYS, **CLIENT}.items():
        monkeypatch.setenv(name, value)
    caplog.set_level(logging.INFO)
    echo = Echo(kind)

    async def go() -> tuple[Run, Any]:
        async with answering(echo) as server:
            echo.heard = server
            settings = {**KINDS[kind], "records": "rows", "id": "id", "next": "next", "item": "{url}", "workers": 1}
            if kind == "oauth2":
                settings["token_url"] = server.url.replace("/items", "/token")
            if method == "POST":
                settings |= {"method": "POST", "body": {"key": "{env:BODY_KEY}"}}
            else:
                settings["header"] = "X-Extra: {env:BODY_KEY}"
            return await imported(tmp_path, server.url, **settings), server

    run, server = trio.run(go)
    assert ids(run) == [1, 2, 3, 6, 7, 8], run.state()
    assert {failure.key for failure in run.failed()} == {4, 5}
    whole = "".join(server.requests)
    sent = {f"{TOKENS}1", f"{TOKENS}2"} if kind == "oauth2" else {basic_or(kind, KEYS[name]) for name in BOTH}
    assert [secret for secret in sent if secret not in whole] == []
    assert KEYS["BODY_KEY"] in whole
    everything = everything_in(tmp_path) + caplog.text + shown(run, capsys, ["failed", "show", "r"], ["report", "r"])
    everything += everything_in(tmp_path)  # the report, too
    found = {secret for text in decoded(everything) for secret in hidden(kind) if secret in text}
    assert found == set()
    for secret in hidden(kind):
        assert b64encode(secret.encode()).decode().rstrip("=")[:-1] not in everything


def basic_or(kind: str, key: str) -> str:
    """A key as it goes over the wire."""
    if kind.startswith("basic"):
        return b64encode(f"someone@example.com:{key}".encode() if "user" in kind else f"{key}:".encode()).decode()
    return quote(key, safe="") if kind == "query" else key


@pytest.mark.parametrize("kind", ["oauth2", "query"])
def test_by_whoever_refuses_it(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong key or client: the failure repeats what the server said, without what it was sent."""
    for name, value in {**KEYS, **CLIENT}.items():
        monkeypatch.setenv(name, value)

    async def go() -> tuple[Run, Any]:
        async with answering(lambda _: http({"error": "bad", "message": server.requests[-1]}, "403 No")) as server:
            settings = {**KINDS[kind], "records": "rows"}
            if kind == "oauth2":
                settings["token_url"] = server.url.replace("/items", "/token")
            return await imported(tmp_path, server.url, **settings), server

    run, server = trio.run(go)
    assert run.status == "failed"
    assert "c1-5ecret%267777" in b64_undone("".join(server.requests)) or KEYS["KEY_ONE"] in unquote(
        "".join(server.requests)
    )
    everything = everything_in(tmp_path) + shown(run, capsys) + str(run.failed())
    assert {secret for text in decoded(everything) for secret in hidden(kind) if secret in text} == set()


def b64_undone(text: str) -> str:
    """What each `Basic` in a text says."""
    return " ".join(b64decode(pair).decode() for pair in re.findall(r"Basic (\S+)", text))
