"""`recommend`, `infer` and `check`: what to set before an import."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.options import CHECKED, RECOMMENDED, config_options, results_option


@click.command("recommend")
@click.option("--from", "run", metavar="RUN", help="from a run: limits as they turned out, latency as measured")
@click.option(
    "--what-if", "what_if", multiple=True, metavar="NAME=VALUE", help="and with that instead; may be repeated"
)
@click.option("--json", "as_json", is_flag=True, help="print the recommendation as JSON, nothing else")
@results_option
@config_options(RECOMMENDED)
def recommend_command(run: str | None, what_if: tuple[str, ...], as_json: bool, results: Path, **flags: Any) -> int:
    """Say how many workers to use, and what it will take.

    Found by simulating the import with each number of them. Says also what changes if the latency doubles, the limits
    are halved, or others use the same key.
    """
    from harness.cli.recommend import recommend_command as carry_out

    return carry_out(run, what_if, as_json, results, **flags)


@click.command("infer")
@click.argument("run", required=False)
@results_option
def infer_command(run: str | None, results: Path) -> int:
    """Print the limits that a run reveals, ready to paste.

    With the evidence for each. Without RUN, of the latest.
    """
    from harness.cli.decide import infer_command as carry_out

    return carry_out(run, results)


@click.command("check")
@config_options(CHECKED)
def check_command(**flags: Any) -> int:
    """See with at most five requests whether an API can be imported.

    Asks for two pages of the list, for page 0 where nothing says that the first is page 1, and for two items. Says what
    they look like, how the list can be seen to end, and what the headers tell of limits. Exit code 2 if an import could
    not end as complete. Without --url it checks the test API. Nothing is written.
    """
    from harness.cli.check import check_command as carry_out

    return carry_out(**flags)
