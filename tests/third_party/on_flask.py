"""Flask with Flask-Limiter: an array with Link headers, a moving window of 20 requests in 2 s.

Flask-Limiter says the limit in X-RateLimit-Limit, -Remaining and -Reset, and Retry-After when it refuses.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, abort, jsonify, request, url_for
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from tests.third_party.books import BOOKS, brief, slug, whole

PATH, MODE = "/api/books", "wsgi"

app = Flask(__name__)
limiter = Limiter(
    get_remote_address,
    app=app,
    application_limits=["20 per 2 second"],
    headers_enabled=True,
    strategy="moving-window",
    storage_uri="memory://",
)
_BY_ID = {slug(at): {"id": slug(at), **whole(at)} for at in range(BOOKS)}


@app.get("/api/books")
def books() -> Response:
    """A page; the header says where the next and the last one are."""
    page, size = request.args.get("page", 1, type=int), min(20, request.args.get("per_page", 10, type=int))
    last = -(-BOOKS // size)
    if not 1 <= page <= last:  # as Flask-SQLAlchemy's paginate()
        abort(404)
    answer = jsonify([{"id": slug(at), **brief(at)} for at in range((page - 1) * size, min(BOOKS, page * size))])
    links = {"last": last} if page >= last else {"next": page + 1, "last": last}
    said = (f'<{url_for("books", page=at, per_page=size, _external=True)}>; rel="{name}"' for name, at in links.items())
    answer.headers["Link"] = ", ".join(said)
    return answer


@app.get("/api/books/<name>")
def book(name: str) -> dict[str, Any]:
    """One of them, whole."""
    return _BY_ID[name] if name in _BY_ID else abort(404)
