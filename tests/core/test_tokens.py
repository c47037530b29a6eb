"""OAuth2: a token before anything else, with a grant of its own; refreshed in time and after a 401; nothing is lost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given, settings, strategies as st

from harness.config import ImportConfig
from harness.core.answers import Failed, Fetch, Result, TokenRead
from harness.core.budgets import Budgets, shared
from harness.core.rules import Rules, TokenRules
from harness.pacing import Budget, Notice, Unpaced, WindowPacer, parse_tiers
from harness.record import events as e
from harness.record.fold import fold
from harness.record.status import RunStatus
from harness.session.factory import budgets_for
from tests.core.play import OK, Play, catalogue

ROLES: tuple[e.Role, ...] = ("list", "item", "token")
RULES = TokenRules("ID and SECRET", "https://auth.test/token", 2.0)
LATENCY_S = 0.25


@dataclass
class Guarded:
    """A server that wants a token: each lasts so many seconds and requests; a ledger of its own.

    It takes a request in at its send. forbidden: items that nobody may see.
    """

    items: int = 100
    lasts_s: float = float("inf")
    lasts_requests: int = 10**9
    told_s: float | None = None
    forbidden: frozenset[int] = frozenset()
    broken: tuple[int | None, ...] = ()  # statuses of the first token requests, None: lost
    accepts: bool = True
    ledger: Counter[str] = field(default_factory=Counter)
    asked: list[float] = field(default_factory=list)
    used: int = 10**9
    until: float = -1.0

    def __call__(self, fetch: Fetch, now: float) -> tuple[float, Notice | None, Result]:
        self.ledger[fetch.role] += 1
        if fetch.role == "token":
            self.asked.append(now)
            return self._token(len(self.asked) - 1, now)
        self.used += 1
        if now >= self.until or self.used > self.lasts_requests or not self.accepts or fetch.key in self.forbidden:
            return LATENCY_S, Notice(401), Failed("status 401", passing=False)
        return catalogue(self.items, 10, LATENCY_S)(fetch, now)

    def _token(self, number: int, now: float) -> tuple[float, Notice | None, Result]:
        if number < len(self.broken):
            status = self.broken[number]
            if status is None:
                return LATENCY_S, None, Failed("timed out")
            refused = status == 429
            told = Notice(status, 3.0 if refused else None, refused=refused, certain=refused)
            return LATENCY_S, told, Failed(f"status {status}", "no", passing=status >= 500)
        self.used, self.until = 0, now + self.lasts_s
        return LATENCY_S, OK, TokenRead(self.told_s)


def budgets(limit: str = "") -> Budgets:
    pacer = WindowPacer(parse_tiers(limit), 30.0) if limit else Unpaced()
    return shared(Budget("- *", pacer), None, ROLES)


def play(server: Guarded, limit: str = "", workers: int = 5, rules: Rules | None = None) -> Play:
    told = rules or Rules(workers=workers, token=RULES)
    return Play(server, told, budgets=budgets(limit)).run()


def counted(played: Play) -> Counter[str]:
    """What the events say was sent, by role."""
    state = fold(played.events)
    return Counter({role: count for role, count in state.requests.items() if count})


def test_a_token_comes_before_anything_else() -> None:
    """One request, which events have as a token's; everyone waits for it, and says so."""
    server = Guarded()
    played = play(server)
    assert [role for _, role, _, _ in played.sent][:2] == ["token", "list"]
    assert played.sent[1][0] == LATENCY_S
    assert [(event.reason, event.asleep_s) for event in played.of(e.Waited)] == [("token", LATENCY_S)]
    (told,) = [event for event in played.of(e.Returned) if event.role == "token"]
    assert (told.reason, told.status, told.sent) == ("token", 200, True)
    assert counted(played) == server.ledger == Counter(token=1, list=10, item=100)
    assert fold(played.events).status is RunStatus.COMPLETE


def test_it_is_refreshed_before_it_runs_out() -> None:
    """Told 20 s and a timeout of 2 s: no request is sent later than 18 s after the token was asked for; no 401."""
    server = Guarded(items=300, lasts_s=20.0, told_s=20.0)
    played = play(server, "5/1s")
    assert not [event for event in played.events if getattr(event, "status", None) == 401]
    assert len(server.asked) > 2
    for at, role, _, _ in played.sent:
        if role != "token":
            assert at < max(asked for asked in server.asked if asked < at) + 18.0
    assert counted(played) == server.ledger


def test_a_life_shorter_than_the_timeout() -> None:
    """Of 4 s a quarter is left unused, and not the whole timeout."""
    server = Guarded(items=100, lasts_s=4.0, told_s=4.0)
    played = play(server, "5/1s", rules=Rules(workers=5, token=TokenRules("ID", "u", 30.0)))
    assert fold(played.events).status is RunStatus.COMPLETE
    gaps = [b - a for a, b in zip(server.asked, server.asked[1:])]
    assert all(gap >= 3.0 for gap in gaps)


@pytest.mark.parametrize("workers", [1, 2, 10, 40])
def test_tokens_that_last_thirty_requests(workers: int) -> None:
    """Nothing says so but a 401: it costs no attempt, each token is used up, and the ledger agrees."""
    server = Guarded(items=500, lasts_requests=30)
    played = play(server, workers=workers)
    state = fold(played.events)
    assert (state.status, state.imported, state.failed) == (RunStatus.COMPLETE, 500, 0)
    assert {event.attempt for event in played.of(e.ItemImported)} == {1}
    assert counted(played) == server.ledger
    assert server.ledger["token"] == -(-(500 + 50) // 30)


def test_a_401_is_refreshed_once_for_all() -> None:
    """Ten in flight get it together: one token is fetched, and all are sent again with it."""
    server = Guarded(items=100, lasts_s=3.0)
    played = play(server, "10/1s", workers=10)
    assert fold(played.events).status is RunStatus.COMPLETE
    back = [event for event in played.of(e.Returned) if event.reason == "the token had expired"]
    assert len(back) > server.ledger["token"] - 1
    assert counted(played) == server.ledger


def test_a_fresh_token_that_is_refused_stops_everyone() -> None:
    """From the start: the first page fails, and one more token was tried. Amid a run: nothing is lost."""
    server = Guarded(accepts=False)
    played = play(server)
    assert (fold(played.events).status, server.ledger["token"], server.ledger["list"]) == (RunStatus.FAILED, 2, 2)

    amid = Guarded(items=200)
    told = Play(amid, Rules(workers=3, token=RULES), budgets=budgets("10/1s"))
    told.at = [(3.0, lambda core, now: setattr(amid, "accepts", False))]
    told.run()
    state = fold(told.events)
    assert state.status is RunStatus.FAILED
    assert state.reason.startswith("the server answers 401 to every request now")
    assert (state.failed, state.waiting) == (0, 0)
    assert counted(told) == amid.ledger


def test_an_item_that_is_forbidden_costs_a_token_and_itself() -> None:
    """The fresh token is refused for it and lets another in: it is the item's own fault."""
    server = Guarded(items=50, forbidden=frozenset({17}))
    played = play(server)
    state = fold(played.events)
    assert (state.imported, state.failed, state.status) == (49, 1, RunStatus.WITH_FAILURES)
    assert counted(played) == server.ledger


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_client_that_is_refused(status: int) -> None:
    """No retry: the run ends, and the message names the variables and the address."""
    played = play(Guarded(broken=(status,) * 9))
    state = fold(played.events)
    assert state.status is RunStatus.FAILED
    assert state.reason == (
        f"https://auth.test/token gives no token: status {status} (no); check ID and SECRET and --token-url, "
        "then resume; nothing was lost"
    )
    assert len(played.sent) == 1
    assert counted(played) == Counter(token=1)


def test_a_server_of_tokens_that_is_broken_for_a_while() -> None:
    """A 503 and a lost answer are retried with the delays of retries; nobody else sends meanwhile."""
    server = Guarded(broken=(503, None))
    played = play(server, rules=Rules(workers=5, token=RULES, retry_delays_s=(10.0, 20.0)))
    assert server.asked == [0.0, 10.25, 30.5]
    assert played.sent[3][:2] == (30.75, "list")
    assert [event.role for event in played.of(e.AttemptFailed)] == ["token", "token"]
    assert counted(played) == server.ledger
    assert fold(played.events).status is RunStatus.COMPLETE


def test_a_server_of_tokens_that_stays_broken() -> None:
    """After the last delay everyone stops, and resume is of use."""
    played = play(Guarded(broken=(503,) * 9), rules=Rules(token=RULES, retry_delays_s=(1.0,)))
    state = fold(played.events)
    assert state.status is RunStatus.FAILED
    assert state.reason.startswith("no token came from https://auth.test/token: status 503")
    assert len(played.sent) == 2


def test_a_refusal_by_a_limit_is_one() -> None:
    """429 with Retry-After: everyone on the budget pauses, and it costs the token no attempt."""
    server = Guarded(broken=(429,))
    played = play(server)
    assert server.asked == [0.0, 3.25]
    assert [event.role for event in played.of(e.Refused)] == ["token"]
    assert played.of(e.Held)[0].until_s == 3.25
    assert counted(played) == server.ledger


def test_a_token_takes_a_grant_of_its_own_route() -> None:
    """token=1/10s: a second token waits for it, though items might go."""
    config = ImportConfig(
        url="http://api.test/items",
        limit="100/1s+token=1/10s",
        auth="oauth2",
        token_url="https://auth.test/token",
        client_id_env="ID",
        client_secret_env="SECRET",
    )
    made = budgets_for(config)
    assert {endpoint.role: endpoint.budget for endpoint in made}["token"].endswith(" token")
    server = Guarded(items=100, lasts_requests=30)
    Play(server, Rules(workers=5, token=RULES), budgets=made).run()
    gaps = [b - a for a, b in zip(server.asked, server.asked[1:])]
    assert all(gap >= 10.0 for gap in gaps)
    assert server.ledger["item"] >= 100


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(2, 30), st.integers(1, 12), st.integers(1, 9))
@example(6, 2, 4, 6)  # others had used up the token that it was fetched for, and it was compared with the next one
def test_nothing_is_sent_without_a_grant(items: int, lasts: int, workers: int, limit: int) -> None:
    """Tokens, pages and items together never exceed the limit of all, and events count what the server counted."""
    server = Guarded(items=items, lasts_requests=lasts)
    played = play(server, f"{limit}/1s", workers)
    times = [at for at, _, _, _ in played.sent]
    assert all(later - first >= 1.0 for first, later in zip(times, times[limit:]))
    assert counted(played) == server.ledger
    assert fold(played.events).imported == items


@pytest.mark.parametrize("lasts", [10, 30])
@pytest.mark.parametrize("workers", [1, 4, 12])
def test_items_that_nobody_may_see_while_tokens_are_used_up(lasts: int, workers: int) -> None:
    """They fail, every other item is imported, and each costs a few tokens at most."""
    server = Guarded(items=40, lasts_requests=lasts, forbidden=frozenset({3, 4, 5, 20, 40}))
    played = play(server, workers=workers)
    state = fold(played.events)
    assert (state.imported, {key for _, key in state.failures}) == (35, {3, 4, 5, 20, 40})
    needed = -(-sum(server.ledger[role] for role in ("list", "item")) // lasts)
    assert server.ledger["token"] <= needed + 5 * 5
