"""The command line: `python -m harness COMMAND`."""

from harness.cli.main import main

__all__ = ["main"]
