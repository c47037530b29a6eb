"""An API in this process, asked through httpx2 without a socket."""

from __future__ import annotations

import httpx2


class InProcess(httpx2.ASGITransport):
    """httpx2's transport, whose requests leave no async generator half read.

    httpx2 takes one chunk of a request's body from a generator and drops it. From Python 3.13 on it is collected at
    once, and trio warns. A plain iterator needs no closing.
    """

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.stream = _Whole(await request.aread())
        return await super().handle_async_request(request)


class _Whole(httpx2.AsyncByteStream):
    """A body in one piece."""

    def __init__(self, body: bytes) -> None:
        self._pieces = [body]

    def __aiter__(self) -> _Whole:
        return self

    async def __anext__(self) -> bytes:
        if not self._pieces:
            raise StopAsyncIteration
        return self._pieces.pop()
