"""The one definition of every setting of an import.

Flags, TOML files, the environment, notebooks and papermill parameters are all read through `ImportConfig`: what one
of them refuses, all refuse, in the same words.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import unquote_plus, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    field_validator,
    model_validator,
)

from harness.pacing import Pacer, Tiers, format_tiers, parse_tiers
from harness.pacing.meters import paced_as
from harness.pacing.refusals import RefusedWhen
from harness.pacing.sharing import scaled
from harness.pacing.strategies import Strategy
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


class ImportConfig(BaseModel):
    """How to import, from where, and how it is recorded. Every field has a flag of the same name."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        arbitrary_types_allowed=True,
        populate_by_name=True,
        hide_input_in_errors=True,  # it may hold a header
    )

    url: str | None = Field(
        None,
        description="URL of the list; without it the test API is started and imported. May hold {page}, {per_page}, "
        "and {env:NAME} for a secret of the query",
    )
    items: int | None = Field(None, ge=0, le=100_000_000, description="items of the test API [1000]")
    server_limit: LimitsSetting | None = Field(
        None, description="what the test API enforces [the same as --limit, else 500/20s+2000/100s]"
    )
    scenario: Annotated[str, AfterValidator(as_scenario)] | None = Field(
        None,
        description="a ready-made test API such as laravel, or a TOML file of one; the client is not told its limits",
    )
    latency: Annotated[float | str | None, BeforeValidator(as_latency)] = Field(
        None, description="how long the test API takes to answer, such as 80ms [50ms; simulated lognormal:80ms]"
    )
    workers: Annotated[int, Field(ge=1, le=1000)] | Literal["auto"] = Field(
        10, description="requests in flight at most, or auto: as many as make it faster"
    )
    limit: LimitsSetting | None = Field(
        None, description="what the client keeps to, such as 500/20s+2000/100s; may be repeated"
    )
    cost: Annotated[dict[Literal["list", "item"], Annotated[int, Field(ge=1, le=10**9)]], BeforeValidator(as_costs)] = (
        Field({}, description="units of the limits that a request costs, list=1 or item=2; may be repeated [1 each]")
    )
    pacing: Strategy | Pacer | None = Field(
        None,
        description="pacing strategy: auto, window, spaced, reference, retry-after, backoff or aimd "
        "[window with a limit, else auto]",
    )
    forget_limits: bool = Field(
        False, description="start anew instead of from what earlier runs learned of this host's limits"
    )
    per_page: int = Field(100, ge=1, le=10_000, description="items a page of the list")
    max_items: int | None = Field(None, ge=1, description="import no more than this many")
    sequential: bool = Field(False, description="read the whole list before the first item")
    detail: bool = Field(True, description="take the list's records as the items, without fetching each")
    timeout: Seconds = Field(30.0, gt=0, le=3600, description="the longest a request may take")
    # The reference system's schedule: five attempts within 7.5 minutes.
    retry_delays: Annotated[tuple[Annotated[float, Field(ge=0, le=86400)], ...], BeforeValidator(as_delays)] = Field(
        (30.0, 60.0, 120.0, 240.0), max_length=20, description="waits before the 2nd, 3rd … attempt"
    )
    # Two bursts of ten workers, both lost whole: chance does not do that at any rate that an import is worth.
    breaker: int = Field(
        20, ge=0, le=10**6, description="pause everything after so many failed attempts in a row, and probe; 0: never"
    )
    max_failures: int | None = Field(None, ge=1, description="end once so many items have failed for good")
    max_failure_rate: Share | None = Field(
        None,
        ge=0,
        le=1,
        description="end once more than this share failed for good, such as 5%; judged from 20 items on",
    )
    max_time: Seconds | None = Field(None, gt=0, le=366 * 86_400, description="end after this long, such as 6h")
    until: Annotated[str, AfterValidator(as_moment)] | None = Field(
        None, description="end at this local time, such as 06:00"
    )
    share: Share = Field(1.0, gt=0, le=1, description="use only so much of the limits, such as 80% [all]")
    rtt_floor: Seconds = Field(
        0.0, ge=0, le=60, description="a round trip is never shorter than this; only if it is sure"
    )
    linger: Seconds | None = Field(
        None, ge=0, le=86400, description="how long after a time-out the server may still count a request [--timeout]"
    )
    refused_when: RefusalsSetting = Field(
        (),
        max_length=20,
        description="answers to take for refusals by a rate limit: STATUS, or STATUS:TEXT with words of the body, such "
        "as 400:'rate limit'; may be repeated",
    )
    # Far above any page of a list that a person would ask for, far below what would fill a machine's memory.
    max_body: Annotated[int, BeforeValidator(as_size)] = Field(
        32_000_000, ge=1000, le=10**11, description="the largest answer that is read, unpacked [32MB]"
    )
    # The longest window that is at all common; whoever is told to wait for years asks again tomorrow.
    max_pause: Seconds = Field(
        86_400.0, ge=1, le=366 * 86_400, description="the longest pause that a server may ask for [1d]"
    )
    allow_host: Annotated[tuple[str, ...], BeforeValidator(as_hosts)] = Field(
        (),
        max_length=20,
        description="other host to which links of the list may lead, without headers; may be repeated",
    )
    header: Annotated[tuple[SecretStr, ...], BeforeValidator(as_headers)] = Field(
        (), description="sent with each request, 'Name: value'; never written; may be repeated"
    )
    token_env: Annotated[str, AfterValidator(as_variable)] | None = Field(
        None, description="environment variable with a bearer token; never written"
    )
    results: Annotated[Path, BeforeValidator(as_folder)] = Field(Path("results"), description="folder of the runs")
    run: Annotated[str, AfterValidator(as_run_name)] | None = Field(None, description="name of the run [a timestamp]")
    fresh: bool = Field(False, description="replace a run of that name")
    resume: bool = Field(False, description="go on with a run of that name")
    seed: int = Field(0, ge=0, le=2**31, description="for everything random")
    dry_run: bool = Field(False, description="print the plan and stop, after two requests")
    progress: Literal["bar", "plain", "none"] | None = Field(
        None, description="bar, plain or none [bar on a terminal, else plain]"
    )
    quiet: bool = Field(False, description="print nothing but errors")
    as_json: bool = Field(False, alias="json", description="print the summary as one JSON object, nothing else")

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
        if self.url is None:
            return None
        names = sorted(header.get_secret_value().split(":", 1)[0].strip().lower() for header in self.header)
        key = self.token_env or "+".join([*names, *variables_in(self.url)])
        return f"{urlsplit(self.url).netloc} {key}".strip()

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
