"""The commands about the items of a run: which failed, what becomes of those, an audit of the list, and exports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.options import PATH, Listing, config_options, results_option
from harness.flags import RESUMED


@click.group("failed", cls=Listing)
def failed_command() -> None:
    """List, show, retry or forget the items that failed.

    Without a subcommand, it lists them.
    """


_STATUS_HELP = "only with this status: 503, 5xx, or none if no answer came; may be repeated"
_ATTEMPTS_HELP = "write every attempt to a file: .csv, .jsonl or .parquet"


def _which(command: Any) -> Any:
    """Return the run, and which of its failures."""
    for option in reversed(
        (
            click.argument("run", required=False),
            click.option("--item", "items", multiple=True, metavar="ID", help="only this item; may be repeated"),
            click.option("--reason", metavar="TEXT", help="only if the reason contains this text"),
            click.option("--status", "statuses", multiple=True, metavar="CODE", help=_STATUS_HELP),
        )
    ):
        command = option(command)
    return command


@failed_command.command("list")
@_which
@click.option("-o", "--output", type=PATH, metavar="FILE", help=_ATTEMPTS_HELP)
@results_option
def failed_list_command(run: str | None, output: Path | None, results: Path, **which: Any) -> int:
    """List what failed, and what waits for a retry.

    RUN defaults to the latest.
    """
    from harness.cli.failed import list_command as carry_out

    return carry_out(run, output, results, **which)


@failed_command.command("show")
@_which
@results_option
def failed_show_command(run: str | None, results: Path, **which: Any) -> int:
    """Show every attempt: status, time taken, headers, body.

    RUN defaults to the latest.
    """
    from harness.cli.failed import show_command as carry_out

    return carry_out(run, results, **which)


@failed_command.command("retry")
@_which
@click.option("--later", is_flag=True, help="only mark them; a later `resume` fetches them")
@config_options(RESUMED)
def failed_retry_command(
    run: str | None, items: tuple[str, ...], reason: str | None, statuses: tuple[str, ...], later: bool, **flags: Any
) -> int:
    """Fetch the failed items again.

    RUN defaults to the latest. A running import queues them again. A run that has ended is resumed,
    and takes `resume`'s flags.
    """
    from harness.cli.failed import retry_command as carry_out

    return carry_out(run, items, reason, statuses, later, **flags)


@failed_command.command("forget")
@_which
@results_option
def failed_forget_command(
    run: str | None, items: tuple[str, ...], reason: str | None, statuses: tuple[str, ...], results: Path
) -> int:
    """Give up on failed items: the run is complete without them.

    RUN defaults to the latest. A forgotten item can still be fetched: failed retry --item ID.
    """
    from harness.cli.failed import forget_command as carry_out

    return carry_out(run, items, reason, statuses, results)


@click.command("audit")
@click.argument("run", required=False)
@config_options(RESUMED)
def audit_command(run: str | None, **flags: Any) -> int:
    """Read the list again and import what was missed.

    When items are inserted or deleted while a list is read, others move to another page, so that some may never be
    listed. It also names the items that have left the list. RUN defaults to the latest.
    """
    from harness.cli.explain import audit_command as carry_out

    return carry_out(run, **flags)


@click.command("export")
@click.argument("run", required=False)
@click.option(
    "-o",
    "--output",
    type=PATH,
    required=True,
    metavar="FILE",
    help="file to write: .csv, .jsonl or .parquet; - for standard output",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(("csv", "jsonl", "parquet")),
    help="format, whatever the extension [default jsonl for -]",
)
@click.option(
    "--timestamps/--no-timestamps",
    default=None,
    help="store texts as timestamps where every value is one [default as imported]",
)
@click.option(
    "--imported-at/--no-imported-at",
    default=None,
    help="add _imported_at: when each item was read (UTC) [default as imported]",
)
@click.option(
    "--safe-cells",
    is_flag=True,
    help="CSV for spreadsheets: put a ' before text that they would run as a formula (it begins with = + - @, tab ...)",
)
@results_option
def export_command(run: str | None, output: Path, results: Path, **options: Any) -> int:
    """Write the items as CSV, JSON lines or Parquet.

    The extension decides the format; an existing file is replaced. RUN defaults to the latest; a running import
    exports what it has so far. The rows are in the order of the list.
    """
    from harness.cli.manage import export_command as carry_out

    return carry_out(run, output, results, **options)
