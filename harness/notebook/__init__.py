"""The notebook's side: an import in the background, the panel that shows and steers it, and the table of all runs.

local: an import in a thread of its own. remote: one that another process makes. controller: the panel around either.
run_index, all_runs: every run of a folder. show: what the cells call. The widgets are in `harness.views.panel`, which
knows nothing of imports; here the two are put together.
"""

from harness.notebook.show import all_runs, live_import

__all__ = ["all_runs", "live_import"]
