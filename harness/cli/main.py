"""The group of commands, and the one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from harness import signals
from harness.cli.commands import SECTIONS
from harness.cli.exit_codes import BAD_INPUT, ENDED_EARLY
from harness.errors import BadInput, HarnessError, NeverFits, RunLocked
from harness.installation import PACKAGE, version
from harness.paths import program


class _Stopped(BaseException):
    """Somebody ended the command by a signal."""


class Commands(click.Group):
    """A group whose help lists its commands by what people want: to run, to look, to decide, to manage."""

    def invoke(self, ctx: click.Context) -> Any:
        """Invoke the command, but pass Ctrl-C to `main`: click would print an empty line first."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise _Stopped from None
        except BaseExceptionGroup as group:
            if group.subgroup(KeyboardInterrupt) is None:
                raise
            raise _Stopped from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section, commands in SECTIONS.items():
            # Two columns less than the terminal has, for the names and the gaps: a line each.
            room = max(20, formatter.width - 14)
            rows = [(str(command.name), command.get_short_help_str(room)) for command in commands]
            with formatter.section(section):
                formatter.write_dl(rows)


def _say_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    click.echo(f"{PACKAGE} {version()}")
    context.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_say_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Import from rate-limited HTTP APIs as fast as their limits allow, and see how close you came."""


for command in (command for commands in SECTIONS.values() for command in commands):
    cli.add_command(command)


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    try:
        code = cli.main(args=args, prog_name=program(), standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = BAD_INPUT
    except click.UsageError as error:
        code = _say(_usage(error), BAD_INPUT)
    except click.ClickException as error:
        code = _say(f"{error.format_message().rstrip('.')}; see {program()} --help", BAD_INPUT)
    except (BadInput, NeverFits, RunLocked) as error:
        code = _say(str(error), BAD_INPUT)
    except HarnessError as error:
        code = _say(str(error), ENDED_EARLY)
    except (_Stopped, KeyboardInterrupt, click.Abort):
        name, code = signals.last()
        _say(f"stopped by {name}", code)
    except BrokenPipeError:
        code = 0  # whoever read our output has seen enough
    sys.exit(code)


def _usage(error: click.UsageError) -> str:
    """Return the usage error without the values that were typed: an unquoted header would be among them."""
    if "unexpected extra argument" in error.message:
        return "unexpected words; put quotes around a value with spaces, such as 'Name: value'"
    command = program() if error.ctx is None else error.ctx.command_path
    return f"{error.format_message().rstrip('.')}; see {command} --help"


def _say(sentence: str, code: int) -> int:
    click.echo(f"harness: {sentence}", err=True)
    return code
