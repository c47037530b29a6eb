"""The routes beside the API: the ledger, the truth about the list, and control while the server runs.

None of them is limited or recorded. How an answer becomes bytes for Quart is here as well.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from random import Random
from typing import Any

import trio
from quart import Response, request
from werkzeug.exceptions import HTTPException

from harness_test_api.errors import BadConfig, ServerError
from harness_test_api.exchange import JSON, Decision
from harness_test_api.faults import parse_fault
from harness_test_api.latency import parse_latency
from harness_test_api.ledger import Snapshot
from harness_test_api.paging import BadQuery, read_number
from harness_test_api.service import Service
from harness_test_api.spec import whole
from harness_test_api.tiers import parse_tiers


def json_reply(value: Any, status: int = 200) -> Response:
    """A compact JSON answer."""
    return Response(_dump(value), status, content_type=JSON)


def reply_of(decision: Decision) -> Response:
    """A decision as the shell sends it."""
    body = decision.body()
    is_text = decision.content_type.startswith("text/")
    text = "" if body is None else body if is_text else _dump(body)
    response = Response(text, decision.status, content_type=decision.content_type)
    for name, value in decision.headers:
        response.headers.add(name, value)
    return response


def error_reply(error: HTTPException) -> Response:
    """The framework's own refusals (no such path, wrong method) in the shape of ours."""
    response = json_reply({"message": error.description or error.name}, error.code or 500)
    for name, value in error.get_headers(None, {}):
        if name == "Allow":  # RFC 9110 section 15.5.6 wants it on a 405
            response.headers[name] = value
    return response


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# A page of decisions is some 200 bytes each: this many stay below 2 MB.
_MOST_DECISIONS = 10_000
_KNOWN = ("next", "limit", "plan", "latency")


class Control:
    """Handlers; `service` is asked for at each call, since it may be made late."""

    def __init__(self, service: Callable[[], Service]) -> None:
        self._service = service

    async def ledger(self) -> Response:
        """Counts of what was admitted and refused: in all, per route, status, tier and second."""
        since = read_number(request.args, "since", -1, least=0)
        try:
            return json_reply(self._service().report(None if since < 0 else since))
        except ServerError as error:
            return json_reply({"message": str(error)}, 404)

    async def decisions(self) -> Response:
        """Decisions in order, from number `since` on; `end` is where to go on."""
        ledger = self._service().ledger
        start = read_number(request.args, "since", ledger.snapshot(oldest=True).number, least=0)
        most = min(_MOST_DECISIONS, read_number(request.args, "most", _MOST_DECISIONS))
        try:
            rows = ledger.rows(Snapshot(start), most)
        except ServerError as error:
            return json_reply({"message": str(error)}, 404)
        return json_reply({"decisions": [row._asdict() for row in rows], "end": start + len(rows)})

    async def decisions_parquet(self) -> Response:
        """All decisions kept, as a Parquet file."""
        import pyarrow.parquet  # half a second to load, and most servers are never asked for a file

        file = io.BytesIO()
        pyarrow.parquet.write_table(self._service().ledger.table(), file, compression="zstd")
        return Response(file.getvalue(), content_type="application/vnd.apache.parquet")

    async def reset(self) -> Response:
        """Empty the records; windows and buckets stay as they are."""
        self._service().ledger.reset()
        return json_reply({"message": "the records are empty; the windows stay as they are"})

    async def snapshot(self) -> Response:
        """A number for this moment; `GET /_ledger?since=` counts from there."""
        return json_reply({"snapshot": self._service().ledger.snapshot().number})

    async def truth(self) -> Response:
        """Tell what was inserted, deleted and changed, and when, in seconds since the server's start."""
        service = self._service()
        now = trio.current_time()
        return json_reply(service.truth(now).report() | {"now": now - service.started_at})

    async def control(self) -> Response:
        """Change the server: the next answers' fault, the limits of a plan, the latency."""
        try:
            apply_control(self._service(), _json_value(await request.get_data()))
        except BadConfig as error:
            return json_reply({"message": str(error)}, 422)
        return json_reply({"message": "done"})


def apply_control(service: Service, wanted: Any) -> None:
    """Do what a control message says, all of it or nothing; BadConfig for what cannot be read."""
    if not isinstance(wanted, dict) or not wanted or not set(wanted) <= set(_KNOWN):
        raise BadConfig(f"control: send a JSON object with {', '.join(_KNOWN)}, at least one of them and nothing else")
    texts = {name: value for name, value in wanted.items() if name != "next"}
    if not all(isinstance(value, str) for value in texts.values()):
        raise BadConfig(f"control: {', '.join(texts)} must be texts")
    steps: list[Callable[[], None]] = []
    if "next" in wanted:
        steps.append(_next_step(service, wanted["next"]))
    if "limit" in wanted:
        tiers, plan = parse_tiers(wanted["limit"]), wanted.get("plan", "default")
        service.check_limit(tiers, plan)
        steps.append(lambda: service.set_limit(tiers, plan))
    elif "plan" in wanted:
        raise BadConfig("control: plan goes with limit; add the plan's new limit")
    if "latency" in wanted:
        parse_latency(wanted["latency"], Random(0))
        steps.append(lambda: service.set_latency(wanted["latency"]))
    for step in steps:
        step()


def _json_value(data: str | bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):  # not UTF-8, not JSON, or nested beyond reason
        return None


def _next_step(service: Service, wanted: Any) -> Callable[[], None]:
    if not isinstance(wanted, dict) or not set(wanted) <= {"fault", "count"} or "fault" not in wanted:
        raise BadConfig('control: next takes {"fault": "503:retry-after=2", "count": 3}')
    fault = parse_fault(str(wanted["fault"]))
    count = whole(str(wanted.get("count", 1)), "control: count", least=1, most=1_000_000)
    return lambda: service.faults.strike_next(fault, count)


def bad_query(error: BadQuery) -> Response:
    """Answer 422 to a parameter of these routes that cannot be used."""
    return json_reply({"message": str(error), "errors": {error.name: [str(error)]}}, 422)
