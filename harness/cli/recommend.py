"""`recommend`: how many workers, how long it takes, and how far that advice carries."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from harness.cli.options import RECOMMENDED, this_program
from harness.config import ImportConfig
from harness.errors import BadInput
from harness.flags import FLAGS, flag_of
from harness.pacing import format_tiers
from harness.record.run import find_run
from harness.settings import from_environ, given, read_settings
from harness.units import format_period
from harness.views.recommendation import recommendation_text
from harness.views.screen import Screen

_OVER_A_RUN = ("seed", "pacing")
_PRINTED = ("pacing", "per_page", "max_items", "sequential", "detail", "timeout")


def recommend_command(run: str | None, what_if: tuple[str, ...], as_json: bool, results: Path, **flags: Any) -> int:
    """Simulate, and print the advice."""
    from harness.lab.observed import from_run
    from harness.lab.recommend import recommend

    environment = {name: value for name, value in from_environ(os.environ).items() if name in RECOMMENDED}
    said = given(flags)
    if run is None:
        config, was = read_settings({**environment, **said}, None, {}), None
    else:
        config, was = from_run(find_run(results, run))
        config = _over(config, environment, said)
    advice = recommend(config, what_if, _tell if sys.stderr.isatty() and not as_json else None)
    if run is not None:
        advice = replace(advice, run=find_run(results, run).name, was=was)
    if as_json:
        click.echo(json.dumps(asdict(advice)))
    else:
        command = _command(config, advice.workers)
        click.echo(recommendation_text(advice, Screen.of(sys.stdout), program=this_program(), command=command))
    return 0


def _over(config: ImportConfig, environment: Mapping[str, Any], said: Mapping[str, Any]) -> ImportConfig:
    """`config`, of a run, with what was said of things that no run decides."""
    of_run = [name for name in said if name not in _OVER_A_RUN]
    if of_run:
        raise BadInput(f"{flag_of(of_run[0])} comes from the run; leave it out, or say --what-if NAME=VALUE")
    chosen = {name: value for name, value in {**environment, **said}.items() if name in _OVER_A_RUN}
    checked = read_settings({"limit": config.limit, **chosen}, None, {})
    return config.model_copy(update={name: getattr(checked, name) for name in chosen})


def _tell(done: int) -> None:
    click.echo(f"\r{done} imports simulated ", nl=False, err=True)


def _command(config: ImportConfig, workers: int) -> str:
    """The import to type: of one's own API, with these settings."""
    words = ["import", "--url", "https://…", "--workers", str(workers)]
    if config.limit is not None:
        words += ["--limit", format_tiers(config.limit)]
    words += [word for name, cost in config.cost.items() for word in ("--cost", f"{name}={cost}")]
    words += [word for name in _PRINTED for word in _typed(config, name)]
    return " ".join(word if word.startswith("https://…") else shlex.quote(word) for word in words)


def _typed(config: ImportConfig, name: str) -> list[str]:
    """The flag that says what `config` has, or none where that is the default."""
    flag, value = FLAGS[name], getattr(config, name)
    if value == flag.default:
        return []
    if flag.is_switch:
        return [flag.flag]
    return [flag.flag, format_period(value) if isinstance(value, float) else str(value)]
