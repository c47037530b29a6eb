"""Import from rate-limited HTTP APIs as fast as their limits allow, and measure how close you came.

    run = harness.run(ImportConfig(url="https://api.example.com/orders", limit="100/m"))
    run.summary()["optimality"], run.items()

In asyncio, notebooks too: `await harness.run_asyncio(config)`; under trio: `await harness.run_import(config)`.

The public door: everything here is stable, everything below it may move.
"""

from __future__ import annotations

from harness import signals

if signals.is_the_command():  # before the rest is loaded, for Ctrl-C may come now
    signals.install()

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.bound import Bound, Work, bound
    from harness.config import ImportConfig
    from harness.errors import BadInput, HarnessError
    from harness.pacing import Grant, Later, Pacer, Unpaced, parse_tiers
    from harness.record.run import Run
    from harness.scale.importing import run_import
    from harness.spec.source import (
        AnswerRule,
        BasicAuth,
        BearerAuth,
        CursorPaging,
        HeaderAuth,
        Item,
        KeysetPaging,
        LinkPaging,
        OAuth2,
        OffsetPaging,
        PageNumberPaging,
        QueryAuth,
        Resource,
        SinglePage,
        Source,
    )
    from harness.start import run, run_asyncio

    __version__: str

__all__ = [
    "AnswerRule",
    "BadInput",
    "BasicAuth",
    "BearerAuth",
    "Bound",
    "CursorPaging",
    "Grant",
    "HarnessError",
    "HeaderAuth",
    "ImportConfig",
    "Item",
    "KeysetPaging",
    "Later",
    "LinkPaging",
    "OAuth2",
    "OffsetPaging",
    "Pacer",
    "PageNumberPaging",
    "QueryAuth",
    "Resource",
    "Run",
    "SinglePage",
    "Source",
    "Unpaced",
    "Work",
    "__version__",
    "bound",
    "open_run",
    "parse_tiers",
    "run",
    "run_asyncio",
    "run_import",
]


# Imported when first used: `python -m harness --help` needs none of them, and together they take over a second.
_LATE = {
    "harness.bound": ("Bound", "Work", "bound"),
    "harness.config": ("ImportConfig",),
    "harness.scale.importing": ("run_import",),
    "harness.errors": ("BadInput", "HarnessError"),
    "harness.pacing": ("Grant", "Later", "Pacer", "Unpaced", "parse_tiers"),
    "harness.record.run": ("Run",),
    "harness.spec.source": (
        *("Source", "Resource", "Item", "AnswerRule", "PageNumberPaging", "OffsetPaging", "CursorPaging"),
        *("LinkPaging", "KeysetPaging", "SinglePage", "BearerAuth", "BasicAuth", "HeaderAuth", "QueryAuth", "OAuth2"),
    ),
    "harness.start": ("run", "run_asyncio"),
}
_MODULE_OF = {name: module for module, names in _LATE.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from harness.installation import version

        return version()
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


class _Door(ModuleType):
    """This package, whose `bound` is the function, also once its submodule of that name has been imported."""

    @property
    def bound(self) -> Any:
        return __getattr__("bound")

    @bound.setter
    def bound(self, submodule: ModuleType) -> None:
        """Let the import system name the submodule here, to no effect."""


sys.modules[__name__].__class__ = _Door


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def open_run(name: str | None = None, results: str | Path = "results") -> Run:
    """The run `name` (a unique prefix is enough), or the latest; NoSuchRun says which there are.

    results: a folder of runs, or s3://BUCKET/PREFIX; of a run there all that its copy holds is downloaded first.
    """
    from harness.paths import results_folder, results_url
    from harness.record.run import find_run

    folder = results_folder(results)
    if results_url(folder) is not None:
        from harness.remote.copy import Need
        from harness.remote.reading import bring_named

        bring_named(folder, [name], Need.ALL)
    return find_run(folder, name)
