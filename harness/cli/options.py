"""Flags made from the config model: each of its fields is one, all taken as text, so that one place parses them."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from harness.config import ImportConfig
from harness.errors import BadInput
from harness.settings import (
    ENVIRONMENT,
    default_shown,
    flag_of,
    from_environ,
    is_repeatable,
    is_switch,
    read_settings,
    type_name,
)
from harness.values import as_path

RESULTS_VARIABLE = ENVIRONMENT + "RESULTS"
# What a run is remembers itself; only how it goes on may be said anew.
RESUME_FIELDS = [
    *(
        "workers",
        "limit",
        "pacing",
        "forget_limits",
        "timeout",
        "retry_delays",
        "breaker",
        "max_failures",
        "max_failure_rate",
        "max_time",
        "until",
        "share",
        "rtt_floor",
        "linger",
        "max_body",
        "max_pause",
        "refused_when",
        "allow_host",
        "header",
        "token_env",
    ),
    *("results", "progress", "quiet", "as_json"),
]


class PathType(click.Path):
    """A path that the system can look for and a screen can show: everything else is refused in one sentence."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            as_path(value)
        except ValueError as error:
            name = "the file" if param is None or param.param_type_name == "argument" else max(param.opts, key=len)
            raise BadInput(f"{name}: {error}") from None
        return super().convert(value, param, ctx)


PATH = PathType(path_type=Path)

results_option = click.option(
    "--results",
    type=PATH,
    metavar="FOLDER",
    default=Path("results"),
    envvar=RESULTS_VARIABLE,
    help="folder of the runs [results]",
)


def config_options(names: list[str] | None = None) -> Callable[[Any], Any]:
    """Adds a flag for each field of ImportConfig (or for those in `names`) to a command."""

    def add(command: Any) -> Any:
        for name in reversed(names or list(ImportConfig.model_fields)):
            command = _option(name)(command)
        return command

    return add


def _option(name: str) -> Callable[[Any], Any]:
    field = ImportConfig.model_fields[name]
    about = field.description or ""
    if is_switch(field):
        return click.option(flag_of(name), name, flag_value=not field.default, default=None, type=bool, help=about)
    shown = "" if field.default is None or field.default == () or about.endswith("]") else f" [{default_shown(field)}]"
    help_text = about + shown
    return click.option(flag_of(name), name, metavar=type_name(field), help=help_text, multiple=is_repeatable(name))


def given(flags: dict[str, Any]) -> dict[str, Any]:
    """The flags that were typed."""
    return {name: value for name, value in flags.items() if value is not None and value != ()}


def typed_to_resume(flags: dict[str, Any]) -> dict[str, Any]:
    """What was said anew on how to go on: in the environment, and over that by flags.

    The folder of the runs is looked into before the settings are read, so that it is refused here.
    """
    environment = {name: value for name, value in from_environ(os.environ).items() if name in RESUME_FIELDS}
    typed = {**environment, **given(flags)}
    if "results" in typed:
        read_settings({"results": typed["results"]}, None, {})
    return typed


def where(results: Path) -> str:
    """` --results FOLDER` for the next command, where it would look elsewhere without."""
    usual = Path(os.environ.get(RESULTS_VARIABLE, "results"))
    return "" if results == usual else f" --results {shlex.quote(str(results))}"


def python() -> str:
    """The interpreter as it is to be typed from here."""
    path = Path(sys.executable)
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return "python" if os.environ.get("VIRTUAL_ENV") == str(path.parent.parent) else str(path)


WORKERS, LIMIT = _option("workers"), _option("limit")
