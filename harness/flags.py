"""The one table of flags: how each setting of an import is called, explained and typed, and what it is by default.

`harness.config` takes its defaults and descriptions from here and adds the types; the command line makes its options
from here. The table imports nothing, so that help, a typo and completion do not wait for pydantic.

To add a setting: a row here, and in `harness.config` a field of the section's group, `_setting("name")`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

# What a setting is called in the environment, before its name in capitals.
ENVIRONMENT = "HARNESS_IMPORT_"
RESULTS_VARIABLE = ENVIRONMENT + "RESULTS"

# More would only wait for one another.
MOST_WORKERS = 1000
# As many processes as the largest machines have processors; a list is read by one process whatever their number.
MOST_SHARDS = 256


@dataclass(frozen=True, slots=True)
class Flag:
    """One setting. takes: the word for its value in the help, None for a switch. A default in brackets ends the help.

    alias: the flag's name where it is not the setting's. many: may be repeated. resumed: may be said anew when a run
    goes on. live: means nothing in virtual time; `swept`: yet a sweep over sockets can vary it. group, field: where the
    config keeps it, such as `retry.delays` for retry_delays; the group is that of its section. said_in_python: the help
    of the setting, where the flag is its opposite. negative: a switch that is shown by its no, and is undecided unless
    given.
    """

    name: str
    help: str
    takes: str | None = "TEXT"
    default: Any = None
    alias: str | None = None
    many: bool = False
    resumed: bool = False
    live: bool = False
    swept: bool = False
    negative: bool = False
    said_in_python: str | None = None
    field: str = ""
    group: str = ""

    @property
    def flag(self) -> str:
        """`--per-page` for per_page; a switch that is on by default, or undecided, is named by its no."""
        name = (self.alias or self.name).replace("_", "-")
        return f"--no-{name}" if self.default is True or self.negative else f"--{name}"

    @property
    def is_switch(self) -> bool:
        return self.takes is None

    @property
    def help_text(self) -> str:
        """The help with the default, unless the help ends with one or there is none."""
        if self.is_switch or self.default in (None, (), {}) or self.help.endswith("]"):
            return self.help
        return f"{self.help} [default {self._default_shown}]"

    @property
    def _default_shown(self) -> str:
        """The default as it would be typed."""
        if isinstance(self.default, tuple):
            return ",".join(f"{part:g}" for part in self.default)
        return f"{self.default:g}s" if self.takes == "TIME" else str(self.default)


@dataclass(frozen=True, slots=True)
class Section:
    """Flags that `--help` shows together. group: the part of the config that holds them. when: anyone touches them."""

    title: str
    group: str
    when: str
    flags: tuple[Flag, ...]


SECTIONS = (
    Section(
        "Source",
        "source",
        "what to import; for a known API a preset and a URL are enough",
        (
            Flag("preset", "a known API such as github (see: presets), or a TOML file of your own such as ./mine.toml"),
            Flag("plan", "your plan with that API, where its preset knows limits by plan (see: presets NAME)"),
            Flag(
                "url",
                "URL of the list [default: the test API]; may hold {page}, {per_page}, {offset}, {cursor}, {last_id} "
                "and {env:NAME} (a secret)",
                live=True,
            ),
            Flag("method", "how the list is asked for: GET or POST [default GET]", live=True),
            Flag(
                "body",
                'JSON to POST; a value that is exactly "{cursor}" (or another placeholder of --url) is filled in',
                "JSON",
                live=True,
            ),
            Flag(
                "param",
                "a query parameter for each request, such as v=2 (what is for the list alone belongs in --url); may be "
                "repeated",
                default={},
                many=True,
                live=True,
            ),
            Flag(
                "header",
                "a header for each request, 'Name: value'; never stored, unless it is 'Name: {env:NAME}'; may be "
                "repeated",
                default=(),
                many=True,
                resumed=True,
                live=True,
                field="headers",
            ),
            Flag(
                "max_body",
                "the largest answer to read, uncompressed; raise it for large pages [default 32MB]",
                "SIZE",
                # Far above any page of a list that a person would ask for, far below what would fill a machine's
                # memory.
                default=32_000_000,
                resumed=True,
                live=True,
                swept=True,
            ),
            Flag(
                "same_host",
                "next links that spell the list's host or scheme otherwise lead to the same service; rewrite them",
                None,
                resumed=True,
                live=True,
            ),
            Flag(
                "allow_host",
                "another host that the list may link to; none of your headers are sent to it; may be repeated",
                default=(),
                many=True,
                resumed=True,
                live=True,
                swept=True,
            ),
        ),
    ),
    Section(
        "Reading the list",
        "source",
        "where check guesses wrongly; PATH: JMESPath, or header:NAME",
        (
            Flag("records", "path of the records in a page, such as data.orders", "PATH", live=True),
            Flag(
                "id",
                "path of the id in a record; repeated, several make the id together [default id]",
                "PATH",
                default=(),
                many=True,
                live=True,
            ),
            Flag(
                "per_page",
                "items per page of the list [default: as documented, else the most the API gives; test API 100]",
                "N",
            ),
            Flag("size_param", "the parameter that says how many items a page is to hold, such as limit", live=True),
            Flag(
                "paging",
                "how pages follow on each other: page (numbers), offset, cursor, link, keyset (the last id) or single",
                live=True,
            ),
            Flag("page_param", "the parameter for the number of the page [default page]", live=True),
            Flag(
                "first_page",
                "the number of the first page, or of the first record where --paging is offset: 0 or 1",
                "N",
                live=True,
            ),
            Flag("offset_param", "the parameter for how many records to skip, such as skip", live=True),
            Flag(
                "next",
                "path of what leads to the next page: its URL, or the cursor that --cursor-param sends",
                "PATH",
                live=True,
            ),
            Flag("cursor_param", "the parameter for the cursor, or for the last id with --paging keyset", live=True),
            Flag(
                "last_id",
                "path, in the last record, of what the next page is asked for by [default its id]",
                "PATH",
                live=True,
            ),
            Flag("more", "path of a boolean that says whether more pages follow, such as has_more", "PATH", live=True),
            Flag(
                "total", "path of the number of records, such as meta.total or header:X-Total-Count", "PATH", live=True
            ),
            Flag("pages", "path of the number of pages", "PATH", live=True),
            Flag(
                "absent_is_end",
                "a page without what --next or --more names is the last, as its documentation says",
                None,
                live=True,
            ),
            Flag(
                "end",
                "a status that ends the list at a page that was only guessed, such as 400; may be repeated",
                default=(),
                many=True,
                resumed=True,
                live=True,
            ),
            Flag(
                "accept_list",
                "accept a list whose end cannot be proven, such as a single page or one with a wrong total",
                None,
                default=False,
                resumed=True,
            ),
            Flag(
                "split",
                "read a cursor list in parts, side by side, such as 'since..until=2024-01-01..2026-01-01/12'",
                live=True,
            ),
            Flag(
                "sequential",
                "read the whole list before its items (but for two, to see what they hold)",
                None,
                default=False,
            ),
        ),
    ),
    Section(
        "Items",
        "source",
        "where an item is not at LIST/ID, or an answer has its own meaning",
        (
            Flag(
                "item",
                "URL of an item, with {id}, {ids:100} (a batch) or any field of the record such as {url}",
                live=True,
            ),
            Flag("item_records", "path of the item in its answer, or of the items of a batch", "PATH", live=True),
            Flag(
                "detail",
                "store the list's records as the items, if they hold all you need; fetches no items (--detail: fetch "
                "each in any case)",
                None,
                negative=True,
                said_in_python="True: fetch each item by itself; False: store the list's records as the items",
            ),
            Flag(
                "refused_when",
                "answers that mean a rate limit: STATUS or STATUS:TEXT, such as 400:'rate limit', or PATH=VALUE; may "
                "be repeated",
                default=(),
                many=True,
                resumed=True,
            ),
            Flag(
                "fail_when",
                "answers that are failures, whatever their status: STATUS:TEXT, or PATH=VALUE such as ok=false; may "
                "be repeated",
                default=(),
                many=True,
                resumed=True,
                live=True,
            ),
        ),
    ),
    Section(
        "Auth",
        "source",
        "in whose name; secrets are in environment variables alone",
        (
            Flag(
                "token_env",
                "environment variable that holds the token or key; repeated, several keys share the work, each with "
                "limits of its own",
                default=(),
                many=True,
                resumed=True,
                live=True,
            ),
            Flag(
                "auth",
                "how it is sent: bearer, basic, basic:USER, header:NAME, query:NAME or oauth2 [default bearer]",
                resumed=True,
                live=True,
            ),
            Flag("token_url", "where OAuth2 client credentials get their tokens", resumed=True, live=True),
            Flag("client_id_env", "environment variable that holds the client id of OAuth2", resumed=True, live=True),
            Flag(
                "client_secret_env",
                "environment variable that holds the client secret of OAuth2; it goes to --token-url alone",
                resumed=True,
                live=True,
            ),
            Flag("scope", "scope of the OAuth2 tokens, such as https://graph.microsoft.com/.default", live=True),
        ),
    ),
    Section(
        "Test API",
        "test_api",
        "what is started and imported where there is no --url",
        (
            Flag("items", "number of items in the test API; not with --url [default 1000]", "N"),
            Flag(
                "server_limit", "limits that the test API enforces [default --limit, else 500/20s+2000/100s]", many=True
            ),
            Flag(
                "scenario",
                "what the test API is: a name such as laravel or stripe, or a TOML file; its limits are learned",
            ),
            Flag("latency", "how long the test API takes to answer [default 50ms; lognormal:80ms when simulated]"),
            Flag(
                "speed",
                "let the test API's time pass N times as fast as the clock's, and the import's with it; all times that "
                "are shown are the API's [default 1]",
                "N",
                live=True,
            ),
        ),
    ),
    Section(
        "Limits and pacing",
        "pacing",
        "give --limit where you know it; the rest, seldom",
        (
            Flag(
                "limit",
                "rate limits to keep, if you know them, such as 500/20s+2000/100s; may be repeated",
                many=True,
                resumed=True,
            ),
            Flag(
                "workers",
                "how many requests may be in flight at once, or auto: as many as make it faster",
                default=10,
                resumed=True,
            ),
            Flag(
                "shards",
                "fetch the items with so many processes, each with --workers, where one processor is the limit; the "
                "number stays with the run",
                "N",
                default=1,
                live=True,
                swept=True,
            ),
            Flag(
                "executor",
                "where shards run: dask://HOST:8786 for the workers of a Dask cluster [default processes here]",
                resumed=True,
                live=True,
            ),
            Flag(
                "cost",
                "units of the limit that a request costs: list=1, item=2 or batch=5; may be repeated [default 1 each]",
                default={},
                many=True,
            ),
            Flag(
                "pacing",
                "auto, window, spaced, reference, retry-after, backoff or aimd [default auto; window with --limit]",
                resumed=True,
                field="strategy",
            ),
            Flag(
                "share",
                "use only this share of the limits, such as 80%, if others need the rest [default all]",
                "SHARE",
                default=1.0,
                resumed=True,
            ),
            Flag(
                "rtt_floor",
                "the shortest possible round trip, if you know it; speeds up strict leaky buckets",
                "TIME",
                default=0.0,
                resumed=True,
            ),
            Flag(
                "linger",
                "how long a timed-out request may still count against the limit [default --timeout]",
                "TIME",
                resumed=True,
            ),
            Flag(
                "max_pause",
                "the longest pause that a server may ask for; then one request tries [default 1d]",
                "TIME",
                # The longest window that is at all common; an import that is told to wait for years tries again
                # tomorrow.
                default=86_400.0,
                resumed=True,
            ),
            Flag(
                "budget",
                "what runs with the same key share: embedded (an account on this machine), none, or redis://host:port",
                "ACCOUNT",
                default="embedded",
                resumed=True,
                live=True,
            ),
            Flag(
                "account",
                "call the account so: for several keys that share one limit; keep runs apart that do not",
                "NAME",
                resumed=True,
                live=True,
            ),
            Flag(
                "forget_limits",
                "ignore what earlier runs learned about this host's limits, if those have changed",
                None,
                default=False,
                resumed=True,
                live=True,
            ),
        ),
    ),
    Section(
        "Failures",
        "retry",
        "for an API that is slow, or fails for longer than a few minutes",
        (
            Flag("timeout", "give up a request after this long, and retry it", "TIME", default=30.0, resumed=True),
            Flag(
                "retry_delays",
                "seconds to wait before each retry; '' for no retries",
                # The reference system's schedule: five attempts within 7.5 minutes.
                default=(30.0, 60.0, 120.0, 240.0),
                resumed=True,
                field="delays",
            ),
            Flag(
                "breaker",
                "after this many failed attempts in a row, pause and probe; 0: never",
                "N",
                # Two bursts of ten workers, both lost whole: chance does not do that at any rate that an import is
                # worth.
                default=20,
                resumed=True,
            ),
        ),
    ),
    Section(
        "Ending early",
        "run",
        "for a first try, or a night that ends",
        (
            Flag("max_items", "import at most this many items, to try an import out", "N"),
            Flag("max_failures", "end the run once this many items have failed for good", "N", resumed=True),
            Flag(
                "max_failure_rate",
                "end the run once more than this share failed, such as 5%; checked after 20 items",
                "SHARE",
                resumed=True,
            ),
            Flag("max_time", "end the run after this long, such as 6h; it can be resumed", "TIME", resumed=True),
            Flag(
                "until",
                "end the run at this local time, such as 06:00; it can be resumed",
                "TIME",
                resumed=True,
                live=True,
                swept=True,
            ),
            Flag(
                "max_requests",
                "end the run once this session has sent this many requests; it can be resumed",
                "N",
                resumed=True,
            ),
            Flag(
                "until_quota",
                "end the run where a limit would keep it waiting for an hour or more; it can be resumed",
                None,
                default=False,
                resumed=True,
            ),
        ),
    ),
    Section(
        "Results",
        "run",
        "to name a run, to go on with it, or to see what it would take",
        (
            Flag(
                "results",
                "folder that holds the runs, or s3://BUCKET/PREFIX",
                "FOLDER",
                default=Path("results"),
                resumed=True,
            ),
            Flag(
                "timestamps",
                "store texts as timestamps in columns where every value is one; else they stay text",
                None,
                default=False,
                resumed=True,
            ),
            Flag(
                "imported_at",
                "add a column _imported_at: when each item was read (UTC)",
                None,
                default=False,
                resumed=True,
            ),
            Flag("run", "name of the run [default a timestamp]", field="name"),
            Flag("fresh", "replace the run of that name", None, default=False),
            Flag("resume", "continue the run of that name", None, default=False, live=True),
            Flag("seed", "seed of everything random; the same seed repeats a simulation exactly", "N", default=0),
            Flag("dry_run", "make two to four requests, print the plan and stop", None, default=False, live=True),
        ),
    ),
    Section(
        "Output",
        "run",
        "for scripts and logs",
        (
            Flag("progress", "bar, plain or none [default bar on a terminal, else plain]", resumed=True),
            Flag("quiet", "print only errors", None, default=False, resumed=True),
            Flag(
                "as_json",
                "print only the summary, as one JSON object",
                None,
                default=False,
                alias="json",
                resumed=True,
            ),
        ),
    ),
)
FLAGS = {
    flag.name: replace(flag, group=section.group, field=flag.field or flag.name)
    for section in SECTIONS
    for flag in section.flags
}
# The parts of the config, and the flat name of a setting by its part and any name that it has there.
GROUPS = tuple(dict.fromkeys(section.group for section in SECTIONS))
PLACES = {(flag.group, key): name for name, flag in FLAGS.items() for key in (flag.field, name, flag.alias) if key}

# What says what is imported; how fast and where to is said by the rest. It is read, never ordered: see `check`.
OF_SOURCE = tuple(name for name, flag in FLAGS.items() if flag.group == "source" and name not in ("sequential",))

# What a run is remembers itself; only how it goes on may be said anew.
RESUMED = tuple(flag.name for flag in FLAGS.values() if flag.resumed)
# What means something on a network and on a wall's clock alone, but can be varied where a sweep imports for real.
LIVE_ONLY = tuple(flag.name for flag in FLAGS.values() if flag.swept)
SIMULATED = tuple(flag.name for flag in FLAGS.values() if not flag.live)
# Durations that nobody may type without a unit (`harness.units.refuse_bare`). Not --retry-delays, which are waits in
# seconds by its help, as in the schedule that is its default.
DURATIONS = (*(flag.name for flag in FLAGS.values() if flag.takes == "TIME" and flag.name != "until"), "latency")
# Of a sweep the runs' folders and what is shown belong to the sweep itself.
_SWEEPS_OWN = ("results", "run", "fresh", "progress", "quiet", "as_json")
SWEPT_SIMULATED = tuple(name for name in SIMULATED if name not in _SWEEPS_OWN)
SWEPT = ("url", *SWEPT_SIMULATED, *LIVE_ONLY)


def flag_of(name: str) -> str:
    """How the setting `name` is typed on the command line; a source as a whole stands in a file."""
    return FLAGS[name].flag if name in FLAGS else "[[resource]]"


def described() -> str:
    """Return every setting with its help and default, as a docstring lists them."""
    from textwrap import fill  # slow to load

    texts = (f"{flag.name}: {flag.said_in_python or flag.help_text}" for flag in FLAGS.values())
    return "\n".join(fill(text, 100, subsequent_indent="    ", break_on_hyphens=False) for text in texts)
