"""The kernels of a served page: each tab has one, and it ends soon after its tab.

Jupyter's own culling goes by the messages of a kernel, and a board of a running import never stops sending them. Here
it goes by who is connected. A kernel that imports is left alone: closing a tab must not stop an import.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

from jupyter_core.utils import ensure_async
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager

from harness.notebook.serving import Page
from harness.record.run import list_runs

# A browser on a very busy machine may take so long from asking for the page to connecting.
LOADING_S = 300.0


class PageKernels(AsyncMappingKernelManager):
    """Ends a kernel that nobody is connected to for `cull_idle_timeout` seconds, unless it imports."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)  # type: ignore[no-untyped-call]
        self._alone_since: dict[str, float] = {}
        self._opened: set[str] = set()
        self.now_s: Callable[[], float] = lambda: asyncio.get_running_loop().time()

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
        patience_s = self.cull_idle_timeout if kernel_id in self._opened else max(LOADING_S, self.cull_idle_timeout)
        if alone_s >= patience_s and not self.imports(kernel_id):
            self.log.info("the tab of kernel %s was closed: it ends", kernel_id)
            await ensure_async(self.shutdown_kernel(kernel_id))  # type: ignore[no-untyped-call]
            self._alone_since.pop(kernel_id, None)
            self._opened.discard(kernel_id)

    def imports(self, kernel_id: str) -> bool:
        """Return True if the kernel writes a run."""
        provisioner = self.get_kernel(kernel_id).provisioner
        pid = getattr(provisioner, "pid", None)
        page = Page.of(os.environ)
        return page.policy.controls and any(run.writer_pid == pid for run in list_runs(page.results))
