"""A stand-in for an API, in this process: it answers as its owner documents it, and remembers what it was asked.

Strict where the API is: a wrong key is a 401, and with some a parameter that they do not know is a 400.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

KEY = "k3y-of-a-t3st"
ORIGIN = "https://api.test"


@dataclass(frozen=True)
class Asked:
    """One request. query: decoded, as it came. body: the JSON or the fields of a form, None without one."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any = None

    @property
    def line(self) -> str:
        """The request in a line, parameters in order of name: `GET /orders?page=2`, `POST /search {"size": 3}`."""
        query = "&".join(f"{name}={value}" for name, value in sorted(self.query.items()))
        body = "" if self.body is None else " " + json.dumps(self.body, sort_keys=True)
        return f"{self.method} {self.path}{'?' if query else ''}{query}{body}"


@dataclass(frozen=True)
class Reply:
    """An answer. body: a JSON value, or text as it is."""

    body: Any = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return self.body if isinstance(self.body, str) else json.dumps(self.body)


Answers = Callable[[Asked], Reply]


class Stub:
    """An ASGI app that answers by a function."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self.asked: list[Asked] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        assert scope["type"] == "http"
        sent = b""
        while True:
            message = await receive()
            sent += message.get("body", b"")
            if not message.get("more_body"):
                break
        names = parse_qsl(scope["query_string"].decode(), keep_blank_values=True)
        assert len(dict(names)) == len(names), f"a parameter twice: {names}"
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        path = unquote(scope.get("raw_path", scope["path"].encode()).decode().partition("?")[0])
        form = headers.get("content-type") == "application/x-www-form-urlencoded"
        body = None if not sent else dict(parse_qsl(sent.decode())) if form else json.loads(sent)
        asked = Asked(scope["method"], path, dict(names), headers, body)
        self.asked.append(asked)
        reply = self._answers(asked)
        text = reply.text.encode()
        said = {name.lower(): value for name, value in reply.headers.items()}
        about = {"content-type": "application/json", "content-length": str(len(text)), **said}
        lines = [(name.encode(), value.encode()) for name, value in about.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": lines})
        await send({"type": "http.response.body", "body": text})


def wrong(asked: Asked, known: Collection[str] | None = None, **headers: str) -> Reply | None:
    """Return a 401 or 400 for a request without these headers (`_` for `-`), or with a parameter that is not known.

    known: None of an API that ignores what it does not know.
    """
    for name, value in headers.items():
        if asked.headers.get(name.replace("_", "-")) != value:
            return Reply({"message": f"{name} is missing or wrong"}, 401 if name == "authorization" else 400)
    unknown = set() if known is None else set(asked.query) - set(known)
    return Reply({"error": {"message": f"Received unknown parameter: {min(unknown)}"}}, 400) if unknown else None


def not_found() -> Reply:
    """Return a 404."""
    return Reply({"message": "Not Found"}, 404)


def cut(rows: list[Any], first: int, size: int) -> tuple[list[Any], bool]:
    """Return `size` of the rows from `first` on, and whether more follow."""
    return rows[first : first + size], first + size < len(rows)
