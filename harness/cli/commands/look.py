"""The commands that show runs, and export, retry or audit what they imported."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click

from harness.cli.options import PATH, PathType, config_options, results_option
from harness.flags import RESUMED


@click.command("show")
@click.argument("run", required=False)
@click.option("--json", "as_json", is_flag=True, help="print only its figures, as JSON (as in summary.json)")
@results_option
def show_command(run: str | None, results: Path, as_json: bool) -> int:
    """Show a run in full, with its failed items.

    RUN defaults to the latest.
    """
    from harness.cli.look import show_command as carry_out

    return carry_out(run, results, as_json)


@click.command("watch")
@click.argument("run", required=False)
@click.option(
    "--progress", type=click.Choice(["bar", "plain"]), help="bar or plain [default bar on a terminal, else plain]"
)
@results_option
def watch_command(run: str | None, results: Path, progress: Literal["bar", "plain"] | None) -> int:
    """Show a running import live, in any process.

    RUN defaults to the latest that is running. It ends when the run does, with its exit code; Ctrl-C ends only the
    watching.
    """
    from harness.cli.look import watch_command as carry_out

    return carry_out(run, results, progress)


_WATCH_HELP = "only show: nobody can start, steer or delete anything (make watch)"
_TABS_HELP = "serve at most so many tabs at a time, of about 100 MB each [default 20]"
_ALLOW_HOST_HELP = "let visitors import from this host; may be repeated [default only the test API]"


@click.command("dashboard")
@click.option("--watch", is_flag=True, help=_WATCH_HELP)
@click.option("--allow-host", "hosts", multiple=True, metavar="HOST", help=_ALLOW_HOST_HELP)
@click.option("--allow-env", "variables", multiple=True, metavar="NAME", help="let them use this variable, a token say")
@click.option("--allow-file", "files", multiple=True, type=PATH, metavar="FILE", help="let them use this settings file")
@click.option("--idle", metavar="TIME", default="1m", help="how long the kernel of a closed tab stays [default 1m]")
@click.option("--tabs", type=click.IntRange(1, 1000), default=20, metavar="N", help=_TABS_HELP)
@click.option("--host", default="127.0.0.1", metavar="ADDRESS", help="address to listen on [default 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8866, metavar="N", help="port to listen on [default 8866]"
)
@click.option("--no-browser", is_flag=True, help="only print the address")
@click.option("--theme", type=click.Choice(["light", "dark"]), default="light", help="[default light]")
@results_option
def dashboard_command(**said: Any) -> int:
    """Serve the runs as a web page, to steer or (--watch) only to see.

    The address that is printed holds a token: whoever has it is a visitor. Visitors of the page can import from the
    project's test API, and from nothing else that is not allowed here. With --watch they can only look.
    """
    from harness.cli.dashboard import dashboard_command as carry_out

    return carry_out(**said)


class Listing(click.Group):
    """The group alone lists; `failed RUN` is `failed list RUN`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ("-h", "--help")):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group("runs", cls=Listing)
def runs_command() -> None:
    """List the runs, the newest first; give them tags.

    Without a subcommand, it lists them. A tag is a word to find runs by, such as nightly.
    """


@runs_command.command("list")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="only runs with this tag; repeated, with all of them")
@results_option
def runs_list_command(tags: tuple[str, ...], results: Path) -> int:
    """List the runs, the newest first."""
    from harness.cli.look import runs_command as carry_out

    return carry_out(results, tags)


@runs_command.command("tag")
@click.argument("run", required=False)
@click.option("--add", multiple=True, metavar="TAG", help="give the run this tag; may be repeated")
@click.option("--remove", multiple=True, metavar="TAG", help="take this tag away; may be repeated")
@results_option
def runs_tag_command(run: str | None, add: tuple[str, ...], remove: tuple[str, ...], results: Path) -> int:
    """Show the tags of a run, or change them.

    RUN defaults to the latest. A running import does not notice.
    """
    from harness.cli.look import tag_command as carry_out

    return carry_out(run, add, remove, results)


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


@click.command("explain")
@click.argument("run", required=False)
@click.option(
    "--at",
    "moment",
    required=True,
    metavar="T",
    help="time since the start (90, 2h), time of day (18:04:24), or date and time",
)
@results_option
def explain_command(run: str | None, moment: str, results: Path) -> int:
    """Say why no request was sent at a moment of a run.

    T is a time since the run's start (90, 1.5h), a local time of day (18:04:24, the first since its start), or a
    date and time (2026-11-24T18:04:24). RUN defaults to the latest.
    """
    from harness.cli.explain import explain_command as carry_out

    return carry_out(run, moment, results)


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


@click.command("report")
@click.argument("names", nargs=-1, metavar="[RUN|SWEEP]...")
@click.option(
    "-o",
    "--output",
    type=PathType(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="the HTML file; figures go to a folder beside it [default report.html in the run's or sweep's folder]",
)
@click.option("--open", "open_", is_flag=True, help="open the page in a browser; where there is none, say where it is")
@results_option
def report_command(names: tuple[str, ...], output: Path | None, open_: bool, results: Path) -> int:
    """Write a report of runs and sweeps: HTML, SVG and PNG.

    One HTML file, and each figure as SVG and PNG. Without a name, of the latest run. Name a run by a
    unique prefix, a sweep by its name or its folder.
    """
    from harness.cli.report import report_command as carry_out

    return carry_out(names, output, results, open_)


@click.command("compare")
@click.argument("names", nargs=-1, metavar="[RUN|SWEEP]...")
@click.option("--json", "as_json", is_flag=True, help="print only the comparison, as JSON")
@results_option
def compare_command(names: tuple[str, ...], results: Path, as_json: bool) -> int:
    """Compare runs, or the settings of a sweep, the fastest first.

    It defaults to the latest sweep. A unique prefix of a name is enough.
    """
    from harness.cli.sweep import compare_command as carry_out

    return carry_out(names, results, as_json)


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
