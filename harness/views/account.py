"""Show the accounts: of each host and key what its limits are, what of them is used, and who uses them now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from harness.views.screen import Row, Screen, labelled
from harness.views.text import count, duration, plural, printable, time_of_day

if TYPE_CHECKING:
    from harness.account.store import AccountNow, LimitNow


def account_text(found: Sequence[AccountNow], now_utc_s: float, screen: Screen, *, program: str) -> str:
    """Return it for people, without a newline at the end."""
    if not found:
        return f"nothing was sent so far; an import begins an account: {program} import --url URL"
    parts = [screen.render(*labelled([*_rows(one, now_utc_s)], screen)) for one in found]
    return "\n\n".join(parts)


def _rows(one: AccountNow, now_utc_s: float) -> Iterator[Row]:
    yield "host", printable(one.key.host), "bold"
    yield "key", printable(one.key.label or "none"), ""
    for limit in one.limits:
        yield printable(limit.text), _limit(limit, now_utc_s), "" if limit.left else "yellow"
    if not one.limits:
        yield "limits", "none is known", ""
    if one.learned:
        yield "learned", printable(one.learned), ""
    if one.hold_s is not None:
        yield "paused", f"after a refusal, until {time_of_day(now_utc_s + one.hold_s, now_utc_s, seconds=True)}", "red"
    if one.holders:
        names = ", ".join(f"{holder.name} (process {holder.pid})" for holder in one.holders)
        yield "used by", printable(names), "green"
    elif one.last_used_s is not None:
        yield "used by", f"nobody now; {duration(one.last_used_s)} ago last", ""


def _limit(limit: LimitNow, now_utc_s: float) -> str:
    used = f"{count(limit.used)} of {plural(limit.units, 'request')} used, {count(limit.left)} left"
    if limit.opens_s is None:
        return used
    return f"{used}; the next at {time_of_day(now_utc_s + limit.opens_s, now_utc_s, seconds=True)}"
