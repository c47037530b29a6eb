"""The one definition of every setting of an import.

Flags, TOML files, the environment, notebooks and papermill parameters are all read through `ImportConfig`: what one
of them refuses, all refuse, in the same words.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import unquote_plus, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from harness.flags import FLAGS, described
from harness.pacing import Pacer, Tiers, format_tiers, parse_tiers
from harness.pacing.limiters import paced_as
from harness.pacing.refusals import RefusedWhen
from harness.pacing.sharing import scaled
from harness.pacing.strategies import Strategy
from harness.unusable import first_of
from harness.values import (
    as_costs,
    as_delays,
    as_folder,
    as_headers,
    as_hosts,
    as_latency,
    as_moment,
    as_refused_when,
    as_run_name,
    as_scenario,
    as_seconds,
    as_share,
    as_size,
    as_tiers,
    as_variable,
    proves_who,
    variables_in,
)

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
# RFC 9110 5.5 and 5.6.2; what is not ASCII has no one meaning on the wire.
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~]*")
_TOKEN = re.compile(r"[!-~]+( +[!-~]+)*")


def setting(name: str, **constraints: Any) -> Any:
    """The field of the flag `name`: its default and description come from the table of flags."""
    flag = FLAGS[name]
    return Field(flag.default, alias=flag.alias, description=flag.help, **constraints)


class ImportConfig(BaseModel):
    """How to import, from where, and how it is recorded. Every field has a row in `harness.flags`, and so a flag."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        arbitrary_types_allowed=True,
        populate_by_name=True,
        hide_input_in_errors=True,  # it may hold a header
    )

    url: str | None = setting("url")
    items: int | None = setting("items", ge=0, le=100_000_000)
    server_limit: LimitsSetting | None = setting("server_limit")
    scenario: Annotated[str, AfterValidator(as_scenario)] | None = setting("scenario")
    latency: Annotated[float | str | None, BeforeValidator(as_latency)] = setting("latency")
    workers: Annotated[int, Field(ge=1, le=1000)] | Literal["auto"] = setting("workers")
    limit: LimitsSetting | None = setting("limit")
    cost: Annotated[dict[Literal["list", "item"], Annotated[int, Field(ge=1, le=10**9)]], BeforeValidator(as_costs)] = (
        setting("cost")
    )
    pacing: Strategy | Pacer | None = setting("pacing")
    forget_limits: bool = setting("forget_limits")
    per_page: int = setting("per_page", ge=1, le=10_000)
    max_items: int | None = setting("max_items", ge=1)
    sequential: bool = setting("sequential")
    detail: bool = setting("detail")
    accept_list: bool = setting("accept_list")
    timeout: Seconds = setting("timeout", gt=0, le=3600)
    retry_delays: Annotated[tuple[Annotated[float, Field(ge=0, le=86400)], ...], BeforeValidator(as_delays)] = setting(
        "retry_delays", max_length=20
    )
    breaker: int = setting("breaker", ge=0, le=10**6)
    max_failures: int | None = setting("max_failures", ge=1)
    max_failure_rate: Share | None = setting("max_failure_rate", ge=0, le=1)
    max_time: Seconds | None = setting("max_time", gt=0, le=366 * 86_400)
    until: Annotated[str, AfterValidator(as_moment)] | None = setting("until")
    share: Share = setting("share", gt=0, le=1)
    rtt_floor: Seconds = setting("rtt_floor", ge=0, le=60)
    linger: Seconds | None = setting("linger", ge=0, le=86400)
    refused_when: RefusalsSetting = setting("refused_when", max_length=20)
    max_body: Annotated[int, BeforeValidator(as_size)] = setting("max_body", ge=1000, le=10**11)
    max_pause: Seconds = setting("max_pause", ge=1, le=366 * 86_400)
    allow_host: Annotated[tuple[str, ...], BeforeValidator(as_hosts)] = setting("allow_host", max_length=20)
    header: Annotated[tuple[SecretStr, ...], BeforeValidator(as_headers)] = setting("header")
    token_env: Annotated[str, AfterValidator(as_variable)] | None = setting("token_env")
    results: Annotated[Path, BeforeValidator(as_folder)] = setting("results")
    run: Annotated[str, AfterValidator(as_run_name)] | None = setting("run")
    fresh: bool = setting("fresh")
    resume: bool = setting("resume")
    seed: int = setting("seed", ge=0, le=2**31)
    dry_run: bool = setting("dry_run")
    progress: Literal["bar", "plain", "none"] | None = setting("progress")
    quiet: bool = setting("quiet")
    as_json: bool = setting("as_json")

    if not TYPE_CHECKING:  # where the fields are the signature

        def __init__(self, **settings: Any) -> None:
            """Check the settings; BadInput, in one sentence, for the first that cannot be used or is none."""
            try:
                super().__init__(**settings)
            except ValidationError as error:
                raise first_of(error) from None  # it holds what was given, and so perhaps a secret

    @field_validator(
        "items", "workers", "per_page", "max_items", "seed", "max_body", "breaker", "max_failures", mode="before"
    )
    @classmethod
    def _counts_are_no_switches(cls, value: Any) -> Any:
        """TOML's `true` would be read as 1."""
        if isinstance(value, bool):
            raise ValueError(f"{str(value).lower()} is not a number; write one")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.url is not None:
            _check_url(self.url)
            for name in ("items", "server_limit", "scenario", "latency"):
                if getattr(self, name) is not None:
                    flag = "--" + name.replace("_", "-")
                    raise ValueError(
                        f"{flag} is for the test API that is started without --url; leave one of the two out"
                    )
        self._check_costs()
        if self.fresh and self.resume:
            raise ValueError("--fresh and --resume contradict each other; leave one out")
        if (self.fresh or self.resume) and self.run is None:
            raise ValueError("--fresh and --resume need the run's name; add --run NAME")
        if self.pacing in ("window", "spaced", "reference") and not self.limits:
            raise ValueError(f"--pacing {self.pacing} needs to know the limits; add --limit, such as --limit 500/20s")
        if self.dry_run and (self.fresh or self.resume):
            raise ValueError("--dry-run only makes a plan; leave out --fresh or --resume")
        if os.path.exists(self.results) and not os.path.isdir(self.results):
            raise ValueError(f"--results {self.results} is a file; name a folder")
        self._check_headers()
        return self

    def _check_headers(self) -> None:
        names = []
        for header in self.header:
            if not _HEADER.fullmatch(header.get_secret_value()):
                raise ValueError("--header is not 'Name: value' in ASCII; write it like 'Authorization: Bearer …'")
            names.append(header.get_secret_value().partition(":")[0].lower())
        if self.token_env is None:
            return
        if "authorization" in names:
            raise ValueError("--token-env and --header both say who you are; leave one of the two out")
        token = os.environ.get(self.token_env, "").strip()
        if not token:
            raise ValueError("--token-env names a variable that is not set; export it first, and give its name here")
        if not _TOKEN.fullmatch(token):
            raise ValueError("--token-env names a variable that holds no token: it must be one line of ASCII; mend it")

    def _check_costs(self) -> None:
        for name, cost in self.cost.items():
            for tier in self.limits:
                most = tier.depth if tier.kind in ("bucket", "gcra") else paced_as(tier)[0]
                if cost > most and tier.kind != "concurrency":
                    raise ValueError(f"--cost {name}={cost} never fits the limit {tier}; lower it or raise the limit")

    @property
    def limits(self) -> Tiers:
        """What the client keeps to: declared, or told by the test API that it starts itself; () if unknown.

        A scenario is met as any API is: what it enforces is for the client to find out.
        """
        return scaled(self.server_limits or () if self.limit is None else self.limit, self.share)

    @property
    def declared(self) -> Tiers:
        """What people declared, as far as it is used: `auto` is told no more."""
        return scaled(self.limit or (), self.share)

    @property
    def server_limits(self) -> Tiers | None:
        """What the test API of our own is told to enforce; None where that is up to its scenario, or there is none."""
        if self.server_limit is not None:
            return self.server_limit
        if self.url is not None or self.scenario is not None:
            return None
        return self.limit if self.limit is not None else parse_tiers("500/20s+2000/100s")

    @property
    def list_cost(self) -> int:
        """What a page costs, in units of the limits."""
        return self.cost.get("list", 1)

    @property
    def item_cost(self) -> int:
        return self.cost.get("item", 1)

    @property
    def most_workers(self) -> int:
        """Never more requests in flight than this. `auto` tries no more than 200: few servers work on that many."""
        return 200 if self.workers == "auto" else self.workers

    @property
    def linger_s(self) -> float:
        """A server that has not answered within the timeout may take as long again before it counts."""
        return self.timeout if self.linger is None else self.linger

    @property
    def strategy(self) -> str:
        """The pacing strategy's name: as chosen, else by whether limits are known."""
        if self.pacing is None:
            return "window" if self.limits else "auto"
        return self.pacing if isinstance(self.pacing, str) else self.pacing.name

    @property
    def learned_for(self) -> str | None:
        """Whose limits are learned: the host, and the name (never the value) of what we send to prove who we are.

        None for a test API of our own, which is another one each time.
        """
        names = tuple(header.get_secret_value().split(":", 1)[0] for header in self.header)
        return sent_as(self.url, self.token_env, names)

    def request_headers(self) -> dict[str, str]:
        """What --header and --token-env ask for, secrets and all: for the client alone."""
        pairs = (header.get_secret_value().split(":", 1) for header in self.header)
        headers = {name.strip(): value.strip() for name, value in pairs}
        if self.token_env is not None:
            headers["Authorization"] = f"Bearer {os.environ[self.token_env].strip()}"
        return headers

    def url_variables(self) -> dict[str, str]:
        """What `{env:NAME}` in the URL stands for: for the client alone."""
        return {name: os.environ[name].strip() for name in variables_in(self.url or "")}

    def as_written(self) -> dict[str, Any]:
        """The settings for run.json: no secret, only that there is one, and no one-off such as --fresh."""
        passing = {
            "forget_limits",
            "fresh",
            "resume",
            "dry_run",
            "progress",
            "quiet",
            "as_json",
            "header",
            "run",
            "results",
        }
        written = self.model_dump(mode="json", exclude=passing | {"pacing"})
        written["pacing"] = self.pacing if self.pacing is None or isinstance(self.pacing, str) else self.pacing.name
        written["header_names"] = [header.get_secret_value().split(":", 1)[0] for header in self.header]
        return written


# What `help(ImportConfig)` shows.
ImportConfig.__doc__ = f"{ImportConfig.__doc__}\n\n{described()}"


def sent_as(url: str | None, token_env: str | None, header_names: tuple[str, ...]) -> str | None:
    """Host and name of the key of an import with these settings, as run.json has them; see `learned_for`."""
    if url is None:
        return None
    names = sorted(name.strip().lower() for name in header_names)
    key = token_env or "+".join([*names, *variables_in(url)])
    return f"{urlsplit(url).netloc} {key}".strip()


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    _check_secrets(url)
    if not usable or any(character <= " " for character in url):
        raise ValueError("--url is not an address of a list; write it like https://api.example.com/orders")
    if parts.fragment:
        raise ValueError("--url holds a #fragment, which is never sent; leave it out")
    if parts.username or parts.password:
        raise ValueError("--url holds a user name or password, which would be written down; use --header instead")


def _check_secrets(url: str) -> None:
    """The URL is written down: a secret in its query must come from the environment."""
    before, _, query = url.partition("?")
    for name in variables_in(url):
        if f"{{env:{name}}}" in urlsplit(before).netloc:
            raise ValueError("--url holds an {env:…} in its host, where a secret would be looked up by name; move it")
        value = os.environ.get(as_variable(name), "").strip()
        if not value:
            raise ValueError(f"--url names the variable {name}, which is not set; export it first")
        if not _TOKEN.fullmatch(value):
            raise ValueError(f"--url names the variable {name}, which is no single line of ASCII; mend it")
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if value and proves_who(unquote_plus(name)) and not variables_in(value):
            how = f"export it as a variable and write {name}={{env:VARIABLE}}"
            raise ValueError(f"--url holds what looks like a secret in {name}=, and would be written down; {how}")
