"""Simulate a session in virtual time: the core that imports, the test API's own decisions, and a heap between them.

**The heap.** All that is still to happen (a request arrives, an answer comes, a request is given up, somebody pauses)
lies in a heap by its time. `Simulation.run` asks the core what to do now. For a `Fetch` it asks the test API, when the
request arrives, how it decides and how long that takes, and puts the answer on the heap. For a `Wait` it goes on to the
earliest entry, or to the time that the wait names if that is earlier.

**Virtual time.** `now` is a number, which that time becomes. Nothing sleeps and no clock is read, so a night takes
seconds, and entries of the same time happen in the order in which they were made: a seed gives the same run every time.

**Why the same events come out as in a live run.** The core is the same object, has no clock and does no IO; it is told
the same things in the same order: `answered` with the headers, then `finished` with the result, and a time-out after as
many seconds. The test API decides by the same `Service` that its HTTP server calls, and pages and items go through the
same `Rest`. Only the two drivers differ, and neither decides anything.

**What a simulation leaves out.** Sockets, HTTP and its parsing, TLS, connection pools and their stale connections, the
time that the machine needs (the core and the writing of parts take none), and two clocks that drift apart. The network
takes no time of its own unless a `Network` draws some; the latency is the test API's.

This module is the only door between `harness` and `server`.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random
from typing import Any

from harness_test_api import scenarios as ready_made
from harness_test_api.config import DEFAULT_LIMIT, ServerConfig, read_toml
from harness_test_api.errors import BadConfig
from harness_test_api.exchange import Ask, Decision
from harness_test_api.faults import Rule as Rule  # for what is foreseen of them
from harness_test_api.latency import parse_latency
from harness_test_api.scenarios import settings_of
from harness_test_api.service import NEW_YEAR, Service

from harness.config import ImportConfig
from harness.core.answers import Done, Failed, Fetch, ItemRead, Redirected, Result, Wait, failed_status
from harness.core.core import Core
from harness.errors import BadInput
from harness.pacing import Notice, Pacer
from harness.pacing.refusals import Declared, by_body, wants_body
from harness.record.events import FIRST_PAGE, Batch, ItemId
from harness.record.literals import dumps
from harness.session.driver import hand_over
from harness.source.base import Got
from harness.source.child import DEFAULT_LATENCY_S, server_settings
from harness.source.guess import Answer
from harness.source.headers import notice
from harness.source.reading import Reading
from harness.source.rest import Malformed, Rest
from harness.source.way_on import past_end
from harness.values import as_latency, is_scenario_file

# Strategies of our own that read of an answer which was let through no more than its Date.
DEAF = ("window", "spaced", "reference", "retry-after", "backoff", "aimd")
# What an API over the internet looks like. At 0 every worker count would look alike, and repeats would be identical.
USUAL_LATENCY = "lognormal:80ms"
_HOST = "http://127.0.0.1"
_GARBLED = {"truncated": "malformed", "malformed": "malformed", "wrong-type": "malformed", "reset-body": "cut off"}


def as_simulated(config: ImportConfig) -> ImportConfig:
    """Return `config` with the latency of the API that it describes; BadInput where the test API refuses its settings.

    One told, else a scenario's own, else USUAL_LATENCY.
    """
    return config.with_settings(latency=server_config(config).latency)


def server_config(config: ImportConfig, more: Mapping[str, Any] | None = None) -> ServerConfig:
    """Return the test API that `config` describes; BadInput where it refuses its settings.

    It begins at a moment of the day that the seed chooses, for windows on the wall clock have a phase. It keeps counts
    but no decisions. more: settings of its own that no import has.
    """
    epoch = NEW_YEAR + Random(config.run.seed).uniform(0.0, 86400.0)
    try:
        return ServerConfig.from_mapping({"epoch": epoch, "ledger_rows": 0, **_settings(config), **(more or {})})
    except BadConfig as error:
        raise _refused(error) from None


def rest_for(config: ImportConfig, service: Service) -> Rest | None:
    """Return how a preset, or what else is declared, reads the test API; None where nothing is: it is as it is."""
    if not config.source.is_declared:
        return None
    source = config.source.declared(list_url(service))
    return None if source is None else Rest(source)


def list_url(service: Service) -> str:
    """Return where the list of a test API in this process is."""
    return _HOST + service.list_path


def service_for(config: ImportConfig, more: Mapping[str, Any] | None = None) -> Service:
    """Return the test API that `config` describes, in process, its clock at 0."""
    return Service(server_config(config, more), tells=not _is_deaf(config))


def _is_deaf(config: ImportConfig) -> bool:
    return config.strategy in DEAF and not isinstance(config.pacing.strategy, Pacer)


def catalogue_size(config: ImportConfig) -> int:
    """Return how many items the test API of `config` lists."""
    return server_config(config).items


def drawn_latencies(api: ServerConfig, number: int) -> list[float]:
    """Return so many latencies of a test API, as it may draw them; not those that it will draw."""
    draw = parse_latency(api.latency, Random(0))
    return [draw() for _ in range(number)]


def verdicts(config: ImportConfig, arrivals_s: Sequence[float]) -> list[bool]:
    """Return whether the test API lets each request for an item through, arriving at `arrivals_s` (in order)."""
    service = service_for(config)
    return [service.handle(at_s, Ask("item", "1")).status != 429 for at_s in arrivals_s]


def enforced(config: ImportConfig) -> str | None:
    """Return the limits that the test API of `config` enforces, as its own text; None where it is another API."""
    if config.source.url is not None:
        return None
    limit = _settings(config).get("limit", DEFAULT_LIMIT)
    return limit if isinstance(limit, str) else "+".join(limit)


def answers_in(config: ImportConfig) -> float | str | None:
    """Return the latency of the test API that is started for `config`; None where it is another API.

    Of a live import: a simulated one has its latency among its settings, see `as_simulated`.
    """
    if config.source.url is not None:
        return None
    latency: float | str = as_latency(_settings(config, DEFAULT_LATENCY_S)["latency"])
    return latency


def _settings(config: ImportConfig, usual: float | str = USUAL_LATENCY) -> dict[str, Any]:
    scenario: dict[str, Any] = {}
    try:
        if config.test_api.scenario is not None:
            read = read_toml if is_scenario_file(config.test_api.scenario) else settings_of
            scenario = read(config.test_api.scenario)
    except BadConfig as error:
        raise _refused(error) from None
    return {"latency": usual, **scenario, **server_settings(config)}


def _refused(error: BadConfig) -> BadInput:
    return BadInput(f"the test API refuses its settings: {error}")


@dataclass(frozen=True, slots=True)
class Network:
    """The time a request takes to the server, and its answer back: functions that draw seconds."""

    there_s: Callable[[], float] = lambda: 0.0
    back_s: Callable[[], float] = lambda: 0.0


class Simulation:
    """One session of `core` against `service`, whose clock starts with it.

    timeout_s, refused_when: as the client's (the time bounds the whole request). utc_s: the wall clock at 0.
    rest: the mapping of the source, None where nothing is declared: then `reading` guesses it as an import does.
    put: keeps payloads (None: they are not even made). `at` runs something at a given time, such as
    `lambda now: core.pause(now)`.
    """

    def __init__(
        self,
        core: Core,
        service: Service,
        *,
        per_page: int = 100,
        timeout_s: float = 30.0,
        utc_s: float = 0.0,
        network: Network | None = None,
        put: Callable[[ItemId, str], None] | None = None,
        refused_when: Declared = (),
        rest: Rest | None = None,
    ) -> None:
        self.core = core
        self.service = service
        self.now = 0.0
        self.reading = Reading(Rest(list_url(service), per_page) if rest is None else rest)
        self._timeout_s = timeout_s
        self.utc_s = utc_s
        self._network = network
        self._keeps = put is not None
        self._put = _drop if put is None else put
        self._refused_when = refused_when
        self._places: dict[ItemId, str] = {}  # of items whose URL does not follow from their id
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = 0

    def at(self, time_s: float, act: Callable[[float], None]) -> None:
        """Do `act` when the time has come."""
        self._later(time_s, lambda: act(self.now))

    def run(self, until_s: float = float("inf")) -> Done | None:
        """Run until the import is over; return None where `until_s` came first, as if it had been killed then."""
        while True:
            answer = self.core.next(self.now)
            if isinstance(answer, Fetch):
                self._send(answer)
            elif isinstance(answer, Done):
                return answer
            elif not self._wait(answer, until_s):
                return None

    def _wait(self, wait: Wait, until_s: float) -> bool:
        """Go on to what comes first: an event of the heap, or the time that the wait names; False if neither is due."""
        due = self._heap[0][0] if self._heap else float("inf")
        if wait.until is not None and wait.until < due:
            due = wait.until
        if due > until_s or due == float("inf"):
            return False
        self.now = max(self.now, due)
        while self._heap and self._heap[0][0] <= self.now:
            _, _, act, arguments = heapq.heappop(self._heap)
            act(*arguments)
        return True

    def _later(self, time_s: float, act: Callable[..., None], *arguments: Any) -> None:
        self._order += 1
        heapq.heappush(self._heap, (time_s, self._order, act, arguments))

    def _send(self, fetch: Fetch) -> None:
        if self._network is None:
            self._arrive(fetch)
            return
        there_s = self._network.there_s()
        if there_s >= self._timeout_s:  # given up before it arrives; the server counts it all the same
            self._later(fetch.sent_s + self._timeout_s, self._lost, fetch)
        self._later(self.now + there_s, self._arrive, fetch)

    def _arrive(self, fetch: Fetch) -> None:
        decision = self.service.handle(self.now, self._ask(fetch))
        sent_back_s = self.now + decision.delay_s
        gives_up_s = fetch.sent_s + self._timeout_s
        if self._network is None and sent_back_s <= gives_up_s:
            self._later(sent_back_s, self._finish_and_answer, fetch, decision, gives_up_s)
            return
        answer_s = sent_back_s + (self._network.back_s() if self._network else 0.0)
        self._later(sent_back_s, self.service.finish, decision)
        if fetch.id not in self.core.in_flight:
            return
        if answer_s > gives_up_s:
            self._later(gives_up_s, self._lost, fetch)
        else:
            self._later(answer_s, self._answer, fetch, decision, gives_up_s)

    def _finish_and_answer(self, fetch: Fetch, decision: Decision, gives_up_s: float) -> None:
        self.service.finish(decision)
        self._answer(fetch, decision, gives_up_s)

    def _ask(self, fetch: Fetch) -> Ask:
        if fetch.role != "item":
            asked = self.reading.rest.request(self.reading.known_as(fetch.page))
        else:
            place = None if isinstance(fetch.key, Batch) else fetch.place or self._places.get(fetch.item)
            asked = self.reading.rest.request(fetch.key, place)
        headers = {name.lower(): value for name, value in asked.headers.items()}
        ask = self.service.ask(asked.method, asked.url, headers, asked.json)
        # The name stands for the key: a test API keeps a budget for each that it is asked with.
        return ask._replace(api_key=fetch.endpoint.credential) if self.core.keys.are_several else ask

    def _lost(self, fetch: Fetch) -> None:
        if fetch.id in self.core.in_flight:
            self._finish(fetch, Got(Failed("timed out", f"no complete answer within {self._timeout_s:g} s")))

    def _finish(self, fetch: Fetch, got: Got) -> None:
        hand_over(self.core, fetch, got, self._put, lambda: self.now)

    def _answer(self, fetch: Fetch, decision: Decision, gives_up_s: float) -> None:
        if fetch.id not in self.core.in_flight:
            return
        fault = decision.fault
        if fault is not None and fault.kind == "reset":
            return self._finish(fetch, Got(Failed("connection reset", stale=True)))
        said = notice(decision.status, _joined(decision.headers), self.utc_s + self.now, self._refused_when)
        done_s = self.now + (fault.seconds if fault is not None and fault.kind == "drip" else 0.0)
        told_s = self.now
        if wants_body(said, self._refused_when):
            told_s = min(done_s, gives_up_s)
            said = self._looked_into(said, decision) if done_s < gives_up_s else said
        self._later_or_now(told_s, self._told, fetch, decision, said, gives_up_s, done_s)

    def _looked_into(self, said: Notice, decision: Decision) -> Notice:
        """Return the verdict that takes the body into account, unless that comes garbled."""
        if decision.fault is not None and decision.fault.kind in _GARBLED:
            return said
        since_s = self.utc_s + self.now if said.server_utc_s is None else said.server_utc_s
        return by_body(said, decision.body(), since_s, self._refused_when)

    def _told(self, fetch: Fetch, decision: Decision, said: Notice, gives_up_s: float, done_s: float) -> None:
        if fetch.id not in self.core.in_flight or not self.core.answered(fetch.id, self.now, said):
            return
        if done_s >= gives_up_s:
            self._later(gives_up_s, self._lost, fetch)
        else:
            self._later_or_now(done_s, self._read, fetch, decision)

    def _later_or_now(self, time_s: float, act: Callable[..., None], *arguments: Any) -> None:
        if time_s > self.now:
            self._later(time_s, act, *arguments)
        else:
            act(*arguments)

    def _read(self, fetch: Fetch, decision: Decision) -> None:
        if fetch.id in self.core.in_flight:
            try:
                got = self._got(fetch, decision)
            except Malformed as error:
                failed = Failed("malformed", str(error), passing=False, past_end=error.past_end)
                got = Got(replace(failed, remarks=error.remarks))
            self._finish(fetch, got)

    def _got(self, fetch: Fetch, decision: Decision) -> Got:
        if not 200 <= decision.status < 300:
            return Got(self._not_read(fetch, decision))
        if decision.fault is not None and decision.fault.kind in _GARBLED:
            return Got(Failed(_GARBLED[decision.fault.kind], decision.fault.kind))
        if (rule := self.reading.rest.failure(decision.status, decision.body)) is not None:
            return Got(Failed("malformed", f"the answer is a failure, as --fail-when {rule} says", passing=False))
        if fetch.role == "list":
            return self._page(fetch, decision)
        return self._batch(fetch.key, decision) if isinstance(fetch.key, Batch) else self._item(fetch, decision)

    def _not_read(self, fetch: Fetch, decision: Decision) -> Result:
        if fetch.role == "item":
            return failed_status(decision.status)
        asked = self.reading.rest.page_url(fetch.page)
        if (target := self.reading.refused(fetch.page, decision.status)) is not None:
            return Redirected(target, asked)
        rest, failed = self.reading.rest, failed_status(decision.status)
        says = past_end(decision.status, json.dumps(decision.body())) if rest.counts(fetch.page) else None
        hint = self.reading.hint(fetch.page, decision.status)
        return replace(failed, detail=hint or failed.detail, past_end=says or rest.ends_with(decision.status))

    def _page(self, fetch: Fetch, decision: Decision) -> Got:
        body, headers, reading = decision.body(), _joined(decision.headers), self.reading
        asked = reading.rest.page_url(fetch.page)
        if fetch.page == FIRST_PAGE and reading.is_undecided:
            reading.decide(Answer(asked, body, headers, decision.status), items=self.core.rules.detail)
        page, records = reading.rest.page_of(reading.known_as(fetch.page), body, headers)
        if (target := reading.read(fetch.page, page, asked)) is not None:
            return Got(Redirected(target, asked))
        page = replace(page, rivals=reading.rivals)
        if page.places:
            self._places.update(zip(page.ids, page.places, strict=True))
        compared, kept = self.core.chooser.is_open, self._keeps and not self.core.rules.detail
        return Got(page, tuple((item, dumps(record)) for item, record in records) if compared or kept else ())

    def _item(self, fetch: Fetch, decision: Decision) -> Got:
        if not self._keeps and not self.core.chooser.is_open:
            return Got(ItemRead(0, carried=True))  # the payload need not be made: each item carries its id
        value, carried = self.reading.rest.item_of(fetch.item, decision.body())
        return Got(ItemRead(0, carried), ((fetch.item, dumps(value)),))

    def _batch(self, batch: Batch, decision: Decision) -> Got:
        read, payloads = self.reading.rest.read_batch(batch, dumps(decision.body()))
        return Got(read, tuple(payloads))


def _drop(item: ItemId, payload: str) -> None:
    """Keep nothing."""


def _joined(headers: list[tuple[str, str]]) -> dict[str, Any]:
    """Return header lines by lower-case name; repeated ones joined with commas (RFC 9110 5.3)."""
    joined: dict[str, Any] = {}
    for name, value in headers:
        key = _lower(name)
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return joined


def scenarios() -> dict[str, str]:
    """Return the ready-made test APIs, and what each is like in a line."""
    return {name: ready_made.about(name) for name in ready_made.names()}


# A server has a few names for its headers, and says them with each answer.
_lower = lru_cache(maxsize=256)(str.lower)
