"""HTTP by hand over one keep-alive connection: nothing between the test and the socket, and little to pay for it."""

from __future__ import annotations

import trio


class RawConnection:
    """One connection; `get` answers the status."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._buffer = b""

    @classmethod
    async def open(cls, base_url: str) -> RawConnection:
        """Connect to `http://host:port`."""
        host, _, port = base_url.removeprefix("http://").partition(":")
        return cls(await trio.open_tcp_stream(host, int(port)))

    async def get(self, path: str) -> int:
        """Send one request and read its whole answer."""
        await self._stream.send_all(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        while b"\r\n\r\n" not in self._buffer:
            await self._more()
        head, _, rest = self._buffer.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        self._buffer = rest
        while len(self._buffer) < length:
            await self._more()
        self._buffer = self._buffer[length:]
        return int(head[9:12])

    async def close(self) -> None:
        """Close the connection."""
        await self._stream.aclose()

    async def _more(self) -> None:
        data = await self._stream.receive_some()
        assert data, "the server closed the connection"
        self._buffer += data
