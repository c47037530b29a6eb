"""The holder's half of an account, by itself: what it says, and what it lets go."""

from __future__ import annotations

from harness.pacing import Budget, Grant, Later, Notice, Outcome, WindowPacer, parse_tiers
from harness.pacing.exchange import LIFE_S, Leased, Limit, Other
from harness.pacing.leases import REPORT_S, LeasePacer

DAY = parse_tiers("40/1d")


def holder(limits: str = "40/10s", workers: int = 10) -> tuple[Budget, LeasePacer]:
    account = LeasePacer("*", 1.0, 2.0, workers)
    return Budget("b", WindowPacer(parse_tiers(limits), 1.0), account=account), account


def leased(account: LeasePacer, now: float, what: Leased) -> None:
    account.exchange(now)
    account.replied(now, what)


def test_nothing_goes_before_the_account_was_asked() -> None:
    """And the first exchange is due at once."""
    budget, account = holder()
    assert account.due_at(0.0) <= 0.0
    answer = budget.reserve(0.0)
    assert isinstance(answer, Later)
    assert answer.reason == "account"
    said = account.exchange(0.0)
    assert (said.number, said.want, said.limits) == (1, 10, (Limit.of(parse_tiers("40/10s")[0]),))


def test_a_lease_is_spent_and_told_of_once() -> None:
    """Its age is measured from the answer; what was not used goes back once it is idle."""
    budget, account = holder()
    budget.reserve(0.0)
    leased(account, 0.0, Leased(3, alone=False))
    grants = [budget.reserve(0.0) for _ in range(4)]
    assert [isinstance(one, Grant) for one in grants] == [True, True, True, False]
    first, second, third = (one for one in grants if isinstance(one, Grant))
    budget.settle(first, 0.5, Outcome.ANSWERED, Notice())
    budget.settle(second, 0.75, Outcome.LOST)
    budget.settle(third, 0.75, Outcome.UNUSED)
    said = account.exchange(1.0)
    assert [(one.age_s, one.cost) for one in said.spent] == [(0.5, 1), (-0.75, 1)]
    assert said.back == 0  # somebody asked in vain, and will have it
    account.replied(1.0, Leased(0, alone=False))
    said = account.exchange(1.0 + LIFE_S + 1.0)
    assert (said.spent, said.back) == ((), 1)


def test_an_exchange_without_an_answer_is_said_again_under_its_number() -> None:
    """With what it said, older by as much; the lease counts from the first call."""
    budget, account = holder()
    budget.reserve(0.0)
    leased(account, 0.0, Leased(1, alone=False))
    grant = budget.reserve(0.0)
    assert isinstance(grant, Grant)
    budget.settle(grant, 0.2, Outcome.ANSWERED, Notice())
    before = account.exchange(0.3)
    assert not account.failed(0.4)
    assert account.due_at(0.5) > 0.5
    after = account.exchange(1.3)
    assert (after.number, after.want) == (before.number, before.want)
    assert [one.age_s for one in before.spent] == [0.3 - 0.2]
    assert [one.age_s for one in after.spent] == [1.3 - 0.2]
    account.replied(1.4, Leased(5, alone=False))
    assert isinstance(budget.reserve(0.3 + LIFE_S - 0.01), Grant)
    assert isinstance(budget.reserve(0.3 + LIFE_S), Later)


def test_a_lease_is_over_before_the_account_thinks_so() -> None:
    """Its life counts from before the call, however long the answer took."""
    budget, account = holder()
    budget.reserve(0.0)
    account.exchange(0.0)
    account.replied(LIFE_S - 0.1, Leased(2, alone=False))
    assert isinstance(budget.reserve(LIFE_S - 0.1), Grant)
    assert isinstance(budget.reserve(LIFE_S), Later)


def test_what_others_were_leased_may_come_back() -> None:
    """Nobody waits for a day, or ends there, for units that may be free in a moment; else for as long as it takes."""
    for others, wait_s in (((Other("r2", 2, "m", 3),), REPORT_S), ((Other("r2", 2, "m", 0),), 5000.0)):
        budget, account = holder("40/1d")
        budget.reserve(0.0)
        leased(account, 0.0, Leased(0, False, 5000.0, 0, others=others))
        answer = budget.reserve(0.0)
        assert isinstance(answer, Later)
        assert (answer.until, answer.tier) == (wait_s, DAY[0])


def test_a_refusal_is_told_at_once_and_holds_what_is_left() -> None:
    """Nothing more goes, whatever is left of the lease, until the account says who probes."""
    budget, account = holder()
    budget.reserve(0.0)
    leased(account, 0.0, Leased(5, alone=False, others=(Other("r2", 2, "m"),)))
    grant = budget.reserve(0.0)
    assert isinstance(grant, Grant)
    budget.settle(grant, 0.1, Outcome.REFUSED, Notice(429, retry_after_s=3.0, refused=True, certain=True))
    assert account.due_at(0.1) <= 0.1
    said = account.exchange(0.2)
    assert (said.hold_s, said.want) == (2.9, 0)
    account.replied(0.2, Leased(0, False, hold_s=2.9))
    assert isinstance(budget.reserve(3.2), Later)
    leased(account, 3.2, Leased(1, False, probing=True))
    probe = budget.reserve(3.2)
    assert isinstance(probe, Grant)
    assert isinstance(budget.reserve(3.2), Later)
    budget.settle(probe, 3.3, Outcome.ANSWERED, Notice())
    assert account.exchange(3.3).probe == "passed"


def test_beside_a_probe_nothing_goes_whatever_is_left() -> None:
    """After a pause so short that the lease is still alive."""
    budget, account = holder()
    budget.reserve(0.0)
    leased(account, 0.0, Leased(5, alone=False))
    used = budget.reserve(0.05)
    assert isinstance(used, Grant)
    budget.settle(used, 0.06, Outcome.ANSWERED, Notice())
    leased(account, 0.1, Leased(0, False, hold_s=0.1))
    leased(account, 0.2, Leased(1, False, probing=True))
    probe = budget.reserve(0.2)
    assert isinstance(probe, Grant)
    assert isinstance(budget.reserve(0.2), Later)
    budget.settle(probe, 0.3, Outcome.ANSWERED, Notice())
    leased(account, 0.3, Leased(0, alone=False))
    assert isinstance(budget.reserve(0.3), Grant)


def test_an_embedded_store_that_is_gone_is_done_without_once_the_lease_is_over() -> None:
    """A named one never is."""
    for named in (False, True):
        account = LeasePacer("*", 1.0, 2.0, 10, named=named)
        budget = Budget("b", WindowPacer(DAY, 1.0), account=account)
        budget.reserve(0.0)
        leased(account, 0.0, Leased(1, alone=False))
        assert isinstance(budget.reserve(0.0), Grant)
        account.exchange(1.0)
        assert not account.failed(1.0)
        assert account.failed(1.0 + LIFE_S) is (not named)
        assert isinstance(budget.reserve(1.0 + LIFE_S), Grant) is (not named)


def test_a_machine_that_slept_has_no_lease_any_more() -> None:
    """Where the account's clock goes on meanwhile, and ours does not."""
    slept = [0.0]
    account = LeasePacer("*", 1.0, 2.0, 10, slept=lambda: slept[0])
    budget = Budget("b", WindowPacer(DAY, 1.0), account=account)
    budget.reserve(0.0)
    leased(account, 0.0, Leased(5, alone=False))
    assert isinstance(budget.reserve(0.1), Grant)
    slept[0] = 3600.0
    assert isinstance(budget.reserve(0.2), Later)
    assert account.exchange(0.2).back == 4
