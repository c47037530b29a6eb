"""The commands that show runs: one, all, live, a moment of one, on a page, or several compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click

from harness.cli.options import PATH, Listing, PathType, results_option


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
    project's test API, and from what is allowed here by name. With --watch they can only look.
    """
    from harness.cli.dashboard import dashboard_command as carry_out

    return carry_out(**said)


@click.group("runs", cls=Listing)
def runs_command() -> None:
    """List the runs, the newest first; give them tags.

    Without a subcommand, it lists them; `runs --tag nightly` lists those with that tag, a word to find runs by.
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
