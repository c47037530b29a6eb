"""The commands that say what is known beforehand."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import results_option


@click.command("presets")
@click.argument("name", required=False)
def presets_command(name: str | None) -> int:
    """List the APIs that are known, or show what is known of one.

    NAME shows its file: the settings, the documented limits by plan, and the page and day that each fact is from.
    A file of your own is checked and shown by its path, such as ./mine.toml.
    """
    from harness.cli.know import presets_command as carry_out

    return carry_out(name)


@click.command("calibration")
@click.option("--json", "as_json", is_flag=True, help="print only the figures, as JSON")
@results_option
def calibration_command(results: Path, as_json: bool) -> int:
    """Say how often runs took as long as predicted.

    Over all runs in the results folder, apart for simulated and real ones. Each run is predicted as soon as it is known
    how many items there are; see `show`. Runs that were stopped, paused by hand or given other settings on the way are
    not judged.
    """
    from harness.cli.know import calibration_command as carry_out

    return carry_out(results, as_json)


budget_option = click.option(
    "--budget", metavar="ACCOUNT", envvar="HARNESS_IMPORT_BUDGET", help="the account, as of import [default embedded]"
)


@click.group("limits", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="print only the accounts, as JSON")
@budget_option
@click.pass_context
def limits_command(ctx: click.Context, as_json: bool, budget: str | None) -> int:
    """Show what of each host's limits is used, and by whom.

    All runs that go to a host with the same key share an account: what they have sent, the limits that they keep to
    or have learned, and pauses after refusals. `limits forget` forgets one.
    """
    if ctx.invoked_subcommand is not None:
        return 0
    from harness.cli.limits import limits_command as carry_out

    return carry_out(budget, as_json)


@limits_command.command("forget")
@click.argument("host")
@click.option("--key", metavar="NAME", help="only of the key that `limits` calls so")
@budget_option
def limits_forget_command(host: str, key: str | None, budget: str | None) -> int:
    """Forget what is known of a host: what was sent to it, and what was learned of its limits.

    Nothing may be importing from it. What was sent may still count there, and the next run does not know it.
    """
    from harness.cli.limits import forget_command as carry_out

    return carry_out(host, key, budget)
