"""The notebook's side: an import in the background, the board that shows and steers it, and the table of all runs.

handles: an import in a thread of its own, or one that another process makes. controller: the board around either.
run_index, table_of_runs: every run of a folder. show: what the cells call. serving, page_kernels: the board as a page,
and policy, read_only: what its visitors may do. The widgets are in `harness.views.panel`, which knows nothing of
imports; here the two are put together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.notebook.show import all_runs, live_import

__all__ = ["all_runs", "live_import"]


def __getattr__(name: str) -> Any:
    """Load what a cell calls when it is asked for: the server of a page needs none of the widgets.

    No module of this package may have one of these names: once imported it would stand before the function.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from harness.notebook import show

    return getattr(show, name)
