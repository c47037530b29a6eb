"""What the visitors of a page may ask for: the one place where a served page says no.

In JupyterLab whoever sees the board can run code, so nothing is kept from them: `EVERYTHING`. A served page has
visitors. What they type reaches this process, which has the operator's disk and network, so that only what the operator
named on the command line is let through: hosts to import from, environment variables to send, and files of settings. A
test API of our own can always be imported. `WATCH` lets nothing through.

Three doors ask. `checked` turns what a form says into settings: files are refused before they are opened, since an
error would quote them, and variables before they are looked up. `refusal_of` judges settings that are there already,
and `refusal_of_run` those of a run that somebody wants to go on with.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness.config import ImportConfig
from harness.errors import BadInput
from harness.flags import FLAGS
from harness.record.run import Run
from harness.settings import checked, notebook_file, variables_of, written_config
from harness.spec.source import OAuth2, Resource
from harness.spec.templates import on_list
from harness.values import is_preset_file, is_scenario_file

ONLY_SHOWS = "this page only shows runs; to start or steer one, use a terminal or the dashboard"
_ASK = "ask whoever serves it to add"


@dataclass(frozen=True, slots=True)
class Policy:
    """What may be asked for. controls: whether anything may be started or steered at all.

    hosts: to import from, as `api.example.com` or with a port; variables: environment variables by name; files: of
    settings, absolute. None: any.
    """

    controls: bool = True
    hosts: tuple[str, ...] | None = None
    variables: tuple[str, ...] | None = None
    files: tuple[str, ...] | None = None

    def checked(self, settings: Mapping[str, Any]) -> ImportConfig:
        """Return the settings that a form says; BadInput, in one sentence, for what is wrong or not allowed."""
        self._raise(self._refusal_of_control() or self._refusal_of_files(_files_in(settings)))
        return checked(settings, lambda config: self._raise(self.refusal_of(config)))

    def refusal_of(self, config: ImportConfig) -> str | None:
        """Return in one sentence why this import may not begin or go on from here; None where it may."""
        return (
            self._refusal_of_control()
            or self._refusal_of_files(_files_of(config))
            or self._refusal_of_hosts(config)
            or self._refusal_of_variables(config)
        )

    def refusal_of_run(self, run: Run) -> str | None:
        """Return why nobody may go on with `run` from here; None where they may. RecordError for damaged settings."""
        if (refused := self._refusal_of_control()) is not None:
            return refused
        named = {name: value for name, value in run.config.items() if value is not None and name in _ASKED_OF_A_RUN}
        return self.refusal_of(written_config(run.folder / "run.json", named))

    def _refusal_of_control(self) -> str | None:
        return None if self.controls else ONLY_SHOWS

    def _refusal_of_files(self, files: list[str]) -> str | None:
        for file in files:
            if self.files is not None and _is_file(file) and str(notebook_file(file).resolve()) not in self.files:
                name = Path(file).name  # and not where it would be, which is the operator's
                return f"this page may not read the file {name!r}; {_ASK} --allow-file {name}"
        return None

    def _refusal_of_hosts(self, config: ImportConfig) -> str | None:
        for host, port in _addresses(config) if self.hosts is not None else ():
            if not {host, f"{host}:{port}", f"[{host}]", f"[{host}]:{port}"} & set(self.hosts or ()):
                return f"this page may not ask {host or 'that address'}; {_ASK} --allow-host {host or 'HOST'}"
        return None

    def _refusal_of_variables(self, config: ImportConfig) -> str | None:
        if self.variables is None:
            return None
        # Without the name: who mistakes the field types the token itself.
        if any(name not in self.variables for name in variables_of(config)):
            return f"this page may not use that environment variable; {_ASK} --allow-env with its name"
        return None

    def _raise(self, refused: str | None) -> None:
        if refused is not None:
            raise BadInput(refused)

    def as_json(self) -> str:
        """Return it as text, for the kernel of a page."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Policy:
        """Return what `as_json` wrote."""
        given: dict[str, Any] = json.loads(text)
        named = {name: None if given[name] is None else tuple(given[name]) for name in ("hosts", "variables", "files")}
        return cls(given["controls"], **named)


EVERYTHING = Policy()
WATCH = Policy(controls=False, hosts=(), variables=(), files=())


# What says where an import asks and in whose name; how fast it does does not matter here.
_ASKED_OF_A_RUN = {name for name, flag in FLAGS.items() if flag.group in ("source", "test_api")} | {"declaration"}


def _is_file(name: str) -> bool:
    return bool(name) and (is_preset_file(name) or is_scenario_file(name))


def _files_in(settings: Mapping[str, Any]) -> list[str]:
    """Return the files that a form names, before any is opened; each as one that is surely taken for a file."""
    named = [str(settings[key]) for key in ("preset", "scenario") if settings.get(key)]
    source = settings.get("source")
    return named + ([str(Path(source).absolute())] if isinstance(source, (str, Path)) and str(source) else [])


def _files_of(config: ImportConfig) -> list[str]:
    """List the files that settings name; that of a preset is not read where a run has kept what it said."""
    preset = config.source.preset if config.source.declaration is None else None
    return [file for file in (preset, config.test_api.scenario) if file]


def _addresses(config: ImportConfig) -> Iterator[tuple[str, int]]:
    """Yield host and port of everything that an import with these settings may ask."""
    declared = config.source.declared()
    urls = [config.source.url, config.source.token_url]
    allowed = list(config.source.allow_host)
    if declared is not None:
        urls.append(declared.resource.url)
        urls.append(declared.auth.token_url if isinstance(declared.auth, OAuth2) else None)
        urls.append(_item_url(declared.resource))
        allowed += declared.allow_host
    for url in (*urls, *(f"https://{host}" for host in allowed)):
        if url is not None:
            yield _address(url)


def _item_url(resource: Resource) -> str | None:
    """Return where items are as it will be asked for, whole; "" of one that cannot be: no host, which nobody allows.

    References such as `//host/{id}` and `{list}.host/{id}` lead elsewhere, though neither looks like a URL. What the
    record itself holds (`{url}`) is held to the list's host when it is read.
    """
    item = resource.item
    if item is None or (item.url.startswith("{") and not item.url.startswith("{list}")):
        return None
    try:
        return on_list(item.url, resource.url)
    except ValueError:
        return ""


def _address(url: str) -> tuple[str, int]:
    """Return host and port; an address that cannot be read is of no host, which nobody allows."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)
    except ValueError:
        return "", 0
