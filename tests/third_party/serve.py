"""Serve one of the apps of this folder on a free port of loopback: `python -m tests.third_party.serve fastapi`.

Prints the list's URL, then serves until it is ended. Hypercorn runs on asyncio here, as these frameworks want it.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from importlib import import_module

from hypercorn.asyncio import serve
from hypercorn.config import Config


def main(name: str) -> None:
    """Serve the app of that name."""
    module = import_module(f"tests.third_party.on_{name}")
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)
    config = Config()
    print(f"http://127.0.0.1:{listener.getsockname()[1]}{module.PATH}", flush=True)
    config.bind = [f"fd://{listener.detach()}"]  # Hypercorn closes it
    asyncio.run(serve(module.app, config, mode=module.MODE))


if __name__ == "__main__":
    main(sys.argv[1])
