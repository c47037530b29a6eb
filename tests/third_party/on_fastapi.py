"""FastAPI with slowapi: pages by `page` and `size`, a fixed window of 20 requests in 2 s from the first of them on.

slowapi says the limit in X-RateLimit-Limit, -Remaining and -Reset, and Retry-After when it refuses.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query
from slowapi import Limiter, _rate_limit_exceeded_handler
from slowapi.errors import RateLimitExceeded
from slowapi.middleware import SlowAPIMiddleware
from slowapi.util import get_remote_address

from tests.third_party.books import BOOKS, brief, number, whole

PATH, MODE = "/orders", "asgi"

app = FastAPI()
app.state.limiter = Limiter(
    key_func=get_remote_address,
    application_limits=["20 per 2 second"],
    headers_enabled=True,
    strategy="fixed-window",
)
app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)  # type: ignore[arg-type]
app.add_middleware(SlowAPIMiddleware)
_BY_ID = {number(at): {"id": number(at), **whole(at)} for at in range(BOOKS)}


@app.get("/orders")
def orders(page: Annotated[int, Query(ge=1)] = 1, size: Annotated[int, Query(ge=1, le=20)] = 10) -> dict[str, Any]:
    """A page, in the shape of fastapi-pagination."""
    items = [{"id": number(at), **brief(at)} for at in range((page - 1) * size, min(BOOKS, page * size))]
    return {"items": items, "total": BOOKS, "page": page, "size": size, "pages": -(-BOOKS // size)}


@app.get("/orders/{order_id}")
def order(order_id: int) -> dict[str, Any]:
    """One of them, whole."""
    if order_id not in _BY_ID:
        raise HTTPException(404, "Order not found")
    return _BY_ID[order_id]
