"""The one definition of every setting of an import.

`ImportConfig` has five parts, by what a person would look for: the source, the pacing, what counts as a failure, the
run, and the test API that stands in where there is no source. Each part is a frozen model.

People write settings by flat names: `--retry-delays`, `HARNESS_IMPORT_RETRY_DELAYS`, `retry_delays = "30,60"` in TOML,
`ImportConfig(retry_delays="30,60")`. The table in `harness.flags` says in which part each name is kept. Only this
module translates between the two; other code reads `config.retry.delays`.

Validation is pure: it looks at the values alone. What depends on this machine (a token in the environment, a file that
must exist) is looked up by `harness.settings.resolve`, before the first request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from inspect import Parameter, Signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PrivateAttr,
    SecretStr,
    ValidationError,
    model_validator,
)

from harness.errors import BadInput
from harness.flags import FLAGS, GROUPS, PLACES, described, flag_of
from harness.pacing import Pacer, Tiers, format_tiers, parse_tiers
from harness.pacing.limiters import paced_as
from harness.pacing.refusals import RefusedWhen
from harness.pacing.sharing import scaled
from harness.pacing.strategies import Strategy
from harness.pacing.tiers import held_to
from harness.spec.checks import KINDS, check, may_be_stored, place_of
from harness.spec.flat import compiled, over
from harness.spec.presets import Preset, load
from harness.spec.source import Source
from harness.unusable import BadSetting, first_of
from harness.values import (
    as_body,
    as_costs,
    as_delays,
    as_fail_when,
    as_folder,
    as_headers,
    as_hosts,
    as_latency,
    as_number,
    as_params,
    as_preset,
    as_refused_when,
    as_run_name,
    as_seconds,
    as_share,
    as_size,
    as_statuses,
    as_texts,
    as_tiers,
    as_time_of_day,
    as_variable,
    as_variables,
    is_loopback,
    is_preset_file,
    variables_in,
)

Count = Annotated[int, BeforeValidator(as_number)]
Seconds = Annotated[float, BeforeValidator(as_seconds)]
Share = Annotated[float, BeforeValidator(as_share)]
LimitsSetting = Annotated[
    Tiers, BeforeValidator(as_tiers), PlainSerializer(lambda tiers: None if tiers is None else format_tiers(tiers))
]
RefusalsSetting = Annotated[
    tuple[RefusedWhen, ...],
    BeforeValidator(as_refused_when),
    PlainSerializer(lambda rules: [str(rule) for rule in rules]),
]
FailuresSetting = Annotated[
    tuple[RefusedWhen, ...],
    BeforeValidator(as_fail_when),
    PlainSerializer(lambda rules: [str(rule) for rule in rules]),
]
# One name is written as text, as older runs have it.
VariablesSetting = Annotated[
    tuple[str, ...],
    BeforeValidator(as_variables),
    PlainSerializer(lambda names: [*names] if len(names) > 1 else names[0] if names else None),
]
Variable = Annotated[str, AfterValidator(as_variable)]
_AUTH = re.compile(r"bearer|basic(:.+)?|header:.+|query:.+|oauth2")
# RFC 9110 5.5; what is not ASCII has no one meaning on the wire.
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~]*")


def _setting(name: str, **constraints: Any) -> Any:
    """The field of the setting `name`: its default and description come from the table of flags.

    A field that is called otherwise within its part can be written by its flat name there, too.
    """
    flag = FLAGS[name]
    alias = flag.alias or (name if flag.field != name else None)
    return Field(flag.default, alias=alias, description=flag.said_in_python or flag.help, **constraints)


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        arbitrary_types_allowed=True,
        populate_by_name=True,
        hide_input_in_errors=True,  # it may hold a header
    )
    group: ClassVar[str] = ""  # in the table of flags

    if not TYPE_CHECKING:  # where the fields are the signature

        def __init__(self, **settings: Any) -> None:
            """Check the settings; BadInput, in one sentence, for the first that cannot be used or is none."""
            try:
                super().__init__(**settings)
            except ValidationError as error:
                raise first_of(error, self.group) from None  # it holds what was given, and so perhaps a secret


def _as_auth(value: str) -> str:
    if not _AUTH.fullmatch(value):
        raise ValueError(f"write how the key is sent: {KINDS}")  # without the value, which may be the key itself
    return value


class SourceSpec(_Part):
    """What is imported: where its list is, how it is read, and what its answers mean.

    `declared` is what all of it comes to. declaration: a source as a TOML file or Python declares it, or as a run was
    started with; the other settings win over it, and over those of a preset.
    """

    group: ClassVar[str] = "source"
    preset: Annotated[str, AfterValidator(as_preset)] | None = _setting("preset")
    plan: str | None = _setting("plan")
    url: str | None = _setting("url")
    method: Literal["GET", "POST"] | None = _setting("method")
    body: Annotated[dict[str, Any], BeforeValidator(as_body)] | None = _setting("body")
    param: Annotated[dict[str, str], BeforeValidator(as_params)] = _setting("param")
    headers: Annotated[tuple[SecretStr, ...], BeforeValidator(as_headers)] = _setting("header")
    max_body: Annotated[int, BeforeValidator(as_size), BeforeValidator(as_number)] = _setting(
        "max_body", ge=1000, le=10**11
    )
    same_host: bool | None = _setting("same_host")
    allow_host: Annotated[tuple[str, ...], BeforeValidator(as_hosts)] = _setting("allow_host", max_length=20)
    # How the list is read.
    records: str | None = _setting("records")
    id: Annotated[tuple[str, ...], BeforeValidator(as_texts("paths", "id"))] = _setting("id", max_length=10)
    per_page: Count | None = _setting("per_page", ge=1, le=10_000)
    size_param: str | None = _setting("size_param")
    paging: Literal["page", "offset", "cursor", "link", "keyset", "single"] | None = _setting("paging")
    page_param: str | None = _setting("page_param")
    first_page: Count | None = _setting("first_page", ge=0, le=1)
    offset_param: str | None = _setting("offset_param")
    next: str | None = _setting("next")
    cursor_param: str | None = _setting("cursor_param")
    last_id: str | None = _setting("last_id")
    more: str | None = _setting("more")
    total: str | None = _setting("total")
    pages: str | None = _setting("pages")
    absent_is_end: bool | None = _setting("absent_is_end")
    end: Annotated[tuple[int, ...], BeforeValidator(as_statuses)] = _setting("end", max_length=20)
    accept_list: bool = _setting("accept_list")
    split: str | None = _setting("split")
    sequential: bool = _setting("sequential")
    # Items.
    item: str | None = _setting("item")
    item_records: str | None = _setting("item_records")
    detail: bool | None = _setting("detail")
    refused_when: RefusalsSetting = _setting("refused_when", max_length=20)
    fail_when: FailuresSetting = _setting("fail_when", max_length=20)
    # Auth.
    token_env: VariablesSetting = _setting("token_env", max_length=20)
    auth: Annotated[str, AfterValidator(_as_auth)] | None = _setting("auth")
    token_url: str | None = _setting("token_url")
    client_id_env: Variable | None = _setting("client_id_env")
    client_secret_env: Variable | None = _setting("client_secret_env")
    scope: str | None = _setting("scope")
    declaration: Source | None = None

    _source: Source | None = PrivateAttr(None)
    _lenient: ClassVar[bool] = False

    @model_validator(mode="before")
    @classmethod
    def _at_its_url(cls, given: Any) -> Any:
        """A declaration says where its list is, as --url does, which wins."""
        declared = given.get("declaration") if isinstance(given, Mapping) else None
        if isinstance(declared, Source) and given.get("url") is None:
            return {**given, "url": declared.resource.url}
        return given

    @model_validator(mode="after")
    def _can_be_sent(self) -> Self:
        for header in self.headers:
            if not _HEADER.fullmatch(header.get_secret_value()):
                raise ValueError("--header is not 'Name: value' in ASCII; write it like 'Authorization: Bearer …'")
        names = [name.strip().lower() for name, _ in self._pairs()]
        if twice := next((name for at, name in enumerate(names) if name in names[:at]), None):
            raise BadSetting("header", f" {twice} is given twice; leave one of the two out")
        if self.plan is not None and self.preset is None:
            raise BadSetting("plan", " is a plan of a preset's API; add --preset, or give its limits with --limit")
        source = self._compiled(_NOWHERE if self.url is None else self.url)
        try:
            check(source)
        except BadSetting as error:
            if self.declaration is None or error.setting is None or error.setting in self.model_fields_set:
                raise
            raise error.named(f"{place_of(error.setting, source)} of the Source") from None
        self._check_headers(source)
        self._source = source if self.url is not None else None
        return self

    def _check_headers(self, source: Source) -> None:
        sets = None if source.auth is None else source.auth.header
        if sets is not None and sets.lower() in map(str.lower, self.header_names):
            flag = "--token-env" if self.token_env else "--auth"
            raise ValueError(f"{flag} and --header both set {sets}; leave out one of the two")

    # --- what is declared -----------------------------------------------------------------------------------------

    def declared(self, url: str | None = None) -> Source | None:
        """Return the source that all this declares; None where there is no URL, neither here nor as `url`.

        url: of the list, where none is given: the test API that stands in for a preset's.
        """
        return self._source if self.url is not None or url is None else self._compiled(url)

    @property
    def is_declared(self) -> bool:
        """Whether anything is said of how the list is read, beside where it is."""
        named = (name for name in SHAPE if getattr(self, FLAGS[name].field))
        return self.preset is not None or self.declaration is not None or any(named)

    def _compiled(self, url: str) -> Source:
        given = {**self._given(), "url": url}
        if self.declaration is not None:
            return compiled(given, self.declaration)
        if self.preset is None:
            return compiled(given, lenient=self._lenient)
        preset = load(self.preset).at(url)
        return preset.on(compiled(over(settings_of(preset), given), lenient=True), self.plan)

    def _given(self) -> dict[str, Any]:
        """Return what is given of the source, by flat name; headers as far as they may be written down."""
        given = {name: value for name in SHAPE if (value := getattr(self, FLAGS[name].field)) not in (None, (), {})}
        given |= {} if self.body is None else {"body": self.body}
        if self.url is not None:
            given["url"] = self.url
        pairs = [header.get_secret_value().partition(":") for header in self.headers]
        # Those of a preset are written down already; what looks like a secret there is refused.
        kept = [
            (name.strip(), value.strip()) for name, _, value in pairs if self._lenient or may_be_stored(name, value)
        ]
        headers = dict(kept)
        return {**given, "headers": headers} if headers else given

    @property
    def limits(self) -> tuple[str, ...]:
        """The documented limits of this API, in the grammar of --limit; () where none are known."""
        if self.declaration is not None:
            return self.declaration.limits
        return () if self.preset is None else load(self.preset).limits_of(self.plan)

    @property
    def page_size(self) -> int:
        """How many records a page is asked for where nothing else decides it."""
        return self.per_page or 100

    @property
    def details(self) -> bool:
        """Whether each item is fetched by itself, as far as it is decided before the first answer."""
        return self.detail is not False

    @property
    def chooses(self) -> bool:
        """Whether the first answers decide if each item is fetched: nobody said so.

        To say where items lie is not to say that they hold more than the list.
        """
        declared = None if self._source is None else self._source.resource.detail
        return self.detail is None and declared is None

    @property
    def is_placed(self) -> bool:
        """Whether it is declared where items lie."""
        return self._source is not None and self._source.resource.item is not None

    @property
    def batch(self) -> int | None:
        """How many items one request asks for; None where each is asked for by itself."""
        item = None if self._source is None else self._source.resource.item
        return None if item is None else item.batch

    @property
    def header_names(self) -> list[str]:
        """Of the headers that are not written down only this may be."""
        return [name for name, value in self._pairs() if not may_be_stored(name, value)]

    @property
    def stored_headers(self) -> list[str]:
        """The headers that may be written down as they are: their secrets are names of variables."""
        return [f"{name}:{value}" for name, value in self._pairs() if may_be_stored(name, value)]

    def _pairs(self) -> list[tuple[str, str]]:
        parts = (header.get_secret_value().partition(":") for header in self.headers)
        return [(name, value) for name, _, value in parts]

    @property
    def learned_for(self) -> str | None:
        """Whose limits are learned: the host, and the names (never the values) of what we send to prove who we are.

        None for a test API of our own, which is another one each time.
        """
        keys = self.token_env
        source = self._source
        if not keys and source is not None and source.auth is not None:
            keys = source.auth.variables
        url = self.url if source is None else source.resource.url
        return sent_as(url, keys, tuple(name for name, _ in self._pairs()))


class _PresetSpec(SourceSpec):
    """The settings of a preset: it may say how a key is sent, and leave it to people to have one."""

    _lenient: ClassVar[bool] = True


def settings_of(preset: Preset) -> dict[str, Any]:
    """Return a preset's settings by flat name, of their own types; BadInput, which names the preset, for a bad one."""
    where, given = preset.where, dict(preset.settings)
    for key in given:
        if key not in SHAPE and key != "header":
            like = get_close_matches(key, SHAPE, 1, 0.6)
            ask = f"write {like[0]}" if like else "see docs/sources.md"
            raise BadInput(f"unknown setting {key!r} {where}; leave it out, or {ask}")
    try:
        settings = _PresetSpec(**given)._given()
        if preset.most_per_page is not None and settings.get("per_page", 0) > preset.most_per_page:
            raise BadSetting("per_page", f" is more than most_per_page, {preset.most_per_page}; lower it")
        return settings
    except BadSetting as error:
        raise BadInput(error.told_as(f"{error.setting} {where}")) from None


# Where a preset's settings are tried out that have no URL yet.
_NOWHERE = "https://api.example.com/list"
# What declares how the source is read, beside its URL and its headers.
SHAPE = (
    *("method", "body", "param", "same_host", "allow_host", "records", "id", "per_page", "size_param", "paging"),
    *("page_param", "first_page", "offset_param", "next", "cursor_param", "last_id", "more", "total", "pages"),
    *("absent_is_end", "end", "split", "item", "item_records", "detail", "refused_when", "fail_when"),
    *("token_env", "auth", "token_url", "client_id_env", "client_secret_env", "scope"),
)


class TestApiSpec(_Part):
    """The test API that is started and imported where the source has no URL."""

    group: ClassVar[str] = "test_api"
    __test__ = False  # pytest takes it for a class of tests

    items: Count | None = _setting("items", ge=0, le=100_000_000)
    server_limit: LimitsSetting | None = _setting("server_limit")
    scenario: str | None = _setting("scenario")
    latency: Annotated[float | str | None, BeforeValidator(as_latency)] = _setting("latency")
    speed: Annotated[float, BeforeValidator(as_number)] | None = _setting("speed", ge=1, le=100_000)


# What a cost can be said of: a page, an item, or several items in one request.
Costing = Literal["list", "item", "batch"]


class PacingSpec(_Part):
    """How fast: the limits to keep to, the strategy that keeps to them, and how the API may count."""

    group: ClassVar[str] = "pacing"
    limit: LimitsSetting | None = _setting("limit")
    workers: Annotated[Annotated[int, Field(ge=1, le=1000)] | Literal["auto"], BeforeValidator(as_number)] = _setting(
        "workers"
    )
    cost: Annotated[dict[Costing, Annotated[int, Field(ge=1, le=10**9)]], BeforeValidator(as_costs)] = _setting("cost")
    strategy: Strategy | Pacer | None = _setting("pacing")
    share: Share = _setting("share", gt=0, le=1)
    rtt_floor: Seconds = _setting("rtt_floor", ge=0, le=60)
    linger: Seconds | None = _setting("linger", ge=0, le=86400)
    max_pause: Seconds = _setting("max_pause", ge=1, le=366 * 86_400)
    forget_limits: bool = _setting("forget_limits")

    @property
    def declared(self) -> Tiers:
        """What people declared, as far as it is used: `auto` is told no more."""
        return scaled(self.limit or (), self.share)

    @property
    def list_cost(self) -> int:
        """What a page costs, in units of the limits."""
        return self.cost.get("list", 1)

    @property
    def item_cost(self) -> int:
        """What an item costs, in units of the limits."""
        return self.cost.get("item", 1)

    @property
    def batch_cost(self) -> int:
        """What several items in one request cost, in units of the limits."""
        return self.cost.get("batch", self.item_cost)

    @property
    def most_workers(self) -> int:
        """Never more requests in flight than this. `auto` tries no more than 200: few servers work on that many."""
        return 200 if self.workers == "auto" else self.workers

    @property
    def strategy_name(self) -> str | None:
        """As it is written down: an object of somebody's own is remembered by its name."""
        return self.strategy.name if isinstance(self.strategy, Pacer) else self.strategy


class RetrySpec(_Part):
    """What counts as a failed request, and what happens then."""

    group: ClassVar[str] = "retry"
    timeout: Seconds = _setting("timeout", gt=0, le=3600)
    delays: Annotated[tuple[Annotated[float, Field(ge=0, le=86400)], ...], BeforeValidator(as_delays)] = _setting(
        "retry_delays", max_length=20
    )
    breaker: Count = _setting("breaker", ge=0, le=10**6)


class RunSpec(_Part):
    """The run: when it ends early, how it is recorded and shown."""

    group: ClassVar[str] = "run"
    max_items: Count | None = _setting("max_items", ge=1)
    max_failures: Count | None = _setting("max_failures", ge=1)
    max_failure_rate: Share | None = _setting("max_failure_rate", ge=0, le=1)
    max_time: Seconds | None = _setting("max_time", gt=0, le=366 * 86_400)
    until: Annotated[str, AfterValidator(as_time_of_day)] | None = _setting("until")
    results: Annotated[Path, BeforeValidator(as_folder)] = _setting("results")
    timestamps: bool = _setting("timestamps")
    imported_at: bool = _setting("imported_at")
    name: Annotated[str, AfterValidator(as_run_name)] | None = _setting("run")
    fresh: bool = _setting("fresh")
    resume: bool = _setting("resume")
    seed: Count = _setting("seed", ge=0, le=2**31)
    dry_run: bool = _setting("dry_run")
    progress: Literal["bar", "plain", "none"] | None = _setting("progress")
    quiet: bool = _setting("quiet")
    as_json: bool = _setting("as_json")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.fresh and self.resume:
            raise ValueError("--fresh and --resume contradict each other; leave one out")
        if (self.fresh or self.resume) and self.name is None:
            raise ValueError("--fresh and --resume need the run's name; add --run NAME")
        if self.dry_run and (self.fresh or self.resume):
            raise ValueError("--dry-run only makes a plan; leave out --fresh or --resume")
        return self


class ImportConfig(_Part):
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
        parts = {name for name, value in changes.items() if name in GROUPS and isinstance(value, (_Part, Mapping))}
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
_PARTS: dict[str, type[_Part]] = {
    part.group: part for part in (SourceSpec, TestApiSpec, PacingSpec, RetrySpec, RunSpec)
}
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
    parts = {key: value for key, value in given.items() if key in GROUPS and isinstance(value, (_Part, Mapping))}
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
    if isinstance(part, _Part):
        return {name: value for name, value in part if name in part.model_fields_set}
    return dict(part)


def _group(name: str) -> str:
    return "source" if name == _DECLARATION else FLAGS[name].group


# What `help(ImportConfig)` shows, and what a notebook completes.
_KEYWORDS = [Parameter(name, Parameter.KEYWORD_ONLY, default=flag.default) for name, flag in FLAGS.items()]
_KEYWORDS += [Parameter(name, Parameter.KEYWORD_ONLY, default=None) for name in GROUPS if name not in FLAGS]
ImportConfig.__signature__ = Signature(_KEYWORDS)
ImportConfig.__doc__ = f"{ImportConfig.__doc__}\n\n{described()}"


def sent_as(url: str | None, token_env: tuple[str, ...], header_names: tuple[str, ...]) -> str | None:
    """Host and name of the key of an import with these settings; see `learned_for`."""
    if url is None:
        return None
    names = sorted(name.strip().lower() for name in header_names)
    key = "+".join(token_env or [*names, *variables_in(url)])
    return f"{urlsplit(url).netloc} {key}".strip()
