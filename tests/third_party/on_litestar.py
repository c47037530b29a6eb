"""Litestar with its own RateLimitMiddleware: OffsetPagination, 10 requests a second, by the second of its clock.

It says the limit in RateLimit-Policy, -Limit, -Remaining and -Reset, in whole seconds; a refusal has no Retry-After.
"""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Litestar, get
from litestar.exceptions import NotFoundException
from litestar.middleware.rate_limit import RateLimitConfig
from litestar.pagination import OffsetPagination
from litestar.params import Parameter

from tests.third_party.books import BOOKS, brief, uuid, whole

PATH, MODE = "/books", "asgi"
_BY_ID = {uuid(at): {"id": uuid(at), **whole(at)} for at in range(BOOKS)}


@get("/books", sync_to_thread=False)
def books(
    limit: Annotated[int, Parameter(ge=1, le=20)] = 10, offset: Annotated[int, Parameter(ge=0)] = 0
) -> OffsetPagination[dict[str, Any]]:
    """A page: items, limit, offset, total."""
    items = [{"id": uuid(at), **brief(at)} for at in range(offset, min(BOOKS, offset + limit))]
    return OffsetPagination(items=items, limit=limit, offset=offset, total=BOOKS)


@get("/books/{name:str}", sync_to_thread=False)
def book(name: str) -> dict[str, Any]:
    """One of them, whole."""
    if name not in _BY_ID:
        raise NotFoundException
    return _BY_ID[name]


app = Litestar(
    route_handlers=[books, book],
    middleware=[RateLimitConfig(rate_limit=("second", 10)).middleware],
    openapi_config=None,
)
