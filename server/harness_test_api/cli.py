"""`python -m harness server`: serve one test API until SIGTERM or Ctrl-C.

Settings come from a scenario, then a TOML file, then flags: the later wins.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import click

from harness_test_api import scenarios
from harness_test_api.config import ServerConfig, Setting, read_toml, settings
from harness_test_api.errors import ServerError
from harness_test_api.spec import refuse_bare

_CONTEXT = {"help_option_names": ["-h", "--help"]}


def _own_options() -> list[click.Parameter]:
    return [
        click.Option(["--host"], default="127.0.0.1", show_default=True, help="Address to listen on."),
        click.Option(
            ["--port"],
            default=8000,
            show_default=True,
            type=click.IntRange(0, 65535),
            help="Port to listen on; 0: any free port.",
        ),
        click.Option(["--scenario"], help="Start from a preset; see --list-scenarios."),
        click.Option(
            ["--config"], metavar="FILE", help="TOML file with settings, named like the flags without their dashes."
        ),
        click.Option(["--list-scenarios"], is_flag=True, help="List the presets and exit."),
        click.Option(
            ["--speed"],
            type=float,
            default=1.0,
            metavar="N",
            help="Let time pass N times as fast; an import of it needs the same --speed.  [default: 1]",
        ),
        click.Option(["--until-stdin-closes"], is_flag=True, help="Stop when standard input ends."),
        # What whoever starts us prefers to our own defaults, but not to what a scenario says.
        click.Option(["--unless-set"], metavar="NAME=VALUE", multiple=True, hidden=True),
    ]


def _option(setting: Setting) -> click.Option:
    flag = "--" + setting.name.replace("_", "-")
    text = setting.help
    if setting.kind is bool:
        # None where the flag is not written, so that it does not overrule a scenario or a file.
        return click.Option([flag], is_flag=True, flag_value=True, default=None, help=text)
    text += " Repeatable." if setting.many else ""
    default = getattr(ServerConfig, setting.name)
    text += f" [default: {default}]" if default not in ("", ()) else ""
    return click.Option([flag], type=setting.kind, multiple=setting.many, help=text)


def serve(
    host: str,
    port: int,
    scenario: str | None,
    config: str | None,
    list_scenarios: bool,
    speed: float,
    until_stdin_closes: bool,
    unless_set: tuple[str, ...],
    **flags: Any,
) -> None:
    """Serve an API whose limits are real. Prints the list's URL when it answers."""
    if list_scenarios:
        for name in scenarios.names():
            click.echo(f"{name:16} {scenarios.about(name)}")
        return
    try:
        values: dict[str, Any] = {name: value for name, _, value in (text.partition("=") for text in unless_set)}
        values |= scenarios.settings_of(scenario) if scenario else {}
        values |= read_toml(config) if config else {}
        typed = {name: value for name, value in flags.items() if value not in (None, ())}
        for where, text in () if until_stdin_closes else _durations(typed):  # else a program has written them
            refuse_bare(text, where)
        values |= typed
        checked = ServerConfig.from_mapping(values)
        # Slow to load: not before the flags are right.
        from harness_test_api.foreground import serve_until_stopped
        from harness_test_api.speed import check_speed, clock_at

        check_speed(checked, speed)
        serve_until_stopped(checked, host, port, until_stdin_closes, clock_at(speed))
    except* ServerError as errors:
        click.echo(f"Error: {_first(errors)}", err=True)
        sys.exit(2)


def _durations(typed: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(flag, text) of every duration among the flags, for the one who types means its unit; in Python and TOML a number
    is seconds.
    """
    for name in ("latency", "idle_timeout", "idle_reset"):
        words = str(typed.get(name, "")).split(":")  # uniform:20ms-80ms
        yield from (("--" + name.replace("_", "-"), text) for text in words[:2][-1].split("-"))
    for change in typed.get("plan_change", ()):
        yield "--plan-change", change.partition(":")[0]


main = click.Command(
    "server",
    callback=serve,
    help=serve.__doc__,
    params=[*_own_options(), *(_option(setting) for setting in settings())],
    context_settings=_CONTEXT,
)


def _first(error: BaseException) -> BaseException:
    # trio wraps what leaves a nursery in a group; there is only ever one here.
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
