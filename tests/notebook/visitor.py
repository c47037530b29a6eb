"""A visitor of a served page who speaks its protocols by hand: what a browser would never send."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from jupyter_server.services.kernels.connection.base import serialize_msg_to_ws_v1
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.patience import PATIENCE_S

V1 = "v1.kernel.websocket.jupyter.org"


class Visitor:
    """One open page; `heard` is everything that the kernel sent. Make it by `await Visitor.of(address)`."""

    def __init__(self, origin: str, token: str, kernel_id: str, html: str) -> None:
        self.origin, self.token, self.kernel_id, self.html = origin, token, kernel_id, html
        self.heard: list[dict[str, Any]] = []
        self.cookies = ""
        self._socket: WebSocketClientConnection | None = None
        self._inbox: asyncio.Queue[str | bytes | None] = asyncio.Queue()

    @classmethod
    async def of(cls, address: str) -> Visitor:
        """Load the page, as a browser does first; its kernel has run the notebook then."""
        parts = urlsplit(address)
        origin, token = f"{parts.scheme}://{parts.netloc}", parts.query.removeprefix("token=")
        answer = await AsyncHTTPClient().fetch(address, connect_timeout=PATIENCE_S, request_timeout=PATIENCE_S)
        html = answer.body.decode()
        found = re.search(r'"kernelId": "([^"]+)"', html)
        assert found is not None, html
        visitor = cls(origin, token, found[1], html)
        visitor.cookies = "; ".join(each.partition(";")[0] for each in answer.headers.get_list("Set-Cookie"))
        visitor._socket = await visitor.connected(on_message=visitor._inbox.put_nowait)
        return visitor

    async def connected(
        self,
        protocol: str | None = None,
        headers: dict[str, str] | None = None,
        token: str | None = None,
        on_message: Callable[[str | bytes | None], object] = lambda _: None,
    ) -> WebSocketClientConnection:
        """Open another channel to the kernel. token: in place of its own, "" for none.

        on_message: is told everything at once (None: it was closed), since a socket that nobody reads answers no ping.
        """
        url = f"{self.origin.replace('http', 'ws', 1)}/api/kernels/{self.kernel_id}/channels"
        token = self.token if token is None else token
        asked = f"{url}?session_id={uuid4().hex}" + (f"&token={token}" if token else "")
        request = HTTPRequest(asked, headers=headers, connect_timeout=PATIENCE_S, request_timeout=PATIENCE_S)
        protocols = [protocol] if protocol else None
        return await websocket_connect(request, subprotocols=protocols, on_message_callback=on_message)

    async def asked(self, method: str, path: str, token: bool = True) -> HTTPResponse:
        """Send a request as it stands; a redirect is an answer like any other."""
        url = f"{self.origin}{path}" + (f"{'&' if '?' in path else '?'}token={self.token}" if token else "")
        body = {"POST": "{}", "PUT": "{}", "PATCH": "{}"}.get(method)
        request = HTTPRequest(url, method, body=body, follow_redirects=False, connect_timeout=PATIENCE_S)
        request.request_timeout = PATIENCE_S
        return await AsyncHTTPClient().fetch(request, raise_error=False)

    async def say(self, kind: str, content: dict[str, Any], channel: str = "shell", **rest: Any) -> str:
        """Send a message on a channel, as JSON; return its id."""
        assert self._socket is not None
        message = message_of(kind, content) | rest
        await self._socket.write_message(json.dumps({**message, "channel": channel}))
        return str(message["header"]["msg_id"])

    async def reply(self, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        """Send it and wait for the answer: what was said on that channel before has been dealt with."""
        asked = await self.say(kind, content)
        return await self.hear(lambda told: told["parent_header"].get("msg_id") == asked and told["channel"] == "shell")

    async def hear(self, wanted: Any) -> dict[str, Any]:
        """Return the next message for which `wanted` holds."""
        while True:
            told = await asyncio.wait_for(self._inbox.get(), PATIENCE_S)
            assert told is not None, "the kernel's channel was closed"
            message = (
                json.loads(told) if isinstance(told, str) else {"channel": "", "parent_header": {}, "raw": str(told)}
            )
            self.heard.append(message)
            if wanted(message):
                return message

    async def look(self, ticks: int) -> None:
        """Let the board be written so many times."""
        for _ in range(ticks):
            await self.hear(lambda told: told.get("msg_type") == "comm_msg")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()


def message_of(kind: str, content: dict[str, Any]) -> dict[str, Any]:
    """A message of Jupyter's protocol."""
    header = {"msg_id": uuid4().hex, "msg_type": kind, "username": "", "session": "s", "version": "5.3", "date": ""}
    return {"header": header, "parent_header": {}, "metadata": {}, "content": content, "buffers": []}


def as_frames(message: dict[str, Any], channel: str, header: bytes | None = None) -> bytes:
    """The message in the binary protocol; `header` in place of its own."""
    frames = [json.dumps(message[part]).encode() for part in ("header", "parent_header", "metadata", "content")]
    if header is not None:
        frames[0] = header
    return bytes(serialize_msg_to_ws_v1(frames, channel))
