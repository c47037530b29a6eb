"""Options made from the table of flags, all taken as text, so that the config model alone parses them."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from harness.errors import BadInput
from harness.flags import FLAGS, OF_SOURCE, RESULTS_VARIABLE, SECTIONS
from harness.paths import as_path, from_here, program, results_folder, results_url

# What `check` and `recommend` can be told; they read no run and write none.
CHECKED = (
    *(*OF_SOURCE, "items", "server_limit", "scenario", "latency", "timeout", "seed", "as_json"),
    *("budget", "account"),
)
RECOMMENDED = (
    *(
        "preset",
        "plan",
        "items",
        "limit",
        "server_limit",
        "scenario",
        "latency",
        "cost",
        "pacing",
        "per_page",
        "max_items",
    ),
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


class _ResultsType(PathType):
    """A folder of runs, or the URL of an object store, which stands for its working folder here."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(results_folder(value), param, ctx)
        except ValueError as error:
            raise BadInput(str(error) if isinstance(error, BadInput) else f"--results: {error}") from None


def results_option(command: Callable[..., int]) -> Callable[..., int]:
    """Add --results to a command; what it reads in an object store is brought here before it is carried out."""

    @wraps(command)
    def with_results(*args: Any, results: Path, **said: Any) -> int:
        if results_url(results) is not None:
            from harness.cli.remote import brought_for_command

            brought_for_command(results)
        return command(*args, results=results, **said)

    return click.option(
        "--results",
        type=_ResultsType(path_type=Path),
        metavar="FOLDER",
        default=Path("results"),
        envvar=RESULTS_VARIABLE,
        help="folder that holds the runs, or s3://BUCKET/PREFIX [default results]",
    )(with_results)


class SettingOption(click.Option):
    """An option for a setting of an import."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the row of the help; of a switch that goes both ways only its no."""
        if not self.secondary_opts:
            return super().get_help_record(ctx)
        return self.secondary_opts[0], self.help or ""


class SettingsCommand(click.Command):
    """A command whose help shows the settings of an import in their sections, and says when anyone would touch them."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write its own options first, then a section for each kind of setting, and --help at the end."""
        last = self.get_help_option(ctx)
        options = [option for option in self.get_params(ctx) if not isinstance(option, SettingOption)]
        settings = {option.name: option for option in self.get_params(ctx) if isinstance(option, SettingOption)}
        sections: dict[str, list[click.Parameter]] = {"Options": [option for option in options if option is not last]}
        for section in SECTIONS:
            title = f"{section.title} ({section.when})"
            sections[title] = [settings[flag.name] for flag in section.flags if flag.name in settings]
        sections["Help"] = [] if last is None else [last]
        rows = {title: [_row(option, ctx) for option in found] for title, found in sections.items() if found}
        width = max(len(first) for of_section in rows.values() for first, _ in of_section)  # one column for all
        for title, of_section in rows.items():
            with formatter.section(title):
                formatter.write_dl([(f"{first:<{width}}", text) for first, text in of_section])


def _row(option: click.Parameter, ctx: click.Context) -> tuple[str, str]:
    return option.get_help_record(ctx) or ("", "")


def config_options(names: Iterable[str] = tuple(FLAGS)) -> Callable[[Any], Any]:
    """Add a flag for each setting of an import (or for those in `names`) to a command."""

    def add(command: Any) -> Any:
        for name in reversed(tuple(names)):
            command = _option(name)(command)
        return command

    return add


def _option(name: str) -> Callable[[Any], Any]:
    flag = FLAGS[name]
    if flag.negative:
        name = flag.flag.removeprefix("--no-")
        return click.option(
            f"--{name}/--no-{name}", flag.name, cls=SettingOption, default=None, type=bool, help=flag.help_text
        )
    if flag.is_switch:
        # None where it is not typed, so that it overrules neither the environment nor a file.
        return click.option(
            flag.flag,
            name,
            cls=SettingOption,
            flag_value=not flag.default,
            default=None,
            type=bool,
            help=flag.help_text,
        )
    return click.option(flag.flag, name, cls=SettingOption, metavar=flag.takes, help=flag.help_text, multiple=flag.many)


def where(results: Path) -> str:
    """Return ` --results FOLDER` for the next command, where it would look elsewhere without."""
    usual = results_folder(os.environ.get(RESULTS_VARIABLE, "results"))
    return "" if results == usual else f" --results {shlex.quote(results_url(results) or str(results))}"


def this_program() -> str:
    """Return the command that starts this program from here."""
    interpreter = Path(sys.executable)
    here = from_here(interpreter)
    active = os.environ.get("VIRTUAL_ENV") == str(interpreter.parent.parent)
    return program("python" if active and Path(here).is_absolute() else here)


WORKERS, LIMIT = _option("workers"), _option("limit")


class Listing(click.Group):
    """The group alone lists; `failed RUN` is `failed list RUN`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ("-h", "--help")):
            args = ["list", *args]
        return super().parse_args(ctx, args)
