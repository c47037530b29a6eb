"""Several keys: a budget each, the one that lets go first; one that is refused leaves alone, and nothing is lost."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from hypothesis import given, settings, strategies as st

from harness.core.answers import Failed, Fetch, Result
from harness.core.budgets import Budgets, shared
from harness.core.rules import Rules
from harness.pacing import Budget, Notice, WindowPacer, parse_tiers
from harness.record import events as e
from harness.record.fold import fold
from harness.record.status import RunStatus
from tests.core.play import Play, Server, catalogue

LATENCY_S = 0.25


def keyed(names: Sequence[str], limit: str = "1000/s") -> Budgets:
    found: dict[e.Endpoint, Budget] = {}
    for name in names:
        found |= shared(Budget(f"{name} *", WindowPacer(parse_tiers(limit), 30.0)), name)
    return found


def key_of(fetch: Fetch) -> str:
    return fetch.endpoint.credential or ""


def refusing(
    base: Server, status: int, when: Callable[[Fetch, float], bool], notices: dict[str, object] | None = None
) -> Server:
    """`base`, but some requests get another status."""

    def serve(fetch: Fetch, now: float) -> tuple[float, Notice | None, Result]:
        latency_s, notice, result = base(fetch, now)
        if not when(fetch, now):
            return latency_s, notice, result
        return latency_s, Notice(status, **(notices or {})), Failed(f"status {status}", passing=False)  # type: ignore[arg-type]

    return serve


def play(names: Sequence[str], server: Server, limit: str = "1000/s", workers: int = 10, **more: object) -> Play:
    return Play(server, Rules(workers=workers), budgets=keyed(names, limit), **more).run()  # type: ignore[arg-type]


def sent_of(played: Play) -> Counter[tuple[str | None, int]]:
    """Requests by key and status, as the events have them."""
    found: Counter[tuple[str | None, int]] = Counter()
    for event in played.events:
        endpoint, status = getattr(event, "endpoint", None), getattr(event, "status", None)
        if endpoint is not None and status is not None:
            found[endpoint.credential, status] += 1
    return found


def test_two_keys_finish_in_half_the_time_of_one() -> None:
    """The same work under the same limit for each: 1000 requests at 50 in 10 s."""
    times = {}
    for names in (["A"], ["A", "B"]):
        played = play(names, catalogue(990, 100, LATENCY_S), "50/10s", workers=100)
        assert fold(played.events).imported == 990
        times[len(names)] = played.now
    assert times[2] <= times[1] / 2


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4), st.integers(1, 9), st.integers(1, 60), st.integers(1, 20))
def test_no_keys_limit_is_exceeded(keys: int, limit: int, items: int, workers: int) -> None:
    """Counted for each key at the sends and at the answers; and every request went with a grant of its key."""
    arrivals: dict[str, list[float]] = defaultdict(list)
    inner = catalogue(items, 10, LATENCY_S)

    def serve(fetch: Fetch, now: float) -> tuple[float, Notice | None, Result]:
        arrivals[key_of(fetch)].append(now)
        return inner(fetch, now)

    played = play("ABCD"[:keys], serve, f"{limit}/3s", workers)
    assert fold(played.events).imported == items
    for times in arrivals.values():
        assert all(later - first >= 3.0 for first, later in zip(times, times[limit:]))
    assert sum(map(len, arrivals.values())) == sum(sent_of(played).values())


def test_a_key_that_is_refused_leaves_alone() -> None:
    """B expires after 2 s: one sentence says so, its requests go back and cost nothing, A does the rest."""
    server = refusing(catalogue(100, 10, LATENCY_S), 401, lambda fetch, now: key_of(fetch) == "B" and now >= 2)
    played = play(["A", "B"], server, "20/1s", workers=4)
    (told,) = [event for event in played.of(e.Learned) if event.counting == "key"]
    assert told.evidence == ("B is refused (status 401) where another key gets through: the other goes on; renew it")
    assert (told.budget, told.tier) == ("B *", None)
    state = fold(played.events)
    assert (state.imported, state.failed, state.status) == (100, 0, RunStatus.COMPLETE)
    assert {event.attempt for event in played.of(e.ItemImported)} == {1}
    refused = [event for event in played.of(e.Returned) if event.status == 401]
    assert 1 <= len(refused) <= 4
    assert not [event for event in played.of(e.ItemImported) if event.endpoint.credential == "B" and event.sent_s >= 2]  # type: ignore[union-attr]
    assert not played.of(e.Held)


def test_a_key_that_was_never_good() -> None:
    """The first page is asked with it first: it goes to the other, and the import is complete."""
    server = refusing(catalogue(30, 10, LATENCY_S), 401, lambda fetch, now: key_of(fetch) == "A")
    played = play(["A", "B"], server)
    assert fold(played.events).status is RunStatus.COMPLETE
    assert sum(event.status == 401 for event in played.of(e.Returned)) == 1


def test_all_keys_refused_from_the_start() -> None:
    """The run fails as with one key; the message names the variables."""
    played = play(["A_TOKEN", "B_TOKEN"], refusing(catalogue(30), 401, lambda fetch, now: True))
    assert fold(played.events).status is RunStatus.FAILED
    (failed,) = played.of(e.AttemptFailed)
    assert "renew the tokens in A_TOKEN and B_TOKEN" in failed.detail
    assert len(played.sent) == 2


def test_all_keys_expire_amid_a_run() -> None:
    """Everyone stops, nothing is lost, and the reason names the variables."""
    server = refusing(catalogue(200, 10, LATENCY_S), 401, lambda fetch, now: now >= 2)
    played = play(["A_TOKEN", "B_TOKEN"], server, "10/1s", workers=4)
    state = fold(played.events)
    assert state.status is RunStatus.FAILED
    assert state.reason == (
        "the server answers 401 to every request now: renew the tokens in A_TOKEN and B_TOKEN, then resume; "
        "nothing was lost"
    )
    assert (state.failed, state.waiting) == (0, 0)
    assert len([at for at, _, _, _ in played.sent if at >= 2]) <= 12

    again = Play(catalogue(200, 10, LATENCY_S), Rules(), state=state, budgets=keyed(["A_TOKEN", "B_TOKEN"])).run()
    assert again.core.state.imported == 200


def test_an_item_that_no_key_may_see() -> None:
    """Every key is refused for it: it fails by itself, no key leaves."""
    server = refusing(catalogue(100, 10, LATENCY_S), 401, lambda fetch, now: fetch.key == 17)
    played = play(["A", "B", "C"], server, "20/1s", workers=4)
    state = fold(played.events)
    assert (state.imported, state.failed) == (99, 1)
    assert not [event for event in played.of(e.Learned) if event.counting == "key"]
    (failed,) = played.of(e.AttemptFailed)
    assert (failed.key, failed.status) == (17, 401)


def test_one_expired_key_and_an_item_that_nobody_may_see() -> None:
    """Both get a 401; the comparison goes on with the key that is good, and only the other leaves."""
    server = refusing(
        catalogue(100, 10, LATENCY_S), 401, lambda fetch, now: fetch.key == 50 or (key_of(fetch) == "A" and now >= 1)
    )
    played = play(["A", "B"], server, "20/1s", workers=3)
    state = fold(played.events)
    assert (state.imported, state.failed, state.status) == (99, 1, RunStatus.WITH_FAILURES)
    assert [event.budget for event in played.of(e.Learned) if event.counting == "key"] == ["A *"]


def test_a_403_may_be_a_limit_and_the_key_pauses_first() -> None:
    """Three in a row that another key gets through with, and it leaves; the other is never held."""
    server = refusing(catalogue(400, 10, LATENCY_S), 403, lambda fetch, now: key_of(fetch) == "B" and now >= 2)
    played = play(["A", "B"], server, "10/1s", workers=4)
    state = fold(played.events)
    assert (state.imported, state.failed) == (400, 0)
    assert {event.budget for event in played.of(e.Held)} == {"B *"}
    assert [event.budget for event in played.of(e.Learned) if event.counting == "key"] == ["B *"]


def test_a_403_that_passes_costs_the_key_a_pause_only() -> None:
    """A limit without a word for 2 s: the key comes back."""
    server = refusing(catalogue(400, 10, LATENCY_S), 403, lambda fetch, now: key_of(fetch) == "B" and 2 <= now < 2.5)
    played = play(["A", "B"], server, "10/1s", workers=4)
    assert fold(played.events).imported == 400
    assert not [event for event in played.of(e.Learned) if event.counting == "key"]
    assert [event for event in played.of(e.ItemImported) if event.endpoint.credential == "B" and event.sent_s > 5]  # type: ignore[union-attr]


def test_a_refusal_by_a_limit_pauses_one_key() -> None:
    """A 429 holds the key that got it; the other goes on."""
    told = {"retry_after_s": 5.0, "refused": True, "certain": True}
    server = refusing(
        catalogue(200, 10, LATENCY_S), 429, lambda fetch, now: key_of(fetch) == "A" and 1 <= now < 1.5, told
    )
    played = play(["A", "B"], server, "20/1s", workers=4)
    (held,) = played.of(e.Held)
    assert held.budget == "A *"
    between = [key.endpoint.credential for key in played.of(e.ItemImported) if held.t_s < key.sent_s < held.until_s]  # type: ignore[union-attr]
    assert set(between) == {"B"}
    assert fold(played.events).imported == 200


def test_where_there_is_one_key_nothing_changes() -> None:
    """The name of one key is in the events, and a 401 is judged as ever."""
    played = play(["A"], refusing(catalogue(30, 10, LATENCY_S), 401, lambda fetch, now: fetch.key == 7))
    assert fold(played.events).failed == 1
