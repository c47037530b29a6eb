"""What can be done to the runs that are chosen in the table, and when each of it is of use."""

from __future__ import annotations

from collections.abc import Sequence

from harness.views.runs import RunRow

# What each is called, and what it does; in the order in which they stand.
ACTIONS = {
    "pause": ("Pause", "Pause the running imports"),
    "resume": ("Resume", "Let paused imports continue; one that ended early goes on here"),
    "stop": ("Stop", "Stop the running imports; they can be resumed"),
    "retry": ("Retry failed", "Fetch the failed items again"),
    "clone": ("Clone settings", "Fill the form with the settings of this run"),
    "tag": ("Tags…", "Give the chosen runs tags to find them by, or take some away"),
    "download": ("Download…", "Send items or a report to the browser"),
    "delete": ("Delete…", "Delete the chosen runs; it asks first"),
}
# What is offered for download, and what it is.
DOWNLOADS = {
    "csv": ("CSV", "The imported items as CSV"),
    "parquet": ("Parquet", "The imported items as Parquet"),
    "report": ("Report", "What happened, as a page to read, print and pass on"),
}


def of_use(chosen: Sequence[RunRow]) -> list[str]:
    """Return the actions that make sense for what is chosen.

    Delete is among them for a run under way, too: it then says why not.
    """
    under_way = any(row.status.is_open for row in chosen)
    some, one = bool(chosen), len(chosen) == 1
    holds = {
        **dict.fromkeys(("pause", "stop"), under_way),
        "resume": under_way or (one and chosen[0].status.is_resumable and not chosen[0].simulated),
        "retry": any(row.failed for row in chosen),
        "clone": one,
        **dict.fromkeys(("tag", "download", "delete"), some),
    }
    return [name for name in ACTIONS if holds[name]]
