"""Which limits a recorded run reveals: pure, over its events alone, with the evidence, ready to be declared.

What was refused tells most: each pause, from a first refusal to the probe that got through, is explained as `auto`
pacing explains it while it runs. What was believed at the end of the run counts where nothing was refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from harness.lab.refills import Pause, counted, rate_of
from harness.pacing import format_tiers, parse_tiers
from harness.pacing.auto.explain import Explanation, Refusal, explain
from harness.pacing.auto.refill import as_tier
from harness.pacing.auto.refilling import SHORT_S
from harness.pacing.tiers import Tier, Tiers
from harness.record import events as e

TOO_MANY_REQUESTS = 429
# Two findings this close are one limit, seen twice.
ALIKE = 0.03


@dataclass(frozen=True, slots=True)
class Finding:
    """A limit, how the server seems to count (`log/anchored`), and why it is believed. seen: in how many pauses."""

    tier: Tier
    counting: str
    evidence: str
    seen: int


@dataclass(slots=True)
class _Session:
    """One session as the server saw it: accepted requests in order of answers, and refusals in order of answers."""

    accepted: list[tuple[float, float]] = field(default_factory=list)  # answered, sent
    refused: list[e.Refused] = field(default_factory=list)


def infer(events: Iterable[e.Event]) -> list[Finding]:
    """The limits that `events` reveal, the shortest period first; [] where none was met."""
    sessions: list[_Session] = []
    learned: dict[str, e.Learned] = {}
    limits = ""
    for event in events:
        if isinstance(event, e.SessionStarted):
            sessions.append(_Session())
        elif isinstance(event, e.Refused):
            sessions[-1].refused.append(event)
        elif isinstance(event, e.Learned):
            limits = event.limits
            if event.tier is not None:
                learned[event.tier] = event
        elif isinstance(event, (e.PageListed, e.ItemImported, e.AttemptFailed)) and event.answered_s is not None:
            sessions[-1].accepted.append((event.answered_s, event.sent_s))
    _discount(sessions)
    believed = [_believed(tier, learned) for tier in (parse_tiers(limits) if limits else ())]
    known = [finding for finding in believed if finding is not None]
    doubted = any(refusal.status != TOO_MANY_REQUESTS for session in sessions for refusal in session.refused)
    if not any(finding.tier.kind in ("counter", "gcra") for finding in known):
        found = [finding for session in sessions for finding in _pauses(session, windows=bool(learned) or doubted)]
        known = _merged(found + known) if not doubted else _agreed(found, known)
    return sorted(known, key=lambda finding: finding.tier.period_s)


def _discount(sessions: list[_Session]) -> None:
    """A server that says 429 when a limit refuses lets through what it answers with 403 or 503: overloads, faults."""
    if any(refusal.status == TOO_MANY_REQUESTS for session in sessions for refusal in session.refused):
        for session in sessions:
            through = [refusal for refusal in session.refused if refusal.status != TOO_MANY_REQUESTS]
            session.accepted += [(refusal.answered_s, refusal.sent_s) for refusal in through]
            session.refused = [refusal for refusal in session.refused if refusal.status == TOO_MANY_REQUESTS]


def _agreed(found: list[Finding], known: list[Finding]) -> list[Finding]:
    """Of refusals that may be faults, what at least two pauses and the half of them show: faults come at any count."""
    merged = _merged(found + known)
    return [finding for finding in merged if not finding.seen or finding.seen >= max(2, len(found) / 2)]


def as_flag(findings: Iterable[Finding]) -> str:
    """`--limit 500/20s+2000/100s`, ready to be pasted; empty where nothing was found."""
    tiers: Tiers = tuple(finding.tier for finding in findings)
    return f"--limit {format_tiers(tiers)}" if tiers else ""


def _pauses(session: _Session, windows: bool) -> list[Finding]:
    """Each stretch of refusals that ended with a request let through, explained; alone, and all of them together.

    windows: nothing else is looked for, as `auto` would have said so itself, and faults look like any rate.
    """
    accepted = sorted(session.accepted)
    seen: list[tuple[Pause, Explanation | None, bool]] = []
    refused = sorted(session.refused, key=lambda refusal: refusal.answered_s)
    at = 0
    while at < len(refused):
        first = last = refused[at]
        through = _through(accepted, last)
        while through is not None and at + 1 < len(refused) and refused[at + 1].sent_s < through[0]:
            at += 1
            last = refused[at]
            through = _through(accepted, last)
        at += 1
        if through is None:
            break
        refusal = _refusal(accepted, first, last, through)
        shut_s = max(0.0, refusal.closed_s - last.sent_s) + last.sent_s - first.sent_s
        pause = Pause(first.sent_s, shut_s, through[1], refusal.accepted)
        seen.append((pause, _explained(accepted[: refusal.accepted], refusal), refusal.told))
    rate = None if windows else rate_of([pause for pause, _, _ in seen])
    return _together(seen, rate)


def _together(seen: list[tuple[Pause, Explanation | None, bool]], rate: float | None) -> list[Finding]:
    """Windows, unless what refused refills bit by bit: then pauses that were over at once are no windows."""
    if rate is None:
        return [_finding(explained, told) for _, explained, told in seen if explained is not None]
    long = [(pause, explained, told) for pause, explained, told in seen if explained and pause.shut_s > SHORT_S]
    windows = [_finding(explained, told) for _, explained, told in long if explained is not None]
    found = [replace(f, tier=counted(f.tier, p.shut_s, rate)) for f, (p, _, _) in zip(windows, long)]
    counters = [replace(f, counting="counter") for f in found if f.tier.kind == "counter"]
    # Of many pauses of one counter the shortest story is it: what came after the first came back in proportion.
    if counters:
        return [*(f for f in found if f.tier.kind != "counter" and f.seen), *counters]
    times = sum(pause.is_short for pause, _, _ in seen)
    evidence = f"refused {times} times and let in again at once: {rate:.3g} a second came back"
    return [*found, Finding(as_tier(rate, 1), "bucket", evidence, times)]


def _through(accepted: list[tuple[float, float]], last: e.Refused) -> tuple[float, float] | None:
    """The first request that was sent after a refusal was known, and let through."""
    return next((pair for pair in accepted if pair[1] >= last.answered_s), None)


def _refusal(
    accepted: list[tuple[float, float]], first: e.Refused, last: e.Refused, through: tuple[float, float]
) -> Refusal:
    before = sum(pair[1] < first.answered_s and pair < through for pair in accepted)
    closed_s, ended_by_s, told = last.sent_s, through[0], False
    wait_s = last.retry_after_s
    if wait_s is not None and wait_s > 0:
        low_s, high_s = last.sent_s + wait_s - 1.0, last.answered_s + wait_s + 1.0
        if low_s < ended_by_s and high_s > closed_s:
            closed_s, ended_by_s, told = max(closed_s, low_s), min(ended_by_s, high_s), True
    return Refusal(before, closed_s, ended_by_s, told)


def _explained(before: list[tuple[float, float]], refusal: Refusal) -> Explanation | None:
    explanations = explain([sent for _, sent in before], [answered for answered, _ in before], refusal)
    return explanations[0] if explanations else None


def _finding(explained: Explanation, told: bool) -> Finding:
    how = "told when to come back" if told else "let in again"
    evidence = f"refused after {explained.limit:,} accepted, {how} {explained.high_s:.3g} s after the first of them"
    tier = Tier(max(1, explained.limit), max(0.001, round(explained.period_s, 3)))
    return Finding(tier, "/".join(explained.kinds) or "contradicted by other requests", evidence, 1)


def _believed(tier: Tier, learned: dict[str, e.Learned]) -> Finding | None:
    """What was believed of `tier` in the end; a rate moves on without a word, so that the last word on it counts."""
    event = learned.get(str(tier))
    if event is None and tier.kind == "gcra":
        event = next((each for each in reversed(learned.values()) if each.counting == "bucket"), None)
    return None if event is None else Finding(tier, event.counting, event.evidence, 0)


def _merged(found: list[Finding]) -> list[Finding]:
    """One finding for each limit; what a pause contradicts (nothing explains it so) is left out if there is better."""
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
    return sure or kept


def _alike(one: Tier, other: Tier) -> bool:
    same_period = abs(one.period_s - other.period_s) <= ALIKE * other.period_s
    return same_period or abs(one.limit - other.limit) <= ALIKE * other.limit
