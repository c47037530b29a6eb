"""Say what an answer tells of the token or the key alone, and fetch the token, through the core as everything is.

An answer that is the credential's fault says nothing of its request, which goes back to the front and costs nothing:
with another token (`tokens` has the rule), or with another key (`keys` has that one). What is still refused then is in
dispute, as it is with a single key.

A token is a request like any other: it has a grant of its own, and limits may refuse it. It has no place in the queue.
While it is needed nothing else is sent.
"""

from __future__ import annotations

from harness.core.answers import Failed, Result, TokenRead
from harness.core.budgets import all_tiers
from harness.core.context import Context
from harness.core.failures import Failures
from harness.core.keys import Left, told
from harness.core.tokens import Token
from harness.core.unauthorised import UNAUTHORISED
from harness.core.work import InFlight
from harness.pacing import Notice, Outcome, format_tiers
from harness.record import events as e


class Credentials:
    """Told of every answer where there is a token or several keys, and of all that becomes of a token's request."""

    def __init__(self, context: Context, failures: Failures) -> None:
        self._context = context
        self._failures = failures

    def are_at_fault(self, flight: InFlight, now: float, notice: Notice) -> bool:
        """Return whether an answer says something of the token or the key alone: then its request goes back."""
        context = self._context
        if context.token is not None:
            if notice.status == UNAUTHORISED and not notice.refused:
                if context.token.refused(flight, now) == "again":
                    self._bounce(flight, now, notice, "the token had expired")
                    return True
            elif 200 <= notice.status < 300:
                context.token.let_in(flight)
        verdict, left = context.keys.heard(flight, notice)
        for key in left:
            self._say_left(key, now)
        if verdict == "theirs":
            return False
        self._bounce(flight, now, notice, f"refused with this key (status {notice.status})", verdict == "paused")
        return True

    def _say_left(self, key: Left, now: float) -> None:
        context = self._context
        limits = format_tiers(all_tiers(context.budgets, now))
        said = told(key, len(context.keys.live))
        context.emit(e.Learned(now, key.budget, None, "key", said, "none", limits))

    def _bounce(self, flight: InFlight, now: float, notice: Notice, why: str, paused: bool = False) -> None:
        """Take a request back whose answer was the credential's doing. paused: as a limit's refusal."""
        context = self._context
        del context.in_flight[flight.fetch.id]
        hold = context.settle(flight, now, notice, Outcome.REFUSED if paused else Outcome.ANSWERED)
        context.say_held(flight, now, hold)
        self._failures.go_back(flight, now, why, refused=notice if paused else None)

    # --- a token's own request --------------------------------------------------------------------------------------

    def token_answered(self, flight: InFlight, now: float, notice: Notice) -> bool:
        """Take in the headers of a token's request, as `Core.answered` does."""
        context, fetch = self._context, flight.fetch
        hold = context.settle(flight, now, notice, Outcome.REFUSED if notice.refused else Outcome.ANSWERED)
        if not notice.refused:
            return True
        del context.in_flight[fetch.id]
        self._token.returned()
        context.breaker.returned(fetch.id)
        context.refused(flight, now, notice)
        context.say_held(flight, now, hold)
        return False

    def token_finished(self, flight: InFlight, now: float, result: Result) -> None:
        """Take in what became of a token's request, as `Core.finished` does."""
        context, fetch, token = self._context, flight.fetch, self._token
        context.breaker.returned(fetch.id)
        if isinstance(result, TokenRead):
            token.fetched(fetch.sent_s, result.expires_in_s)
            context.returned(flight, now, "token")
            for suspect in context.disputes.pardon():
                context.returned(suspect, now, "the token had expired")
                context.work.put_back(suspect.task)
            return
        failed = result if isinstance(result, Failed) else Failed("malformed", "no token came", passing=False)
        if failed.stale and token.again():
            context.returned(flight, now, failed.reason, failed.sent)
            return
        at = token.failed(now, failed, tuple(context.rules.retry_delays_s))
        context.say_failed(flight, now, failed, (fetch.key,), at)
        if at is None:
            context.stop(now, token.gave_up(failed), e.RunStatus.FAILED)

    @property
    def _token(self) -> Token:
        token = self._context.token
        assert token is not None, "a token that was not asked for"
        return token
