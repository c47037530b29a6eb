"""Say what becomes of a request that brought nothing: it goes back, is tried again later, or has failed for good.

    goes back     nothing is held against it: the credential was refused, it was redirected, its connection was stale,
                  or it was sent for comparison. It is in front again, or waits on in dispute
    tried again   what may pass costs an attempt, or none while everything fails, for that says nothing of the item
    for good      no attempt is left, or none would help. A batch is halved first, to find the item at fault

Failures that may pass and come in a row mean that the server is down: then everyone pauses.
"""

from __future__ import annotations

from harness.core.answers import Failed
from harness.core.context import Context
from harness.core.work import InFlight
from harness.pacing import Notice
from harness.record import events as e


class Failures:
    """Takes in requests that are in flight no more and have no result."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def go_back(self, flight: InFlight, now: float, why: str, refused: Notice | None = None) -> None:
        """Put a request that was answered to the front again; it costs no attempt. refused: by a limit, it was told."""
        context, fetch_id = self._context, flight.fetch.id
        tried = context.disputes.is_tried(fetch_id)
        context.disputes.unanswered(fetch_id, now, why)
        context.disputes.failed(fetch_id, now, why, again=True)
        if not tried and not flight.compared:
            context.work.put_back(flight.task)
        if refused is None:
            context.returned(flight, now, why)
        else:
            context.refused(flight, now, refused)
        context.breaker.returned(fetch_id)

    def failed(self, flight: InFlight, now: float, failed: Failed) -> None:
        """Take in a failure: nothing is held against the request, or it costs an attempt."""
        context, fetch = self._context, flight.fetch
        if fetch.role == "item":
            context.chooser.give_up()
        context.redirects.over(fetch.role, fetch.key)
        stale = context.retries.at_once(flight.task, failed)
        tried = context.disputes.is_tried(fetch.id)
        context.disputes.failed(fetch.id, now, failed.reason, again=stale)
        if not (stale or flight.compared or (flight.probe and failed.passing)):
            self._cost(flight, now, failed)
            return
        if not tried and not flight.compared:
            context.work.put_back(flight.task)
        context.returned(flight, now, failed.reason, failed.sent)
        if failed.passing and not stale:
            self.count(flight, now)
        context.breaker.returned(fetch.id)

    def _cost(self, flight: InFlight, now: float, failed: Failed) -> None:
        """Try again later, or record the failure for good."""
        context, fetch, task = self._context, flight.fetch, flight.task
        # What fails while everything does says nothing of the item, and costs it none of its attempts.
        spared = context.breaker.hold is not None and failed.passing
        at = context.retries.retry_at(fetch.role, 1 if spared else fetch.attempt, failed, now)
        keys = e.items_of(fetch.key) if fetch.role == "item" else (fetch.key,)
        if at is None and isinstance(fetch.key, e.Batch) and context.batches.failed(task):
            context.returned(flight, now, failed.reason, failed.sent)
        else:
            if at is not None:
                context.batches.retried(task)
                for key in keys:
                    context.work.retry(task._replace(key=key, attempt=fetch.attempt + (not spared)), at)
            context.say_failed(flight, now, failed, keys, at)
        if not failed.passing:
            context.breaker.passed(fetch.id, now)
        else:
            self.count(flight, now)
        if fetch.role == "list":
            context.list.accept_failures()
            context.judge_list(now)

    def count(self, flight: InFlight, now: float) -> None:
        """Count a failure that may pass: where many come in a row, everyone pauses."""
        context = self._context
        context.say_held(flight, now, context.breaker.refused(flight.fetch.id, now))
