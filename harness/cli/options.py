"""Options made from the table of flags, all taken as text, so that the config model alone parses them."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from harness.errors import BadInput
from harness.flags import FLAGS, RESULTS_VARIABLE
from harness.paths import as_path, from_here, program

# What `check` and `recommend` can be told; they read no run and write none.
CHECKED = (
    *("url", "items", "server_limit", "scenario", "latency", "per_page", "detail", "timeout", "refused_when"),
    *("accept_list", "header", "token_env", "seed", "as_json"),
)
RECOMMENDED = (
    *("items", "limit", "server_limit", "scenario", "latency", "cost", "pacing", "per_page", "max_items"),
    *("sequential", "detail", "timeout", "seed"),
)


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


def config_options(names: Iterable[str] = tuple(FLAGS)) -> Callable[[Any], Any]:
    """Adds a flag for each setting of an import (or for those in `names`) to a command."""

    def add(command: Any) -> Any:
        for name in reversed(tuple(names)):
            command = _option(name)(command)
        return command

    return add


def _option(name: str) -> Callable[[Any], Any]:
    flag = FLAGS[name]
    if flag.is_switch:
        # None where it is not typed, so that it overrules neither the environment nor a file.
        return click.option(flag.flag, name, flag_value=not flag.default, default=None, type=bool, help=flag.help_text)
    return click.option(flag.flag, name, metavar=flag.takes, help=flag.help_text, multiple=flag.many)


def where(results: Path) -> str:
    """` --results FOLDER` for the next command, where it would look elsewhere without."""
    usual = Path(os.environ.get(RESULTS_VARIABLE, "results"))
    return "" if results == usual else f" --results {shlex.quote(str(results))}"


def this_program() -> str:
    """This program as it is to be typed from here."""
    interpreter = Path(sys.executable)
    here = from_here(interpreter)
    active = os.environ.get("VIRTUAL_ENV") == str(interpreter.parent.parent)
    return program("python" if active and Path(here).is_absolute() else here)


WORKERS, LIMIT = _option("workers"), _option("limit")
