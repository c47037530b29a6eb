"""Settings from where people put them, flags over environment over TOML, read through the one config model."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from harness.config import ImportConfig
from harness.errors import BadInput, RecordError
from harness.flags import ENVIRONMENT, RESULTS_VARIABLE, RESUMED, flag_of
from harness.paths import program
from harness.unusable import BadSetting, near

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
        return ImportConfig(**values)
    except BadSetting as error:
        raise BadInput(_told(error, where)) from None


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
    return ImportConfig(**{name: value for name, value in settings.items() if value is not None})


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
        raise BadInput(f"--config {path} is not TOML ({error}); mend it there") from None
    return {_field(key, f"in {path}"): value for key, value in table.items()}


def from_environ(environ: Mapping[str, str]) -> dict[str, Any]:
    """The settings among environment variables, by field name; BadInput for one that is none."""
    found = {key.removeprefix(ENVIRONMENT): value for key, value in environ.items() if key.startswith(ENVIRONMENT)}
    values: dict[str, Any] = {}
    for key, value in found.items():
        name = _field(key.lower(), f"as {ENVIRONMENT}{key}")
        values[name] = value
    return values


def _field(key: str, where: str) -> str:
    """The field's name for a key as written: dashes and the alias count too."""
    name = key.replace("-", "_")
    by_alias = {field.alias: field_name for field_name, field in ImportConfig.model_fields.items() if field.alias}
    name = by_alias.get(name, name)
    if name not in ImportConfig.model_fields:
        meant = near(name)
        what = f"write {meant}" if meant else f"see {program()} import --help for those there are"
        raise BadInput(f"{key!r} {where} is no setting; leave it out, or {what}")
    return name


def _told(error: BadSetting, where: Mapping[str, str]) -> str:
    """The sentence, with the setting named where it was given: as a flag, a variable, or in a file."""
    if error.setting is None:
        return str(error)
    label = where.get(error.setting, "flag")
    names = {"env": ENVIRONMENT + error.setting.upper(), "flag": flag_of(error.setting)}
    return error.told_as(names.get(label, f"{error.setting} {label}"))
