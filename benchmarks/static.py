"""A server that costs next to nothing: a list and its items over raw sockets, so that importers are what is measured.

`python -m benchmarks.static ITEMS [PROCESSES]` prints the list's URL, and serves until its standard input closes.
"""

from __future__ import annotations

import os
import re
import selectors
import socket
import sys
from typing import Any

_ASKED = re.compile(rb"GET /items(?:/(\d+)|\?(\S*))? HTTP")
_NUMBER = re.compile(rb"(page|perPage)=(\d+)")


def answer(request: bytes, items: int) -> bytes:
    """Return the answer to a GET of `/items?page=1&perPage=100` or `/items/17`."""
    found = _ASKED.match(request)
    if found is None:
        return b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
    if found[1] is not None:
        body = b'{"id":%b,"name":"item %b","value":1.5,"tags":["a","b"]}' % (found[1], found[1])
    else:
        asked = {name: int(number) for name, number in _NUMBER.findall(found[2] or b"")}
        page, size = asked.get(b"page", 1), min(1000, asked.get(b"perPage", 100))
        ids = range((page - 1) * size + 1, min(items, page * size) + 1)
        listed = ",".join(f'{{"id":{number}}}' for number in ids)
        body = f'{{"data":[{listed}],"total":{items}}}'.encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    return head + body


def serve(listener: socket.socket, items: int) -> None:
    """Answer for ever, every connection in turn."""
    selector = selectors.EpollSelector()
    selector.register(listener, selectors.EVENT_READ)
    held: dict[Any, bytes] = {}
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                try:
                    client, _ = listener.accept()
                except BlockingIOError:  # another process was quicker
                    continue
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(client, selectors.EVENT_READ)
                held[client] = b""
                continue
            client = key.fileobj  # type: ignore[assignment]
            try:
                more = client.recv(65536)
            except ConnectionError:
                more = b""
            if not more:
                selector.unregister(client)
                client.close()
                del held[client]
                continue
            *whole, held[client] = (held[client] + more).split(b"\r\n\r\n")
            if whole:
                client.sendall(b"".join(answer(request, items) for request in whole))


def main(items: int, processes: int = 1) -> None:
    """Serve on a free port of loopback until standard input closes."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    listener.setblocking(False)
    children = []
    for _ in range(processes):
        child = os.fork()
        if child == 0:
            serve(listener, items)
        children.append(child)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/items", flush=True)
    sys.stdin.read()
    for child in children:
        os.kill(child, 9)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
