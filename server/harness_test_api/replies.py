"""Answers in bytes."""

from __future__ import annotations

import json
from typing import Any

from quart import Response
from werkzeug.exceptions import HTTPException

from harness_test_api.exchange import JSON, Decision


def json_reply(value: Any, status: int = 200) -> Response:
    """A compact JSON answer."""
    return Response(_dump(value), status, content_type=JSON)


def reply_of(decision: Decision) -> Response:
    """A decision as the shell sends it."""
    body = decision.body()
    text = body if decision.content_type.startswith("text/") else _dump(body)
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
