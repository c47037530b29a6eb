"""Presets: what is known of an API beforehand, as TOML files with the address and the date of each fact.

A preset holds the flat settings of a source, as a person would type them, and besides

    about     one line: the API, and which of its lists
    url       where such a list is, with the names that are yours in capitals: https://api.github.com/repos/OWNER/REPO/issues
    most_per_page  the largest page that the documentation allows
    limits    documented limits by plan, in the grammar of --limit; `default` is the one of whoever says no --plan,
              `anonymous` of whoever, besides, gives no key
    variant   tables of settings that lists at some URLs have instead: those whose URL holds the variant's `at`
    docs      for each fact, the address of its page and the day on which it was read
    warn      what headers or other pages of the documentation say otherwise

`harness.config` reads the settings, as it does those of any other source: a file with a mistake is refused in the same
words. A preset says what the client believes; what the test API of the same name does is written elsewhere.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from harness.errors import BadInput
from harness.paths import program, quoted
from harness.spec.flat import over
from harness.spec.source import Source
from harness.spec.written import is_declared
from harness.unusable import BadSetting
from harness.values import as_tiers, is_preset_file

_DATE = re.compile(r"\b20[0-9]{2}-[0-9]{2}(-[0-9]{2})?\b")
_KEYLESS = "anonymous"
_OWN = ("about", "url", "limits", "docs", "warn", "most_per_page", "name", "variant")


@dataclass(frozen=True, slots=True)
class Preset:
    """A preset as its file has it. settings: flat ones, not yet read. text: the file. docs: (fact, where and when).

    where: what its place is called, such as `in ./mine.toml`.
    """

    name: str
    about: str
    where: str
    text: str = field(repr=False)
    settings: Mapping[str, Any]
    url: str | None = None
    limits: Mapping[str, str] = field(default_factory=dict)
    docs: tuple[tuple[str, str], ...] = ()
    warn: tuple[str, ...] = ()
    most_per_page: int | None = None
    variants: tuple[tuple[str, Mapping[str, Any]], ...] = ()

    def at(self, url: str) -> Preset:
        """Return the preset of the list at `url`: with the first variant's settings that is made for it."""
        for at, settings in self.variants:
            if at in url:
                return replace(self, settings=over(self.settings, settings))
        return self

    def limits_of(self, plan: str | None, *, keyless: bool = False) -> tuple[str, ...]:
        """Return the documented limits of a plan, () where none are; BadSetting for a plan that is not there.

        keyless: no key goes with the requests.
        """
        if plan is None and keyless and _KEYLESS in self.limits:
            return (self.limits[_KEYLESS],)
        if plan is None:
            return (self.limits["default"],) if "default" in self.limits else ()
        if plan not in self.limits:
            known = ", ".join(self.limits) or "none"
            raise BadSetting("plan", f" {quoted(plan)} is not known of {self.name}; use one of: {known}")
        return (self.limits[plan],)

    def on(self, source: Source, plan: str | None, *, keyless: bool = False) -> Source:
        """Return `source`, which was read with this preset, with what else is known; see `limits_of`."""
        resource = source.resource.model_copy(update={"most_per_page": self.most_per_page})
        limits = self.limits_of(plan, keyless=keyless)
        return source.model_copy(update={"name": self.name, "resource": resource, "limits": limits})


def names() -> list[str]:
    """Return the names of the presets that come along."""
    folder = resources.files("harness.spec") / "presets"
    if not folder.is_dir():
        return []
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def load(preset: str) -> Preset:
    """Return the preset of that name, or in that file; BadInput, which names it, where it cannot be used."""
    if not is_preset_file(preset):
        return _of_package(preset)
    try:
        text = Path(preset).read_text(encoding="utf-8")
    except OSError as error:
        raise BadSetting("preset", f" {preset} cannot be read ({error.strerror}); name a TOML file") from None
    except UnicodeDecodeError:
        raise BadSetting("preset", f" {preset} is not a text in UTF-8; fix it there") from None
    return _read(Path(preset).stem, text, f"in {preset}")


def _of_package(name: str) -> Preset:
    known = names()
    if name not in known:
        like = get_close_matches(name, known, 1, 0.6)
        ask = f"did you mean {like[0]}?" if like else f"see: {program()} presets"
        raise BadSetting("preset", f" {quoted(name)} is not known; {ask}")
    text = (resources.files("harness.spec") / "presets" / f"{name}.toml").read_text(encoding="utf-8")
    preset = _read(name, text, f"in the preset {name}")
    # Those that come along ask for the largest page that is documented.
    return preset if preset.most_per_page else replace(preset, most_per_page=preset.settings.get("per_page"))


@lru_cache(maxsize=64)
def _read(name: str, text: str, where: str) -> Preset:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"--preset: the text {where} is not TOML ({error}); fix it there") from None
    if is_declared(table):
        raise BadInput(f"[[resource]] {where} declares a source, not a preset; give that file with --config FILE")
    inner = table.pop("source", {})
    if not isinstance(inner, dict) or (both := set(inner) & set(table)):
        raise BadInput(f"{min(both) if isinstance(inner, dict) else 'source'} stands twice {where}; leave one out")
    table |= inner
    settings = {key.replace("-", "_"): value for key, value in table.items() if key not in _OWN}
    return Preset(
        name,
        _text(table, "about", where) or "",
        where,
        text,
        settings,
        _text(table, "url", where),
        _limits(table.get("limits", {}), where),
        tuple(_docs(table.get("docs", {}), where)),
        tuple(_lines(table.get("warn", ()), where)),
        _most(table.get("most_per_page"), where),
        tuple(_variants(table.get("variant", []), where)),
    )


def _variants(value: Any, where: str) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for one in value if isinstance(value, list) else [value]:
        if not isinstance(one, dict) or not isinstance(one.get("at"), str) or not one["at"]:
            raise BadInput(f'variant {where} does not say at which URLs; write [[variant]] and below it at = "/v2/"')
        found.append((one["at"], {key.replace("-", "_"): inner for key, inner in one.items() if key != "at"}))
    return found


def _text(table: Mapping[str, Any], key: str, where: str) -> str | None:
    value = table.get(key)
    if value is not None and not isinstance(value, str):
        raise BadInput(f"{key} {where} must be text, not {quoted(value)}")
    return value


def _most(value: Any, where: str) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise BadInput(f"most_per_page {where} must be a whole number from 1, not {quoted(value)}")
    return value


def _limits(value: Any, where: str) -> dict[str, str]:
    """Return the limits by plan; a text alone is the default."""
    table = {"default": value} if isinstance(value, (str, list)) else value
    if not isinstance(table, Mapping):
        raise BadInput(f'limits {where} is not a table; write [limits] and below it default = "100/m"')
    limits = {}
    for plan, given in table.items():
        text = "+".join(given) if isinstance(given, list) and all(isinstance(one, str) for one in given) else given
        if not isinstance(text, str):
            raise BadInput(f'limits.{plan} {where} must be text such as "100/m", not {quoted(given)}')
        try:
            as_tiers(text)
        except ValueError as error:
            raise BadInput(f"limits.{plan} {where}: {error}") from None
        limits[plan] = text
    return limits


def _docs(value: Any, where: str) -> list[tuple[str, str]]:
    table = {"all": value} if isinstance(value, (str, list)) else value
    if not isinstance(table, Mapping):
        raise BadInput(f'docs {where} is not a table; write [docs] and below it limits = "https://… 2026-11-30"')
    found = []
    for fact, told in table.items():
        lines = told.values() if isinstance(told, Mapping) else told if isinstance(told, list) else [told]
        text = " ".join(map(str, lines))
        if "://" not in text or not _DATE.search(text):
            ask = 'write both, such as "https://docs.example.com/limits 2026-11-30"'
            raise BadInput(f"docs.{fact} {where} lacks the address of its page or the day it was read; {ask}")
        found.append((str(fact), text))
    return found


def _lines(value: Any, where: str) -> list[str]:
    lines = [value] if isinstance(value, str) else list(value) if isinstance(value, (list, tuple)) else [value]
    if not all(isinstance(line, str) for line in lines):
        raise BadInput(f"warn {where} must be text, or several texts")
    return lines
