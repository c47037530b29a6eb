"""`check`: can this API be imported, and what does it say of its limits? At most five requests."""

from __future__ import annotations

import json
import os
import shlex
import sys
from dataclasses import asdict
from typing import Any

import click

from harness import signals
from harness.cli.exit_codes import BAD_INPUT, COMPLETE
from harness.cli.options import CHECKED, this_program
from harness.config import ImportConfig
from harness.engine.checking import check
from harness.engine.importing import http_api, source
from harness.record.clock import utc_s
from harness.record.discovery import ACCEPT
from harness.settings import from_environ, given, read_settings
from harness.views.check import Checked, check_text
from harness.views.screen import Screen


def check_command(**flags: Any) -> int:
    """Ask the API, and print what it looks like."""
    environment = {name: value for name, value in from_environ(os.environ).items() if name in CHECKED}
    config = read_settings({**environment, **given(flags)}, None, {})
    checked = signals.run(_check, config)
    if config.as_json:
        click.echo(json.dumps(asdict(checked)))
    else:
        command = _command(config, checked)
        click.echo(check_text(checked, Screen.of(sys.stdout), program=this_program(), command=command))
    return BAD_INPUT if checked.problem else COMPLETE


async def _check(config: ImportConfig) -> Checked:
    async with source(config) as url, http_api(config, url, keep_records=True) as api:
        return await check(api, config, utc_s())


def _command(config: ImportConfig, checked: Checked) -> str:
    """The import to type, less what is secret: that is to be said again.

    Nothing where there is a problem: --accept-list would get past it, and can leave out records. The problem's sentence
    says what it does.
    """
    if checked.problem:
        return ""
    words = ["import"]
    if config.url is not None:
        words += ["--url", config.url]
    if config.scenario is not None:
        words += ["--scenario", config.scenario]
    if config.token_env is not None:
        words += ["--token-env", config.token_env]
    if config.accept_list:
        words.append(ACCEPT)
    if checked.limits:
        words += ["--limit", checked.limits]
    if config.url is None:
        return shlex.join([*words, "--dry-run"])
    return shlex.join([*words, *(["--no-detail"] if checked.alike else []), "--dry-run"])
