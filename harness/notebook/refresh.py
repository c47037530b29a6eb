"""One task on the kernel's loop that writes all widgets, a few times a second.

Widgets' callbacks may come in other threads, with loops that do not live on; this one runs where the cell ran. A view
that fails is said once and shown no more, and the others go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

# Four times a second looks alive, and costs the import next to nothing.
EVERY_S = 0.25

Tick = Callable[[], Awaitable[object] | object]

_log = logging.getLogger("harness")


class Refresher:
    """Calls what it was given, by name, until it is closed. Asking again for a name replaces what it called."""

    def __init__(self) -> None:
        self._ticks: dict[str, Tick] = {}
        self._task: asyncio.Task[None] | None = None

    def call(self, name: str, tick: Tick) -> None:
        """From now on call `tick` every 0.25 s. Must be called from the kernel's loop, as a cell is."""
        self._ticks[name] = tick
        self.close()
        # Anew each time: what a task shows belongs to the cell that started it.
        self._task = asyncio.get_running_loop().create_task(self._run())

    def close(self) -> None:
        """Call nothing any more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        while True:
            for name in list(self._ticks):
                await self._try(name)
            await asyncio.sleep(EVERY_S)

    async def _try(self, name: str) -> None:
        try:
            wanted = self._ticks[name]()
            if isinstance(wanted, Awaitable):
                await wanted
        except Exception:
            del self._ticks[name]
            _log.exception("the view %s failed and is shown no more; run its cell again. Imports go on", name)
