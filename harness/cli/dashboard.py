"""`dashboard`: serve the board as a page, with what its visitors may ask for."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.errors import BadInput, MissingLibrary
from harness.paths import installation
from harness.units import parse_duration, refuse_bare
from harness.values import as_hosts, as_variables

# Longer than anybody keeps a tab closed and comes back to it.
_LONGEST_IDLE_S = 7 * 86_400


def dashboard_command(
    *,
    watch: bool,
    hosts: tuple[str, ...],
    variables: tuple[str, ...],
    files: tuple[Path, ...],
    idle: str,
    tabs: int,
    host: str,
    port: int,
    no_browser: bool,
    theme: str,
    results: Path,
) -> int:
    """Become the server of the page. Returns only by an error."""
    if watch and (hosts or variables or files):
        raise BadInput("--watch lets nobody import anything; leave out what is allowed, or leave out --watch")
    hosts, variables = _read("--allow-host", as_hosts, hosts), _read("--allow-env", as_variables, variables)
    if missing := next((file for file in files if not file.is_file()), None):
        raise BadInput(f"--allow-file {missing} is no file; name a TOML file of settings")
    idle_s = _idle_s(idle)
    if find_spec("voila") is None:
        raise MissingLibrary(f"the page needs voila, which is not installed; run: {installation('notebooks')}")
    from harness.notebook.policy import WATCH, Policy
    from harness.notebook.serving import Page, serve

    policy = WATCH if watch else Policy(True, hosts, variables, tuple(str(file.resolve()) for file in files))
    page = Page(policy, results.absolute(), Path.cwd())
    serve(page, host=host, port=port, browser=not no_browser, theme=theme, idle_s=idle_s, tabs=tabs)
    return 0


def _idle_s(idle: str) -> float:
    refuse_bare("--idle", idle)
    try:
        idle_s = parse_duration(idle)
    except ValueError as error:
        raise BadInput(f"--idle: {error}") from None
    if not 1 <= idle_s <= _LONGEST_IDLE_S:
        raise BadInput(f"--idle must be from 1s to 7d, not {idle}; write it like 1m")
    return idle_s


def _read(flag: str, read: Callable[[Any], Any], given: tuple[str, ...]) -> tuple[str, ...]:
    try:
        found: tuple[str, ...] = read(given)
    except ValueError as error:
        raise BadInput(f"{flag}: {error}") from None
    return found
