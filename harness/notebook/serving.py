"""Serve the board as a page, by Voila, to people who steer or to people who only watch.

The operator's side (`command_of`, which the command line executes) and the kernel's side (`show_page`, which the page's
one cell calls) are told the same by one environment variable. What holds between a browser and the runs, outside in:

1. The address has a token, and listens on loopback unless the operator says otherwise.
2. Voila runs the page's own notebook and no other, shows no file, template or theme of a visitor's choice, and lets
   widget messages through but no code. Kernels of closed tabs end, no visitor ends one, and there are no more of them
   than the operator said (`harness.notebook.page_kernels`).
3. The process, and so every kernel, starts without the operator's environment: only what it takes to run Python and
   Jupyter, and the variables that were allowed by name.
4. What a form asks for is judged by a `Policy`. A page for people who only watch has no form and no buttons.
5. The kernel of such a page cannot change a run even so (`harness.notebook.read_only`).
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.notebook.policy import WATCH, Policy

PAGES = Path(__file__).parent / "pages"
PAGE = "HARNESS_PAGE"
# What Python, Jupyter, a browser and a network behind a proxy take from the environment. Nothing here is a secret but
# JUPYTER_TOKEN, which every visitor knows.
_PASSED = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|TERM|NO_COLOR"
    r"|PYTHON\w*|VIRTUAL_ENV|CONDA_PREFIX|LD_LIBRARY_PATH|DYLD_\w+|MPL\w+|FONTCONFIG_\w+"
    r"|JUPYTER_(CONFIG_DIR|DATA_DIR|RUNTIME_DIR|PATH|CONFIG_PATH|PLATFORM_DIRS|PREFER_ENV_PATH|NO_CONFIG|TOKEN)|IPYTHONDIR"
    r"|XDG_\w+|DISPLAY|WAYLAND_DISPLAY|XAUTHORITY|BROWSER|DBUS_SESSION_BUS_ADDRESS|WSL\w*"
    r"|SSL_CERT_(FILE|DIR)"
)
_PROXIES = re.compile(r"(HTTP|HTTPS|ALL|NO)_PROXY", re.IGNORECASE)
# Jupyter looks for kernels to end once in so many whole seconds, and 0 would mean never.
SOONEST_LOOK_S = 1
# Each open tab is a process of about 100 MB: so many take 2 GB, which a machine that imports can spare.
TABS = 20


@dataclass(frozen=True, slots=True)
class Page:
    """What a page is told. results: the folder of the runs; folder: where relative names of files begin."""

    policy: Policy
    results: Path
    folder: Path

    def as_text(self) -> str:
        """Return it for the environment of the page."""
        told = {"policy": self.policy.as_json(), "results": str(self.results), "folder": str(self.folder)}
        return json.dumps(told)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Page:
        """Return what the page was told. Who serves its notebook by hand told it nothing: then it only shows."""
        if PAGE not in environ:
            return cls(WATCH, Path("results").absolute(), Path.cwd())
        told: dict[str, str] = json.loads(environ[PAGE])
        return cls(Policy.from_json(told["policy"]), Path(told["results"]), Path(told["folder"]))


def environment_of(page: Page, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which `page` is served: of the operator's only what is harmless or was allowed."""
    allowed = page.policy.variables or ()
    kept = {
        name: value
        for name, value in environ.items()
        if _PASSED.fullmatch(name) or name in allowed or (page.policy.controls and _PROXIES.fullmatch(name))
    }
    return {**kept, PAGE: page.as_text()}


def command_of(
    *, host: str, port: int, browser: bool = True, theme: str = "light", idle_s: float = 60.0, tabs: int = TABS
) -> list[str]:
    """Return the command that serves a page.

    idle_s: how long the kernel of a closed tab stays. tabs: how many kernels there may be at a time.
    """
    idle = max(SOONEST_LOOK_S, round(idle_s))
    settings: dict[str, Any] = {
        "Voila.root_dir": PAGES,
        "Voila.ip": host,
        "Voila.port": port,
        "Voila.auto_token": True,
        "VoilaConfiguration.theme": theme,
        "VoilaConfiguration.allow_theme_override": "NO",
        "VoilaConfiguration.allow_template_override": "NO",
        "VoilaConfiguration.file_allowlist": r"\b\B",  # a pattern that nothing matches
        "VoilaConfiguration.show_tracebacks": False,
        "VoilaConfiguration.preheat_kernel": False,
        "VoilaConfiguration.progressive_rendering": False,  # would open a second way to execute
        "VoilaConfiguration.multi_kernel_manager_class": "harness.notebook.page_kernels.PageKernels",
        "PageKernels.tabs": tabs,
        "MappingKernelManager.cull_idle_timeout": idle,
        "MappingKernelManager.cull_interval": min(10, idle),
        # A closed tab gets no more messages, and must not keep what it would have got.
        "MappingKernelManager.buffer_offline_messages": False,
    }
    words = [f"--{name}={value}" for name, value in settings.items()]
    words += [] if browser else ["--no-browser"]
    # -P: the current folder may hold files of the user's own that bear the name of a module.
    return [sys.executable, "-P", "-m", "voila", str(PAGES / "board.ipynb"), *words]


def serve(page: Page, **options: Any) -> None:
    """Serve the page in this process's place, so that a signal meant for the server reaches it. Never returns."""
    environment, command = environment_of(page, os.environ), command_of(**options)
    os.chdir(PAGES)  # Voila would take settings from a file in the current folder
    os.execve(sys.executable, command, environment)


class _WithoutPandas:
    """Hides pandas, which Arrow would load at its first array, wherever it is installed, and which no board needs.

    Each tab of a page that makes no report would pay for it with 40 MB and a second.
    """

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Refuse pandas, and leave everything else to those who find it."""
        if name == "pandas":
            raise ModuleNotFoundError("a page that only shows does without pandas", name=name)


def show_page() -> None:
    """Show the board as the operator said: what the one cell of the page's notebook does."""
    page = Page.of(os.environ)
    if not page.policy.controls:
        sys.meta_path.insert(0, _WithoutPandas())
    from IPython.display import display

    from harness.notebook.controller import Controller
    from harness.notebook.read_only import make_read_only
    from harness.notebook.show import Refresher, table_beside

    refresher = Refresher()
    os.chdir(page.folder)
    if not page.policy.controls:
        make_read_only(page.results)
    board = Controller({}, page.results, page.policy)
    runs = table_beside(board)
    display(board.widget, runs.widget)
    refresher.call("the board", board)
    refresher.call("the table of runs", runs)
