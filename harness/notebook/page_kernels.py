"""The kernels of a served page: each tab has one, and it ends soon after its tab.

Jupyter's own culling goes by the messages of a kernel, and a board of a running import never stops sending them. Here
it goes by who is connected. A kernel that imports is left alone: closing a tab must not stop an import.

For the same reason no visitor ends a kernel. There are three doors: Voila's script asks for it when its page is left, a
request may delete a kernel, and a message may tell it to end. All three are shut; what nobody wants any more ends here,
a little later.

There are no more kernels than the operator said: who comes then is told so, and takes nothing. A page that is asked for
and never connects (a health check does that) has its kernel for a minute.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

from jupyter_core.utils import ensure_async
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.web import HTTPError
from traitlets import Integer

from harness.notebook.serving import TABS, Page
from harness.record.run import list_runs

# A browser takes seconds from asking for the page to connecting, and over a slow line many times as long; so many times
# as long again where several processes wait for each processor.
LOADING_S = 60.0
_SLOWEST = 5.0


class PageKernels(AsyncMappingKernelManager):
    """Ends a kernel that nobody is connected to for `cull_idle_timeout` seconds, unless it imports."""

    tabs = Integer(TABS, config=True, help="How many kernels there may be at a time.")

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)  # type: ignore[no-untyped-call]
        self.allowed_message_types = [kind for kind in self.allowed_message_types if kind != "shutdown_request"]
        self._alone_since: dict[str, float] = {}
        self._opened: set[str] = set()
        self._door = asyncio.Lock()
        self.now_s: Callable[[], float] = lambda: asyncio.get_running_loop().time()
        self.slowness: Callable[[], float] = _waiting_for_each_processor

    async def start_kernel(self, **settings: Any) -> str:  # type: ignore[override]
        """Start the kernel of a tab; 503, in a sentence, where there is no room for one more."""
        async with self._door:  # one after the other, so that each sees those before it
            if len(self) >= self.tabs:
                raise HTTPError(503, reason=full(self.tabs))
            kernel_id: str = await super().start_kernel(**settings)
            return kernel_id

    async def shutdown_kernel(self, kernel_id: str, **_: Any) -> None:  # type: ignore[override]
        """Leave the kernel as it is: who asks for its end is a visitor, and an import may run in it."""
        self.log.info("kernel %s stays until its tab has been closed for a while", kernel_id)

    def notify_connect(self, kernel_id: str) -> None:
        """Notice that a tab is open."""
        super().notify_connect(kernel_id)  # type: ignore[no-untyped-call]
        self._opened.add(kernel_id)
        self._alone_since.pop(kernel_id, None)

    async def cull_kernel_if_idle(self, kernel_id: str) -> None:
        """End the kernel if its tab was closed long enough ago; called every few seconds."""
        now = self.now_s()
        if self._kernel_connections.get(kernel_id, 0) > 0:
            self._alone_since.pop(kernel_id, None)
            return
        alone_s = now - self._alone_since.setdefault(kernel_id, now)
        if alone_s >= self._patience_s(kernel_id) and not self.imports(kernel_id):
            self.log.info("the tab of kernel %s was closed: it ends", kernel_id)
            await self.end(kernel_id)
            self._alone_since.pop(kernel_id, None)
            self._opened.discard(kernel_id)

    def _patience_s(self, kernel_id: str) -> float:
        if kernel_id in self._opened:
            return float(self.cull_idle_timeout)
        return LOADING_S * min(max(self.slowness(), 1.0), _SLOWEST)

    async def end(self, kernel_id: str) -> None:
        """End the kernel, and with it what runs in it."""
        await ensure_async(super().shutdown_kernel(kernel_id))  # type: ignore[no-untyped-call]

    def imports(self, kernel_id: str) -> bool:
        """Return True if the kernel writes a run."""
        provisioner = self.get_kernel(kernel_id).provisioner
        pid = getattr(provisioner, "pid", None)
        page = Page.of(os.environ)
        return page.policy.controls and any(run.writer_pid == pid for run in list_runs(page.results))


def full(tabs: int) -> str:
    """Say that no more than `tabs` pages are served at a time."""
    if tabs == 1:
        return "this page is open elsewhere, and is served to one tab at a time; close that tab, and reload in a minute"
    return f"this page is open in {tabs} tabs, and no more are served at a time; close one, and reload in a minute"


def _waiting_for_each_processor() -> float:
    """Return how many processes each processor has to serve; 0 where the system does not say."""
    if not hasattr(os, "getloadavg"):
        return 0.0
    return os.getloadavg()[0] / (os.cpu_count() or 1)
