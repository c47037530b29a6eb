"""The commands that show what runs did, and carry their data on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click

from harness.cli.options import PATH, PathType, config_options, results_option
from harness.flags import RESUMED


@click.command("runs")
@results_option
def runs_command(results: Path) -> int:
    """List the runs, the newest first."""
    from harness.cli.look import runs_command as carry_out

    return carry_out(results)


@click.command("show")
@click.argument("run", required=False)
@click.option("--json", "as_json", is_flag=True, help="print its figures as JSON, as in summary.json, nothing else")
@results_option
def show_command(run: str | None, results: Path, as_json: bool) -> int:
    """Show a run in full, with its failed items.

    Without RUN, the latest.
    """
    from harness.cli.look import show_command as carry_out

    return carry_out(run, results, as_json)


@click.command("watch")
@click.argument("run", required=False)
@click.option("--progress", type=click.Choice(["bar", "plain"]), help="bar or plain [bar on a terminal, else plain]")
@results_option
def watch_command(run: str | None, results: Path, progress: Literal["bar", "plain"] | None) -> int:
    """Show a running import live, whoever runs it.

    Without RUN, the latest that is running. It ends with the run, with the same exit code; Ctrl-C only ends the
    watching.
    """
    from harness.cli.look import watch_command as carry_out

    return carry_out(run, results, progress)


class Failed(click.Group):
    """`failed` alone lists; so does `failed RUN`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ("-h", "--help")):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group("failed", cls=Failed)
def failed_command() -> None:
    """List, show, retry or forget the items that failed.

    Without another word it lists them.
    """


_STATUS_HELP = "only with this status: 503, 5xx, or none where no answer came; may be repeated"
_ATTEMPTS_HELP = "write every attempt to a file: .csv, .jsonl or .parquet"


def _which(command: Any) -> Any:
    """The run, and which of its failures."""
    for option in reversed(
        (
            click.argument("run", required=False),
            click.option("--item", "items", multiple=True, metavar="ID", help="only this item; may be repeated"),
            click.option("--reason", metavar="TEXT", help="only where the reason holds this text"),
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

    Without RUN, of the latest.
    """
    from harness.cli.failed import list_command as carry_out

    return carry_out(run, output, results, **which)


@failed_command.command("show")
@_which
@results_option
def failed_show_command(run: str | None, results: Path, **which: Any) -> int:
    """Show every attempt: status, time taken, headers, body.

    Without RUN, of the latest.
    """
    from harness.cli.failed import show_command as carry_out

    return carry_out(run, results, **which)


@failed_command.command("retry")
@_which
@click.option("--later", is_flag=True, help="only open the run again; `resume` then fetches them")
@config_options(RESUMED)
def failed_retry_command(
    run: str | None, items: tuple[str, ...], reason: str | None, statuses: tuple[str, ...], later: bool, **flags: Any
) -> int:
    """Fetch again what failed for good.

    Without RUN, of the latest. A running import is asked to. A run that has ended is opened again and resumed,
    with `resume`'s flags.
    """
    from harness.cli.failed import retry_command as carry_out

    return carry_out(run, items, reason, statuses, later, **flags)


@failed_command.command("forget")
@_which
@results_option
def failed_forget_command(
    run: str | None, items: tuple[str, ...], reason: str | None, statuses: tuple[str, ...], results: Path
) -> int:
    """Give failed items up: the run is complete without them.

    Without RUN, of the latest. What was forgotten can still be fetched: failed retry --item ID.
    """
    from harness.cli.failed import forget_command as carry_out

    return carry_out(run, items, reason, statuses, results)


@click.command("explain")
@click.argument("run", required=False)
@click.option(
    "--at", "moment", required=True, metavar="T", help="seconds since the start (90, 2h), 18:04:24, or a date"
)
@results_option
def explain_command(run: str | None, moment: str, results: Path) -> int:
    """Say why nobody was sending at a moment of a run.

    T is a time since the run's start (90, 1.5h), a local time of day (18:04:24, the first since its start), or with
    its date (2026-11-24T18:04:24). Without RUN, of the latest.
    """
    from harness.cli.explain import explain_command as carry_out

    return carry_out(run, moment, results)


@click.command("audit")
@click.argument("run", required=False)
@config_options(RESUMED)
def audit_command(run: str | None, **flags: Any) -> int:
    """Read the list again and import what was missed.

    Items that are inserted or deleted while a list is paged through shift others over the borders of its pages, so
    that some are never named. Says too which items are gone upstream. Without RUN, of the latest.
    """
    from harness.cli.explain import audit_command as carry_out

    return carry_out(run, **flags)


@click.command("report")
@click.argument("names", nargs=-1, metavar="[RUN|SWEEP]...")
@click.option(
    "-o",
    "--output",
    type=PathType(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="the page; its figures are kept in a folder beside it [report.html in the run's or sweep's folder]",
)
@results_option
def report_command(names: tuple[str, ...], output: Path | None, results: Path) -> int:
    """Write a report of runs and sweeps: HTML, SVG and PNG.

    One HTML file, and each figure as SVG and PNG. Without a name, of the latest run. A run is named as elsewhere (a
    unique prefix is enough), a sweep by its name or its folder.
    """
    from harness.cli.report import report_command as carry_out

    return carry_out(names, output, results)


@click.command("compare")
@click.argument("names", nargs=-1, metavar="[RUN|SWEEP]...")
@click.option("--json", "as_json", is_flag=True, help="print the comparison as JSON, nothing else")
@results_option
def compare_command(names: tuple[str, ...], results: Path, as_json: bool) -> int:
    """Compare runs, or the settings of a sweep, the fastest first.

    Without a name, the latest sweep. A unique prefix of a name is enough.
    """
    from harness.cli.sweep import compare_command as carry_out

    return carry_out(names, results, as_json)


@click.command("export")
@click.argument("run", required=False)
@click.option("-o", "--output", type=PATH, required=True, metavar="FILE", help="where to: .csv, .jsonl or .parquet")
@results_option
def export_command(run: str | None, output: Path, results: Path) -> int:
    """Write the items as CSV, JSON lines or Parquet.

    The file's ending says which; an existing file is replaced. Without RUN, those of the latest; a run that is still
    going on gives what it has so far.
    """
    from harness.cli.manage import export_command as carry_out

    return carry_out(run, output, results)
