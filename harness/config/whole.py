"""The whole config: its parts, what must fit together between them, and the flat names by which people write settings.

Only this module translates between flat names and parts: `config["retry_delays"]` is `config.retry.delays`.
"""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from harness.config.fields import Part
from harness.config.parts import PacingSpec, RetrySpec, RunSpec, TestApiSpec
from harness.config.source import SourceSpec
from harness.flags import FLAGS, GROUPS, PLACES, described, flag_of
from harness.pacing import Tiers, parse_tiers
from harness.pacing.limiters import paced_as
from harness.pacing.tiers import held_to, scaled
from harness.spec.source import Source
from harness.values import as_tiers, is_loopback, is_preset_file


class ImportConfig(Part):
    """How to import, from where, and how it is recorded.

    Settings are given by their flat names, `ImportConfig(url=…, limit="100/m")`, as parts,
    `ImportConfig(source=SourceSpec(url=…))`, or both, as long as none is given twice.
    """

    source: SourceSpec = Field(default_factory=SourceSpec)
    test_api: TestApiSpec = Field(default_factory=TestApiSpec)
    pacing: PacingSpec = Field(default_factory=PacingSpec)
    retry: RetrySpec = Field(default_factory=RetrySpec)
    run: RunSpec = Field(default_factory=RunSpec)

    if TYPE_CHECKING:  # text is as good as a value, which no annotation of the parts says

        def __init__(self, **settings: Any) -> None: ...

    @model_validator(mode="before")
    @classmethod
    def _in_parts(cls, given: Any) -> Any:
        return _nested(given) if isinstance(given, Mapping) else given

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        self._take_from_source()
        if self.source.url is not None:
            for name, value in self.test_api:
                if value is not None and not (name == "speed" and is_loopback(self.source.url)):
                    ask = "belongs to the test API, which --url replaces; leave out one of the two"
                    raise ValueError(f"{flag_of(name)} {ask}")
        for name, cost in self.pacing.cost.items():
            for tier in held_to(self.limits, "item" if name == "batch" else name):
                most = tier.depth if tier.kind in ("bucket", "gcra") else paced_as(tier)[0]
                if cost > most and tier.kind != "concurrency":
                    raise ValueError(f"--cost {name}={cost} never fits the limit {tier}; lower it or raise the limit")
        if self.speed != 1 and self.run.until is not None:
            raise ValueError("--until is a time by the wall clock, which --speed leaves; use --max-time")
        strategy = self.pacing.strategy
        if strategy in ("window", "spaced", "reference") and not self.limits:
            raise ValueError(f"--pacing {strategy} needs to know the limits; add --limit, such as --limit 500/20s")
        return self

    @model_validator(mode="after")
    def _shards_fit(self) -> Self:
        if self.pacing.executor is not None and self.pacing.shards == 1:
            raise ValueError("--executor needs shards to hand out; add --shards, such as --shards 4")
        if self.pacing.executor is not None and self.source.url is None:
            raise ValueError("--executor needs an API that its workers reach; add --url, or leave it out")
        if self.run.max_requests is not None and self.pacing.shards > 1:
            raise ValueError("--max-requests is counted by one process; leave out --shards, or use --max-items")
        return self

    def _take_from_source(self) -> None:
        """Let documented limits stand for --limit, and a preset's test API for the API, where nothing else is said.

        They do not count as given: with another preset they are others.
        """
        if self.pacing.limit is None and self.source.limits:
            pacing = self.pacing.model_copy()
            pacing.__dict__["limit"] = as_tiers(list(self.source.limits))
            self.__dict__["pacing"] = pacing
        if self.source.url is None and self.source.preset is not None and self.test_api.scenario is None:
            if is_preset_file(self.source.preset):
                raise ValueError(
                    "--preset FILE needs the URL of a list; add --url, or --scenario to rehearse an import (a url in "
                    "the file is an example)"
                )
            test_api = self.test_api.model_copy()
            test_api.__dict__["scenario"] = self.source.preset
            self.__dict__["test_api"] = test_api

    @property
    def limits(self) -> Tiers:
        """What the client keeps to: declared, or told by the test API that it starts itself; () if unknown.

        A scenario is met as any API is: what it enforces is for the client to find out.
        """
        declared = self.pacing.limit
        return scaled(self.server_limits or () if declared is None else declared, self.pacing.share)

    @property
    def server_limits(self) -> Tiers | None:
        """What the test API of our own is told to enforce; None where that is up to its scenario, or there is none."""
        if self.test_api.server_limit is not None:
            return self.test_api.server_limit
        if self.source.url is not None or self.test_api.scenario is not None:
            return None
        return self.pacing.limit if self.pacing.limit is not None else parse_tiers("500/20s+2000/100s")

    @property
    def speed(self) -> float:
        """How many times as fast as the wall clock's the API's time passes."""
        return self.test_api.speed or 1.0

    @property
    def timeout_s(self) -> float:
        """How long a request may take, in the API's time: the wire is no faster than ever, whatever the speed."""
        return self.retry.timeout * self.speed

    @property
    def linger_s(self) -> float:
        """A server that has not answered within the timeout may take as long again before it counts."""
        return self.timeout_s if self.pacing.linger is None else self.pacing.linger

    @property
    def strategy(self) -> str:
        """The pacing strategy's name: as chosen, else by whether limits are known."""
        return self.pacing.strategy_name or ("window" if self.limits else "auto")

    # --- flat names -----------------------------------------------------------------------------------------------

    def __getitem__(self, name: str) -> Any:
        """The setting of that flat name: `config["retry_delays"]`. KeyError for one that is not there."""
        if name == _DECLARATION:
            return self.source.declaration
        flag = FLAGS[name]
        return getattr(getattr(self, flag.group), flag.field)

    def given(self) -> dict[str, Any]:
        """The settings that were given, not left to their defaults, by flat name in the order of the table."""
        named = {
            name: self[name] for name, flag in FLAGS.items() if flag.field in getattr(self, flag.group).model_fields_set
        }
        declared = self.source.declaration
        return named if declared is None else {**named, _DECLARATION: declared}

    def with_settings(self, **changes: Any) -> ImportConfig:
        """These settings with others, by flat name, or with a whole part in place of its own; checked as any are."""
        changes = {_OUTSIDE.get(name, name): value for name, value in changes.items()}
        if isinstance(changes.get("source"), Source):
            changes["source"] = {_DECLARATION: changes["source"]}
        parts = {name for name, value in changes.items() if name in GROUPS and isinstance(value, (Part, Mapping))}
        kept = {name: value for name, value in self.given().items() if _group(name) not in parts}
        return ImportConfig(**{**kept, **changes})

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> ImportConfig:
        """As `with_settings`: pydantic's own would take a flat name for a field, and leave the setting as it was."""
        return self.with_settings(**(update or {}))

    def as_written(self) -> dict[str, Any]:
        """The settings for run.json, by flat name: no secret, only that there is one, and no one-off like --fresh."""
        never = {"headers", "strategy", _DECLARATION}
        parts = {group: getattr(self, group).model_dump(mode="json", exclude=never) for group in GROUPS}
        parts["pacing"]["strategy"] = self.pacing.strategy_name
        written = {name: parts[flag.group][flag.field] for name, flag in FLAGS.items() if name not in _PASSING}
        if stored := self.source.stored_headers:
            written["header"] = stored
        source = self.source.declared()
        if source is not None and (self.source.preset is not None or self.source.declaration is not None):
            # A preset, or a file, may say something else when the run goes on.
            written[_DECLARATION] = source.as_written()
        return {**written, "header_names": self.source.header_names}


# The one setting that has no flag: a whole source, see `SourceSpec`.
_DECLARATION = "declaration"
# What run.json does not hold.
_PASSING = {
    *("forget_limits", "fresh", "resume", "dry_run", "progress", "quiet", "as_json"),
    *("header", "run", "results"),
}
_PARTS: dict[str, type[Part]] = {part.group: part for part in (SourceSpec, TestApiSpec, PacingSpec, RetrySpec, RunSpec)}
# Every setting's field in its part: its type, default and description.
SETTINGS = {name: _PARTS[flag.group].model_fields[flag.field] for name, flag in FLAGS.items()}
# The flat name of a setting by any name that it has outside its part.
_OUTSIDE = {key: name for name, flag in FLAGS.items() for key in (name, flag.alias) if key}


def _nested(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as given, flat and in parts, as parts alone; ValueError for one that is given twice.

    `pacing` and `run` are both a part and a flat name: which is meant, the value tells.
    """
    if isinstance(given.get("source"), Source):
        given = {**given, "source": {_DECLARATION: given["source"]}}
    parts = {key: value for key, value in given.items() if key in GROUPS and isinstance(value, (Part, Mapping))}
    flat = {key: value for key, value in given.items() if key not in parts}
    nested: dict[str, Any] = dict(parts)
    for group, part in parts.items():
        named = [PLACES.get((group, key), key) for key in part] if isinstance(part, Mapping) else []
        if twice := {name for name in named if named.count(name) > 1}:
            raise ValueError(f"{min(map(str, twice))} is given twice in {group}; leave one of the two out")
    for key, value in flat.items():
        if key == _DECLARATION:
            nested["source"] = {**_within(nested.get("source", {})), key: value}
            continue
        if key not in _OUTSIDE:
            if key in GROUPS:
                raise ValueError(f"{key} is a part of the settings; give it as a table of them")
            nested[key] = value  # left for the model to refuse
            continue
        flag = FLAGS[_OUTSIDE[key]]
        inside = _within(nested.get(flag.group, {}))
        if any(PLACES.get((flag.group, other)) == flag.name for other in inside):
            raise ValueError(f"{key} is given twice, also as {flag.group}.{flag.field}; leave one of the two out")
        nested[flag.group] = {**inside, flag.name: value}
    return nested


def _within(part: Any) -> dict[str, Any]:
    """What was given within a part."""
    if isinstance(part, Part):
        return {name: value for name, value in part if name in part.model_fields_set}
    return dict(part)


def _group(name: str) -> str:
    return "source" if name == _DECLARATION else FLAGS[name].group


# What `help(ImportConfig)` shows, and what a notebook completes.
_KEYWORDS = [Parameter(name, Parameter.KEYWORD_ONLY, default=flag.default) for name, flag in FLAGS.items()]
_KEYWORDS += [Parameter(name, Parameter.KEYWORD_ONLY, default=None) for name in GROUPS if name not in FLAGS]
ImportConfig.__signature__ = Signature(_KEYWORDS)
ImportConfig.__doc__ = f"{ImportConfig.__doc__}\n\n{described()}"
