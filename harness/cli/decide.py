"""`check`, `recommend` and `infer`: help a person to decide on settings before an import.

`check` tells in a few requests whether an API can be imported, and what it says of its limits. `recommend` says
how many workers to use, how long that takes, and how far the advice carries. `infer` says what past runs teach for the
next one.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from harness import signals
from harness.cli.exit_codes import BAD_INPUT, COMPLETE
from harness.cli.options import CHECKED, RECOMMENDED, this_program
from harness.cli.run import preset_line
from harness.cli.typed import as_typed
from harness.config import ImportConfig
from harness.errors import BadInput
from harness.flags import FLAGS, flag_of
from harness.pacing import format_tiers, parse_tiers
from harness.record.clock import utc_s
from harness.record.discovery import ACCEPT
from harness.record.inferred import as_flag, infer_recorded
from harness.record.run import find_run
from harness.session.checking import Checked, check
from harness.session.importing import http_api, source
from harness.session.joining import taking_part
from harness.settings import from_environ, given, read_settings
from harness.spec.presets import load
from harness.units import format_period
from harness.views.checked import check_text
from harness.views.plan import recommendation_text
from harness.views.screen import Screen
from harness.views.text import plural, printable


def check_command(toml: Path | None = None, save: Path | None = None, **flags: Any) -> int:
    """Ask the API, print what it looks like, and save that as a file for `import --config`."""
    if save is not None and save.exists():
        raise BadInput(f"--save {save} exists already; name another file, or remove it")
    environment = {name: value for name, value in from_environ(os.environ).items() if name in CHECKED}
    config = read_settings({**environment, **given(flags)}, toml, {})
    if not config.run.as_json and (line := preset_line(config)):
        click.echo(line, err=True)
    checked = signals.run(_check, config)
    if save is not None:
        _save(checked, save)
    if config.run.as_json:
        click.echo(json.dumps(asdict(checked)))
    else:
        told = _advice(config, checked, save or toml)
        click.echo(check_text(checked, Screen.of(sys.stdout), program=this_program(), **told))
    return BAD_INPUT if checked.problem else COMPLETE


async def _check(config: ImportConfig) -> Checked:
    async with (
        taking_part(config, "a check") as (account, kept),
        source(config) as url,
        http_api(config, url, keep_records=True) as api,
    ):
        return await check(api, config, utc_s(), account, kept)


def _save(checked: Checked, file: Path) -> None:
    """Write the source as TOML; BadInput where it is not known what the records are, or the disk does not take it."""
    if not checked.toml:
        why = next((one.why for one in checked.unknown if one.what == "records"), "its records are not known")
        raise BadInput(f"--save {file}: {why}; add --records PATH and check again")
    try:
        with open(file, "x", encoding="utf-8") as out:
            out.write(checked.toml)
    except OSError as error:
        raise BadInput(f"--save {file} cannot be written ({error.strerror}); name another file") from None


def _advice(config: ImportConfig, checked: Checked, saved: Path | None) -> dict[str, str]:
    """Return what to type next: the import, and before it the check that saves what it needs.

    saved: the file that holds it already, since it was saved now or was given.
    """
    if checked.problem or config.source.url is None or not checked.toml:
        return {"command": _command(config, checked)}
    file = str(saved) if saved is not None else f"{_word_of(config.source.url)}.toml"
    again = [word for name in config.source.header_names for word in ("--header", f"{name}: …")]
    again += [ACCEPT] if config.source.accept_list else []
    command = shlex.join(["import", "--config", file, *again, *_costs(checked)])
    if saved is not None:
        return {"command": command}
    return {"command": command, "save": shlex.join(["check", *as_typed(config), "--save", file])}


def _word_of(url: str) -> str:
    """Return the last word of a list's path: `orders` of `/v2/orders.json?limit=5`."""
    words = [part.partition(".")[0] for part in urlsplit(url).path.split("/")]
    words = [word for word in words if re.fullmatch("[A-Za-z][A-Za-z0-9_-]*", word)]
    return words[-1].lower() if words else "source"


def _command(config: ImportConfig, checked: Checked) -> str:
    """Return the import to type without a file, less what is secret: that is to be said again.

    Nothing where there is a problem: --accept-list would get past it, and can leave out records. The problem's sentence
    says what it does.
    """
    if checked.problem:
        return ""
    words = ["import"]
    if config.source.url is not None:
        words += ["--url", config.source.url]
    if config.test_api.scenario is not None:
        words += ["--scenario", config.test_api.scenario]
    words += [word for name in config.source.token_env for word in ("--token-env", name)]
    if config.source.accept_list:
        words.append(ACCEPT)
    if checked.limits:
        words += ["--limit", checked.limits]
    words += _costs(checked)
    if config.source.url is None:
        return shlex.join([*words, "--dry-run"])
    return shlex.join([*words, *(["--no-detail"] if checked.alike else []), "--dry-run"])


def _costs(checked: Checked) -> list[str]:
    return [word for kind, cost in checked.costs for word in ("--cost", f"{kind}={cost}")]


_OVER_A_RUN = ("seed", "pacing")
_PRINTED = ("pacing", "per_page", "max_items", "sequential", "detail", "timeout")


def recommend_command(
    run: str | None, toml: Path | None, what_if: tuple[str, ...], as_json: bool, results: Path, **flags: Any
) -> int:
    """Simulate, and print the advice."""
    from harness.lab.recommend import from_run, recommend

    environment = {name: value for name, value in from_environ(os.environ).items() if name in RECOMMENDED}
    said = given(flags)
    if run is not None and toml is not None:
        raise BadInput("--from and --config both say what is imported; leave one out")
    if toml is not None:
        environment |= _of_file(toml)
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
        command = _import_command(config, advice.workers, toml)
        click.echo(recommendation_text(advice, Screen.of(sys.stdout), program=this_program(), command=command))
    return 0


def _of_file(toml: Path) -> dict[str, Any]:
    """Return what a file of settings says of an import whose API the test API stands in for: its limits above all."""
    config = read_settings({}, toml, {})
    given = config.given()
    values = {name: given[name] for name in RECOMMENDED if name in given}
    declared = config.source.declared()
    if declared is not None and declared.resource.per_page is not None:
        values.setdefault("per_page", declared.resource.per_page)
    return {**values, **({} if config.pacing.limit is None else {"limit": format_tiers(config.pacing.limit)})}


def _over(config: ImportConfig, environment: Mapping[str, Any], said: Mapping[str, Any]) -> ImportConfig:
    """Return `config`, of a run, with what was typed of the settings that no run decides."""
    of_run = [name for name in said if name not in _OVER_A_RUN]
    if of_run:
        raise BadInput(f"{flag_of(of_run[0])} comes from the run; leave it out, or use --what-if NAME=VALUE")
    chosen = {name: value for name, value in {**environment, **said}.items() if name in _OVER_A_RUN}
    checked = read_settings({"limit": config.pacing.limit, **chosen}, None, {})
    return config.with_settings(**{name: checked[name] for name in chosen})


def _tell(done: int) -> None:
    click.echo(f"\r{plural(done, 'import')} simulated ", nl=False, err=True)


def _import_command(config: ImportConfig, workers: int, toml: Path | None = None) -> str:
    """Return the import to type: of one's own API, with these settings, which may be those of a file."""
    if toml is not None:
        return shlex.join(["import", "--config", str(toml), "--workers", str(workers)])
    words = ["import", "--url", "https://…", "--workers", str(workers)]
    words += [word for name in ("preset", "plan") for word in _typed(config, name)]
    if config.pacing.limit is not None and (config.source.preset is None or "limit" in config.given()):
        words += ["--limit", format_tiers(config.pacing.limit)]
    words += [word for name, cost in config.pacing.cost.items() for word in ("--cost", f"{name}={cost}")]
    words += [word for name in _PRINTED for word in _typed(config, name)]
    return " ".join(word if word.startswith("https://…") else shlex.quote(word) for word in words)


def _typed(config: ImportConfig, name: str) -> list[str]:
    """Return the flag that says what `config` has, or none where that is the default."""
    flag, value = FLAGS[name], config[name]
    if value == flag.default:
        return []
    if flag.is_switch:
        return [flag.flag if value is not True or flag.default is False else f"--{flag.name}"]
    return [flag.flag, format_period(value) if isinstance(value, float) else str(value)]


def _kind(counting: str) -> str:
    """Return the kinds of limit that fit, as --limit takes them."""
    text = printable(counting)
    if text.startswith("contradicted"):
        return text
    *others, last = text.split("/")
    return f"of kind {', '.join(others)} or {last}: these requests do not tell which" if others else f"of kind {last}"


def _documented(preset: str, plan: str | None) -> str:
    """Return the limits that a preset documents, as --limit takes them; BadInput for no preset or plan of that name."""
    limits = load(preset).limits_of(plan)
    return format_tiers(parse_tiers("+".join(limits))) if limits else ""


def infer_command(run: str | None, results: Path, preset: str | None = None, plan: str | None = None) -> int:
    """Print the limits found, each with its evidence, and beside them what a preset documents."""
    documents = None if preset is None else _documented(preset, plan)
    found = find_run(results, run)
    findings = infer_recorded(found.folder)
    if documents is not None:
        click.echo(f"preset {preset} documents {documents or 'no limit'}")
    if not findings:
        click.echo(f"{found.name} reveals no limit beyond those declared: no refusal and no header points to one")
        return 0
    click.echo(f"{found.name} reveals {plural(len(findings), 'limit')}")
    for finding in findings:
        click.echo(f"  {finding.tier}  {_kind(finding.counting)}")
        seen = f" (and {plural(finding.seen - 1, 'more time')})" if finding.seen > 1 else ""
        click.echo(f"    {printable(finding.evidence)}{seen}")
    click.echo(as_flag(findings))
    return 0
