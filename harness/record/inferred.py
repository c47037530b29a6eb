"""Infer the limits that a recorded run reveals, with the evidence: the one source of learned limits for every view.

What was refused tells most: each pause, from a first refusal to the probe that got through, is explained as `auto`
pacing explains it while it runs. What was believed at the end of the run counts where nothing was refused.

No limit is made of a refusal that something known explains: a limit that was declared and held, or a server that is
overloaded or broken (5xx) beside limits that it names or refuses by in another way.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from harness.errors import BadLimits
from harness.pacing import format_tiers, parse_tiers
from harness.pacing.learn.explain import Explanation, Refusal, explain
from harness.pacing.learn.hypotheses import SHORT_S
from harness.pacing.learn.prior import rates_between
from harness.pacing.learn.refill import as_tier
from harness.pacing.tiers import Tier, Tiers
from harness.record import events as e
from harness.record.limit_evidence import Evidence, Session, read_evidence
from harness.record.summary import LearnedLimit

# Windows whose rate is so near to the one that is found are a sliding counter's, if they were shut for long: a bucket
# of that depth would have been open again at once.
SAME_RATE = 0.12
# Two findings this close are one limit, seen twice.
ALIKE = 0.03
# Pauses that were over at once, before they show a limit whose room comes back bit by bit.
_ENOUGH = 3
# A status from here on tells of the server's health before it tells of a limit.
_SERVER_ERROR = 500
# So many pauses are explained, and no more once the requests before them add up to so many: two seconds or so.
_MOST_PAUSES, _MOST_LOOKED_AT = 60, 20_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """A limit, how the server seems to count (`log/anchored`), and why it is believed. seen: in how many pauses."""

    tier: Tier
    counting: str
    evidence: str
    seen: int


def infer(events: Iterable[e.Event]) -> list[Finding]:
    """Return the limits that `events` reveal, the shortest period first; [] where none was met."""
    evidence = Evidence()
    for event in events:
        evidence.take(event)
    return found_in(evidence)


def infer_recorded(folder: Path) -> list[Finding]:
    """Infer the limits of the run in `folder` from its events."""
    return found_in(read_evidence(folder))


def as_learned(findings: Iterable[Finding]) -> tuple[LearnedLimit, ...]:
    """Findings as a summary keeps them."""
    return tuple(LearnedLimit(str(found.tier), found.counting, found.evidence) for found in findings)


def found_in(evidence: Evidence) -> list[Finding]:
    """Return the limits that the evidence shows, the shortest period first."""
    sessions, learned = evidence.sessions, evidence.learned
    believed = _parsed(evidence.believed)
    told = [tier for tier in believed if str(tier) in learned and not _from_refusals(learned[str(tier)])]
    _discount(sessions, known=bool(told or evidence.held))
    for session in sessions:
        session.sort()
    known = [found for found in (_believed(tier, learned) for tier in believed) if found is not None]
    doubted = any(refusal.status >= _SERVER_ERROR for session in sessions for refusal in session.refused)
    if not any(session.refused for session in sessions):
        # Whatever refusals taught while it ran was explained since.
        known = [found for found in known if str(found.tier) not in learned or found.tier in told]
    elif not known or doubted:  # what was believed in the end explains all the pauses together, each by itself less
        found = [finding for session in sessions for finding in _pauses(session, windows=bool(learned) or doubted)]
        known = _merged(found + known) if not doubted else _agreed(found, known)
    new = [finding for finding in known if not any(_is_held(finding.tier, tier) for tier in evidence.held)]
    return sorted(new, key=lambda finding: finding.tier.period_s)


def _parsed(limits: str) -> Tiers:
    try:
        return parse_tiers(limits) if limits else ()
    except BadLimits:
        return ()


def _from_refusals(event: e.Learned) -> bool:
    """Return True if refusals taught this, and not a header: `auto` begins its evidence so."""
    return event.evidence.startswith("refused")


def _is_held(found: Tier, held: Tier) -> bool:
    """Return True if this finding is no more than the limit that was declared and held anyway."""
    same_period = abs(found.period_s - held.period_s) <= ALIKE * held.period_s
    return same_period and abs(found.limit - held.limit) <= max(1, ALIKE * held.limit)


def _discount(sessions: list[Session], known: bool) -> None:
    """Count a 5xx as let through (an overload or a fault) where limits are known or other statuses refuse as well."""
    refusals = [refusal for session in sessions for refusal in session.refused]
    if not known and not any(refusal.status < _SERVER_ERROR for refusal in refusals):
        return
    for session in sessions:
        for refusal in session.refused:
            if refusal.status >= _SERVER_ERROR:
                session.accept(refusal.answered_s, refusal.sent_s)
        session.refused = [refusal for refusal in session.refused if refusal.status < _SERVER_ERROR]


def _agreed(found: list[Finding], known: list[Finding]) -> list[Finding]:
    """Keep the findings that at least two pauses and half of them show: faults come after any number of requests."""
    merged = _merged(found + known)
    return [finding for finding in merged if not finding.seen or finding.seen >= max(2, len(found) / 2)]


def as_flag(findings: Iterable[Finding]) -> str:
    """Return `--limit 500/20s+2000/100s`, ready to be pasted; empty where nothing was found."""
    tiers: Tiers = tuple(finding.tier for finding in findings)
    return f"--limit {format_tiers(tiers)}" if tiers else ""


def _pauses(session: Session, windows: bool) -> list[Finding]:
    """Explain each stretch of refusals that ended with a request let through: alone, and all of them together.

    windows: nothing else is looked for, as `auto` would have said so itself, and faults look like any rate.
    """
    seen: list[tuple[_Pause, Explanation | None, bool]] = []
    refused = session.refused
    at = looked_at = 0
    while at < len(refused) and len(seen) < _MOST_PAUSES and looked_at < _MOST_LOOKED_AT:
        first = last = refused[at]
        through = _through(session, last)
        while through is not None and at + 1 < len(refused) and refused[at + 1].sent_s < through[0]:
            at += 1
            last = refused[at]
            through = _through(session, last)
        at += 1
        if through is None:
            break
        refusal = _refusal(session, first, last, through)
        looked_at += refusal.accepted
        shut_s = max(0.0, refusal.closed_s - last.sent_s) + last.sent_s - first.sent_s
        pause = _Pause(first.sent_s, shut_s, through[1], refusal.accepted)
        seen.append((pause, _explained(session, refusal), refusal.told))
    rate = None if windows else _rate_of([pause for pause, _, _ in seen])
    return _together(seen, rate)


def _together(seen: list[tuple[_Pause, Explanation | None, bool]], rate: float | None) -> list[Finding]:
    """Find windows, unless what refused refills bit by bit: then pauses that were over at once are no windows."""
    if rate is None:
        return [_finding(explained, told) for _, explained, told in seen if explained is not None]
    long = [(pause, explained, told) for pause, explained, told in seen if explained and pause.shut_s > SHORT_S]
    windows = [_finding(explained, told) for _, explained, told in long if explained is not None]
    found = [replace(f, tier=_counted(f.tier, p.shut_s, rate)) for f, (p, _, _) in zip(windows, long)]
    counters = [replace(f, counting="counter") for f in found if f.tier.kind == "counter"]
    # Of many pauses of one counter the shortest story is it: what came after the first came back in proportion.
    if counters:
        return [*(f for f in found if f.tier.kind != "counter" and f.seen), *counters]
    times = sum(pause.is_short for pause, _, _ in seen)
    evidence = f"refused {times} times; requests got through again at once: {rate:.3g} a second came back"
    return [*found, Finding(as_tier(rate, 1), "bucket", evidence, times)]


def _through(session: Session, last: e.Refused) -> tuple[float, float] | None:
    """(answered, sent) of the first request that was sent after a refusal was known, and let through."""
    # Answers come after sends, so that none before this one can have been sent late enough.
    for at in range(bisect_left(session.answered, last.answered_s), len(session.answered)):
        if session.sent[at] >= last.answered_s:
            return session.answered[at], session.sent[at]
    return None


def _refusal(session: Session, first: e.Refused, last: e.Refused, through: tuple[float, float]) -> Refusal:
    since, until = (bisect_left(session.answered, at_s) for at_s in (first.answered_s, through[0]))
    before = since + sum(session.sent[at] < first.answered_s for at in range(since, until))
    closed_s, ended_by_s, told = last.sent_s, through[0], False
    wait_s = last.retry_after_s
    if wait_s is not None and wait_s > 0:
        low_s, high_s = last.sent_s + wait_s - 1.0, last.answered_s + wait_s + 1.0
        if low_s < ended_by_s and high_s > closed_s:
            closed_s, ended_by_s, told = max(closed_s, low_s), min(ended_by_s, high_s), True
    return Refusal(before, closed_s, ended_by_s, told)


def _explained(session: Session, refusal: Refusal) -> Explanation | None:
    explanations = explain(session.sent[: refusal.accepted], session.answered[: refusal.accepted], refusal)
    return explanations[0] if explanations else None


def _finding(explained: Explanation, told: bool) -> Finding:
    how = "the server named a time" if told else "requests got through again"
    evidence = f"refused after {explained.limit:,} accepted requests; {how} {explained.high_s:.3g} s after the first"
    tier = Tier(max(1, explained.limit), max(0.001, round(explained.period_s, 3)))
    return Finding(tier, "/".join(explained.kinds) or "contradicted by other requests", evidence, 1)


def _believed(tier: Tier, learned: dict[str, e.Learned]) -> Finding | None:
    """Return what was believed of `tier` at the end; a rate changes without an event, so its last event counts."""
    event = learned.get(str(tier))
    if event is None and tier.kind == "gcra":
        event = next((each for each in reversed(learned.values()) if each.counting == "bucket"), None)
    if event is None:
        return None
    # What is kept to as any kind was refused and let in again as a log or an anchored window is.
    return Finding(tier, "log/anchored" if event.counting == "any" else event.counting, event.evidence, 0)


def _merged(found: list[Finding]) -> list[Finding]:
    """Merge the findings, one for each limit; drop one that a pause contradicts if there is a better one."""
    kept: list[Finding] = []
    for finding in sorted(found, key=lambda f: (f.counting.startswith("contradicted"), -f.seen)):
        same = next((at for at, other in enumerate(kept) if _alike(other.tier, finding.tier)), None)
        if same is None:
            kept.append(finding)
            continue
        old = kept[same]
        # The longer of two periods is the safe one.
        tier = old.tier if old.tier.period_s >= finding.tier.period_s else finding.tier
        kept[same] = Finding(tier, old.counting, old.evidence, old.seen + finding.seen)
    sure = [finding for finding in kept if not finding.counting.startswith("contradicted")]
    found = sure or kept
    return [finding for finding in found if not any(_repeats(finding, other) for other in found)]


def _repeats(finding: Finding, other: Finding) -> bool:
    """Return True if this is the other limit, met over several of its windows: as many more in as much more time."""
    times = round(finding.tier.limit / other.tier.limit)
    if times < 2 or not finding.seen or finding.seen >= other.seen:
        return False
    alike = abs(finding.tier.limit - times * other.tier.limit) <= ALIKE * finding.tier.limit
    return alike and abs(finding.tier.period_s - times * other.tier.period_s) <= 0.1 * finding.tier.period_s


def _alike(one: Tier, other: Tier) -> bool:
    same_period = abs(one.period_s - other.period_s) <= ALIKE * other.period_s
    return same_period or abs(one.limit - other.limit) <= ALIKE * other.limit


# --- limits whose room comes back bit by bit --------------------------------------------------------------------------
#
# Refused, and let in again after the least that a client waits, three times and more: no window does that. Between two
# such refusals n requests got through, all of which were refilled, so that the rate is at least (n - 1) / the whole
# time; and while the client sent there was room for no more: less than (n + 1) / the open time (`pacing.learn.refill`).


@dataclass(frozen=True, slots=True)
class _Pause:
    """Refused at `closed_s`, after `accepted`; shut for `shut_s` more, as far as is known; open again at `open_s`."""

    closed_s: float
    shut_s: float
    open_s: float
    accepted: int

    @property
    def is_short(self) -> bool:
        return self.open_s - self.closed_s - self.shut_s <= SHORT_S and self.shut_s <= SHORT_S


def _rate_of(pauses: Sequence[_Pause]) -> float | None:
    """Requests a second that come back, the most usual rate in question; None where the pauses show no such limit."""
    short = [pause for pause in pauses if pause.is_short]
    if len(short) < _ENOUGH:
        return None
    low, high = 0.0, math.inf
    for before, pause in pairwise(pauses):
        if not pause.is_short or pause.closed_s <= before.open_s:
            continue
        n = pause.accepted - before.accepted
        # The latest word counts where they differ: windows that were found meanwhile spoil the first.
        low = max(low, (n - 1) / (pause.closed_s - before.closed_s))
        high = min(high, max(n, 1) / (pause.closed_s - before.open_s))
    if low <= 0:
        return None
    if low >= high:
        return low
    return rates_between(low, high) or low


def _counted(tier: Tier, shut_s: float, rate: float) -> Tier:
    """`tier`, as a sliding counter where its rate is the one that comes back and it was shut for long."""
    slow = (1 - SAME_RATE) * tier.limit / tier.period_s <= rate <= (1 + SAME_RATE) * tier.limit / tier.period_s
    return Tier(tier.limit, tier.period_s, "counter") if slow and shut_s > SHORT_S else tier
