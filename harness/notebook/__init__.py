"""What notebooks call: an import in the background, the panel that shows and steers it, and the table of all runs.

background: an import in a thread of its own. desk: the panel around it. shelf: every run of a folder. The widgets
are in `harness.views.panel`, which knows nothing of imports; here the two are put together.
"""

from harness.notebook.show import all_runs, live_import

__all__ = ["all_runs", "live_import"]
