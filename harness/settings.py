"""Settings from where people put them, flags over environment over TOML, read through the one config model."""

from __future__ import annotations

import json
import os
import re
import tomllib
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from harness.config import ImportConfig
from harness.errors import BadInput, RecordError
from harness.flags import DURATIONS, ENVIRONMENT, FLAGS, GROUPS, PLACES, RESULTS_VARIABLE, RESUMED, flag_of
from harness.paths import as_path, program, quoted, results_folder, results_url
from harness.record.clock import next_local
from harness.spec.flat import left_of
from harness.spec.source import BasicAuth, BearerAuth, HeaderAuth, OAuth2, QueryAuth
from harness.spec.written import DECLARING, is_declared, read_source
from harness.units import refuse_bare
from harness.unusable import BadSetting, near
from harness.values import is_preset_file, is_scenario_file, no_time_of_day, variables_in

# Flat settings that a declared source may hold, in its own tables.
OF_THE_SOURCE = tuple(name for name, flag in FLAGS.items() if flag.group == "source" and name != "preset")
# Keys that only presets have: who gives one with --config took the wrong flag.
OF_PRESETS = ("about", "docs", "warn", "most_per_page", "variant")
# RFC 9110 5.6.2; what is not ASCII has no one meaning on the wire.
_TOKEN = re.compile(r"[!-~]+( +[!-~]+)*")
# No key is words of capitals, joined by underscores.
_SURELY_A_NAME = re.compile(r"[A-Z]{2,}(_[A-Z]{2,})+")
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


def _no_judge(_: ImportConfig) -> None:
    """Judge nothing."""


def read_settings(
    flags: Mapping[str, Any],
    toml: Path | None,
    environ: Mapping[str, str],
    judge: Callable[[ImportConfig], None] = _no_judge,
) -> ImportConfig:
    """The config that `flags` (by field name, only those given), `environ` and `toml` make.

    judge: may refuse the settings by an error, before what they name outside themselves is looked up. Raises BadInput,
    in one sentence that names the setting where it was given and says what to change.
    """
    in_file, spelled = _from_toml(toml)
    values: dict[str, Any] = {}
    where: dict[str, str] = {name: f"={place}" for name, place in spelled.items()}
    for given, label in ((in_file, f"in {toml}"), (from_environ(environ), "env"), (flags, "flag")):
        values = left_of(values, given)
        for name, value in given.items():
            values[name] = value
            where[name] = f"={spelled[name]}" if label.startswith("in ") and name in spelled else label
    if "declaration" in values and values.get("preset") is not None:
        raise BadInput(f"{_named('preset', where)} and [[resource]] in {toml} both declare a source; leave one out")
    try:
        config = ImportConfig(**values)
    except BadSetting as error:
        raise BadInput(_told(error, where)) from None
    judge(config)
    resolve(config, where=where)
    return config


@dataclass(frozen=True, slots=True)
class Resolved:
    """What of the settings is kept outside them, secrets and all: for the client alone.

    headers: sent with each request, with the first of several keys. variables: what `{env:NAME}` stands for, in the
    URL, a parameter, the body or a header. secrets: what the variables of the source's auth hold, by their names.
    """

    headers: dict[str, str] = field(repr=False)
    variables: dict[str, str] = field(repr=False)
    secrets: dict[str, str] = field(repr=False)


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
    named = source.declared()
    variables: dict[str, str] = {}
    for setting, text in _texts_with_variables(config):
        for name in variables_in(text):
            variables[name] = value_of(name, _named(setting, where or {}), environ)
    pairs = (header.get_secret_value().split(":", 1) for header in source.headers)
    headers = {**({} if named is None else named.headers), **{name.strip(): value.strip() for name, value in pairs}}
    headers = {name: _filled(value, variables) for name, value in headers.items()}
    secrets = _secrets(config, environ, where or {})
    auth = None if named is None else named.auth
    if auth is None and source.token_env:  # for a test API of our own
        auth = BearerAuth(token_env=source.token_env)
    if auth is not None and not isinstance(auth, OAuth2):
        headers |= header_of(auth, secrets[auth.token_env[0]])
    return Resolved(headers, variables, secrets)


def header_of(auth: BearerAuth | BasicAuth | HeaderAuth | QueryAuth, key: str) -> dict[str, str]:
    """Return the header in which an auth sends a key; none for a key in the query."""
    if isinstance(auth, QueryAuth):
        return {}
    if isinstance(auth, BearerAuth):
        return {"Authorization": f"Bearer {key}"}
    if isinstance(auth, HeaderAuth):
        return {auth.name: auth.prefix + key}
    pair = f"{auth.user}:{key}" if auth.user is not None else key if ":" in key else f"{key}:"
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def _texts_with_variables(config: ImportConfig) -> Iterator[tuple[str, str]]:
    """Yield the texts in which `{env:NAME}` may stand, each with the setting that has it."""
    source = config.source.declared()
    yield "url", config.source.url or ""
    yield from (("header", header.get_secret_value()) for header in config.source.headers)
    if source is None:
        return
    yield from (("header", value) for value in source.headers.values())
    yield from (("param", value) for value in source.list_params.values())
    yield "body", json.dumps(source.resource.body)
    yield "item", "" if source.resource.item is None else source.resource.item.url


def _filled(text: str, variables: Mapping[str, str]) -> str:
    for name, value in variables.items():
        text = text.replace(f"{{env:{name}}}", value)
    return text


def _secret_names(config: ImportConfig) -> list[tuple[str, str]]:
    """List the variables of the source's auth, each after the setting that names it."""
    source = config.source.declared()
    auth = None if source is None else source.auth
    if isinstance(auth, OAuth2):
        return [("client_id_env", auth.client_id_env), ("client_secret_env", auth.client_secret_env)]
    return [("token_env", name) for name in (config.source.token_env if auth is None else auth.token_env)]


def _secrets(config: ImportConfig, environ: Mapping[str, str], where: Mapping[str, str]) -> dict[str, str]:
    return {
        name: (_token if setting == "token_env" else value_of)(name, _named(setting, where), environ)
        for setting, name in _secret_names(config)
    }


def variables_of(config: ImportConfig) -> set[str]:
    """Return the names of the environment variables that `resolve` looks up."""
    in_texts = {name for _, text in _texts_with_variables(config) for name in variables_in(text)}
    return in_texts | {name for _, name in _secret_names(config)}


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


def value_of(name: str, setting: str, environ: Mapping[str, str]) -> str:
    value = environ.get(name, "").strip()
    if not value:
        raise BadInput(f"{setting} names the variable {name}, which is not set; export it first")
    if not _TOKEN.fullmatch(value):
        raise BadInput(f"{setting} names the variable {name}, which is not a single line of ASCII; fix it")
    return value


def _token(variable: str, setting: str, environ: Mapping[str, str]) -> str:
    """Return the token. Only what is surely a name is repeated: who mistakes the flag gives the token itself."""
    token = environ.get(variable, "").strip()
    if not token and _SURELY_A_NAME.fullmatch(variable):
        raise BadInput(f"{setting} names the variable {variable}, which is not set; export it first")
    if not token:
        raise BadInput(f"{setting} names a variable that is not set; export it first")
    if not _TOKEN.fullmatch(token):
        raise BadInput(f"{setting} names a variable that holds no token; set it to one line of ASCII")
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
    """The flags that were typed; BadInput for a duration without a unit."""
    typed = {name: value for name, value in flags.items() if value is not None and value != ()}
    for name in typed.keys() & DURATIONS:
        refuse_bare(flag_of(name), typed[name])
    return typed


def checked(settings: Mapping[str, Any], judge: Callable[[ImportConfig], None] = _no_judge) -> ImportConfig:
    """The config of a notebook's settings, text or not; BadInput in one sentence for the first that cannot be used.

    `source` may name a TOML file of settings, as --config does; the others win over what it holds. judge: as in
    `read_settings`.
    """
    values = {name: value for name, value in settings.items() if value is not None}
    for name in values.keys() & DURATIONS:
        if isinstance(values[name], str):  # a number is seconds, as everywhere in Python
            refuse_bare(flag_of(name), values[name])
    if isinstance(preset := values.get("preset"), str) and is_preset_file(preset):
        values["preset"] = str(notebook_file(preset))
    if isinstance(file := values.get("source"), (str, Path)):
        del values["source"]
        if str(file):
            try:
                return read_settings(values, notebook_file(file), {}, judge)
            except BadInput as error:
                raise BadInput(str(error).replace("--config ", "the settings file ", 1)) from None
    config = ImportConfig(**values)
    judge(config)
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
    if results_url(results_folder(folder or told)) is not None:
        raise BadInput(f"the runs of a notebook are kept in a folder, not in {folder or told}; name a folder")
    return (home / (folder or told)).absolute()


def notebook_file(file: str | Path) -> Path:
    """The file that a notebook's setting names: a relative one is in the kernel's folder, else beside that of the
    notebooks.
    """
    here = Path.cwd()
    beside = here.parent / file
    return beside if here.name == "notebooks" and not Path(file).exists() and beside.exists() else Path(file)


def _from_toml(path: Path | None) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the settings of a TOML file, and of those that do not stand there by their own names how they do."""
    if path is None:
        return {}, {}
    try:
        with open(path, "rb") as file:
            table = tomllib.load(file)
    except OSError as error:
        raise BadInput(f"--config {path} cannot be read ({error.strerror}); name a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"--config {path} is not TOML ({error}); fix it there") from None
    where = f"in {path}"
    if not is_declared(table):
        return flattened(table, where, _field), {}
    written = read_source(table, where, OF_THE_SOURCE)
    rest = {key: value for key, value in table.items() if key not in DECLARING}
    values = flattened(rest, where, _field)
    if twice := next((name for name in values if name in OF_THE_SOURCE), None):
        raise BadInput(f"{twice} {where} belongs into [source] or [[resource]]; move it there")
    return {**values, **written.flat, "declaration": written.source}, written.where


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
        if name in DURATIONS:
            refuse_bare(ENVIRONMENT + key, value)
        values[name] = value
    return values


def preset_path(file: str) -> str:
    """Return a file's path as --preset tells it from a name."""
    return file if "/" in file else f"./{file}"


def _field(key: str, where: str) -> str:
    """The setting's name for a key as written: dashes and the alias count too."""
    name = key.replace("-", "_")
    by_alias = {flag.alias: flag.name for flag in FLAGS.values() if flag.alias}
    name = by_alias.get(name, name)
    if name in OF_PRESETS and where.startswith("in "):
        file = where.removeprefix("in ")
        raise BadInput(f"{key!r} {where} is a key of a preset; give that file with --preset {preset_path(file)}")
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
    if label.startswith("="):
        return label[1:]
    return {"env": ENVIRONMENT + name.upper(), "flag": flag_of(name)}.get(label, f"{name} {label}")
