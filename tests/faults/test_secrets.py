"""A server repeats a secret

Headers, a token from the environment and `{env:NAME}` in the URL, sent to a server that repeats all it hears.
"""

from __future__ import annotations

import html
import json
import logging
import re
import traceback
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import httpcore2
import pyarrow.parquet as pq
import pytest
from rich.pretty import pretty_repr

from harness.session.importing import config_of
from harness.source.rest import Rest
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
    assert [link and link.partition("?")[2] for link in kept] == ["page=2&perPage=100&key={env:A_KEY}", None]


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
