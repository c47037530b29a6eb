"""Settings from where people put them, flags over environment over TOML, read through the one config model."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from harness.config import ImportConfig
from harness.errors import BadInput, RecordError
from harness.flags import ENVIRONMENT, FLAGS, GROUPS, PLACES, RESULTS_VARIABLE, RESUMED, flag_of
from harness.paths import as_path, program, quoted
from harness.record.clock import next_local
from harness.unusable import BadSetting, near
from harness.values import is_scenario_file, no_time_of_day, variables_in

# RFC 9110 5.6.2; what is not ASCII has no one meaning on the wire.
_TOKEN = re.compile(r"[!-~]+( +[!-~]+)*")
# What the figures of a run depend on.
_FIGURES = ("url", "limit", "server_limit", "scenario", "detail", "per_page", "cost")


def figures_config(path: Path, written: Mapping[str, Any]) -> ImportConfig:
    """The settings in the run.json at `path`, as far as a run's figures depend on them: none asks for secrets."""
    return written_config(path, {name: written[name] for name in _FIGURES if written.get(name) is not None})


def written_config(path: Path, written: Mapping[str, Any]) -> ImportConfig:
    """Settings as they were written into the file `path`; RecordError naming it where they cannot be used any more."""
    try:
        return ImportConfig(**written)
    except BadInput as error:
        raise RecordError(f"the settings in {path} cannot be used: {error}; restore it from a copy") from None


def read_settings(flags: Mapping[str, Any], toml: Path | None, environ: Mapping[str, str]) -> ImportConfig:
    """The config that `flags` (by field name, only those given), `environ` and `toml` make.

    Raises BadInput, in one sentence that names the setting where it was given and says what to change.
    """
    values: dict[str, Any] = {}
    where: dict[str, str] = {}
    for given, label in ((_from_toml(toml), f"in {toml}"), (from_environ(environ), "env"), (flags, "flag")):
        for name, value in given.items():
            values[name] = value
            where[name] = label
    try:
        config = ImportConfig(**values)
    except BadSetting as error:
        raise BadInput(_told(error, where)) from None
    resolve(config, where=where)
    return config


@dataclass(frozen=True, slots=True)
class Resolved:
    """What of the settings is kept outside them, secrets and all: for the client alone.

    headers: sent with each request. variables: what `{env:NAME}` in the URL stands for.
    """

    headers: dict[str, str] = field(repr=False)
    variables: dict[str, str] = field(repr=False)


def resolve(
    config: ImportConfig, environ: Mapping[str, str] | None = None, where: Mapping[str, str] | None = None
) -> Resolved:
    """Look up what `config` names outside itself: the one place where settings meet the environment and the disk.

    where: for each setting where it was given, as in `read_settings`. BadInput, in one sentence, for a variable that
    is not set, a file or folder that cannot be what it should be, and a moment that this machine's clock has not.
    """
    environ = os.environ if environ is None else environ
    for name, look in (("results", _look_at_results), ("scenario", _look_at_scenario), ("until", _look_at_until)):
        try:
            look(config)
        except BadInput:
            raise
        except ValueError as error:
            raise BadInput(f"{_named(name, where or {})}: {error}") from None
    source = config.source
    variables = {name: _from_url(name, environ) for name in variables_in(source.url or "")}
    pairs = (header.get_secret_value().split(":", 1) for header in source.headers)
    headers = {name.strip(): value.strip() for name, value in pairs}
    if source.token_env is not None:
        headers["Authorization"] = f"Bearer {_token(source.token_env, environ)}"
    return Resolved(headers, variables)


def _look_at_results(config: ImportConfig) -> None:
    results = as_path(config.run.results)
    if os.path.exists(results) and not os.path.isdir(results):
        raise BadInput(f"--results {results} is a file; name a folder")


def _look_at_scenario(config: ImportConfig) -> None:
    scenario = config.test_api.scenario
    if scenario is None or not is_scenario_file(scenario) or Path(scenario).is_file():
        return
    ask = f"name a preset ({program()} server --list-scenarios), or a TOML file with settings of a test API"
    raise ValueError(f"there is no file {quoted(scenario)}; {ask}")


def _look_at_until(config: ImportConfig) -> None:
    if config.run.until is not None:
        try:
            next_local(config.run.until, 0.0)
        except ValueError:
            raise no_time_of_day(config.run.until) from None


def _from_url(name: str, environ: Mapping[str, str]) -> str:
    value = environ.get(name, "").strip()
    if not value:
        raise BadInput(f"--url names the variable {name}, which is not set; export it first")
    if not _TOKEN.fullmatch(value):
        raise BadInput(f"--url names the variable {name}, which is not a single line of ASCII; fix it")
    return value


def _token(variable: str, environ: Mapping[str, str]) -> str:
    token = environ.get(variable, "").strip()
    if not token:
        raise BadInput("--token-env names a variable that is not set; export it first")
    if not _TOKEN.fullmatch(token):
        raise BadInput("--token-env names a variable that holds no token; set it to one line of ASCII")
    return token


def typed_to_resume(flags: Mapping[str, Any]) -> dict[str, Any]:
    """What was said anew on how to go on: in the environment, and over that by flags.

    The folder of the runs is looked into before the settings are read, so that it is refused here.
    """
    environment = {name: value for name, value in from_environ(os.environ).items() if name in RESUMED}
    typed = {**environment, **given(flags)}
    if "results" in typed:
        read_settings({"results": typed["results"]}, None, {})
    return typed


def given(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The flags that were typed."""
    return {name: value for name, value in flags.items() if value is not None and value != ()}


def checked(settings: Mapping[str, Any]) -> ImportConfig:
    """The config of a notebook's settings, text or not; BadInput in one sentence for the first that cannot be used."""
    config = ImportConfig(**{name: value for name, value in settings.items() if value is not None})
    resolve(config)
    return config


def as_switch(name: str, value: Any) -> bool:
    """A notebook's parameter that is on or off: papermill hands over text as it was typed."""
    try:
        return TypeAdapter(bool).validate_python(value)
    except ValidationError:
        raise BadInput(f"{name} must be True or False, not {value!r}") from None


def notebook_folder(folder: str | Path | None = None) -> Path:
    """Where a notebook's runs are kept, absolute: in `folder`, else where the environment says, else in `results`.

    A relative one is beside the folder of the notebooks, wherever the kernel was started.
    """
    here = Path.cwd()
    home = here.parent if here.name == "notebooks" else here
    told = os.environ.get(RESULTS_VARIABLE) or "results"
    return (home / (folder or told)).absolute()


def _from_toml(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        with open(path, "rb") as file:
            table = tomllib.load(file)
    except OSError as error:
        raise BadInput(f"--config {path} cannot be read ({error.strerror}); name a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"--config {path} is not TOML ({error}); fix it there") from None
    return flattened(table, f"in {path}", _field)


def flattened(table: Mapping[str, Any], where: str, name_of: Callable[[str, str], str]) -> dict[str, Any]:
    """The settings of a TOML table by flat name: written so, or in a table for each part, `[source]` say.

    name_of: the setting for a flat name as it was written, and where that was.
    """
    values: dict[str, Any] = {}
    for key, value in table.items():
        group = key.replace("-", "_")
        inside = group in GROUPS and isinstance(value, Mapping)
        if group in GROUPS and group not in FLAGS and not inside:
            raise BadInput(f"{key} {where} is a part of the settings; write it as a table, [{group}]")
        for written, one in value.items() if inside else ((key, value),):
            name = name_of(_within(group, written, where) if inside else written, where)
            if inside and name in GROUPS and isinstance(one, Mapping):
                raise BadInput(f"{written} in [{key}] {where} must be a value, not a table")
            if name in values:
                raise BadInput(f"{name} stands twice {where}; leave one of the two out")
            values[name] = one
    return values


def _within(group: str, key: str, where: str) -> str:
    """The flat name of a key in the table of a part."""
    name = PLACES.get((group, key.replace("-", "_")))
    if name is None:
        like = get_close_matches(key, [known for part, known in PLACES if part == group], 1, 0.75)
        what = f"write {like[0]}" if like else f"see {program()} import --help for all settings"
        if (elsewhere := FLAGS.get(key.replace("-", "_"))) is not None:
            raise BadInput(
                f"{key} in [{group}] {where} belongs in [{elsewhere.group}], as {elsewhere.field}; move it there"
            )
        raise BadInput(f"unknown setting {key!r} in [{group}] {where}; leave it out, or {what}")
    return name


def from_environ(environ: Mapping[str, str]) -> dict[str, Any]:
    """The settings among environment variables, by field name; BadInput for one that is none."""
    found = {key.removeprefix(ENVIRONMENT): value for key, value in environ.items() if key.startswith(ENVIRONMENT)}
    values: dict[str, Any] = {}
    for key, value in found.items():
        name = _field(key.lower(), f"in the environment ({ENVIRONMENT}{key})")
        values[name] = value
    return values


def _field(key: str, where: str) -> str:
    """The setting's name for a key as written: dashes and the alias count too."""
    name = key.replace("-", "_")
    by_alias = {flag.alias: flag.name for flag in FLAGS.values() if flag.alias}
    name = by_alias.get(name, name)
    if name not in FLAGS:
        meant = near(name)
        what = f"write {meant}" if meant else f"see {program()} import --help for all settings"
        raise BadInput(f"unknown setting {key!r} {where}; leave it out, or {what}")
    return name


def _told(error: BadSetting, where: Mapping[str, str]) -> str:
    """The sentence, with the setting named where it was given: as a flag, a variable, or in a file."""
    return str(error) if error.setting is None else error.told_as(_named(error.setting, where))


def _named(name: str, where: Mapping[str, str]) -> str:
    """The setting as it was written where it was given."""
    label = where.get(name, "flag")
    return {"env": ENVIRONMENT + name.upper(), "flag": flag_of(name)}.get(label, f"{name} {label}")
