"""The routes, and the OpenAPI document that says what each takes and answers (by quart-schema, at /openapi.json)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from pydantic import BaseModel, Field, RootModel
from quart import Response
from quart_schema import Info, QuartSchema, document, hide
from quart_trio import QuartTrio

from harness_test_api.config import ServerConfig

if TYPE_CHECKING:
    from harness_test_api.control import Control

Handler = Callable[..., Coroutine[Any, Any, Response]]
AtLeastOne = Annotated[int, Field(ge=1)]
FromZero = Annotated[int, Field(ge=0)]


class ApiRoutes(Protocol):
    """The handlers of the API itself."""

    @property
    def list_items(self) -> Handler: ...
    @property
    def show_item(self) -> Handler: ...
    @property
    def other(self) -> Handler: ...


class ListedItem(BaseModel):
    """An item as the list shows it."""

    id: int | str
    name: str | None = None


class Item(ListedItem):
    """A generated item; a data file's rows have its columns instead."""

    description: str | None = None
    price: float | None = None
    created_at: str | None = None
    updated_at: str | None = None


class Problem(BaseModel):
    """A problem, told in words."""

    message: str | None = None


class PageQuery(BaseModel):
    """The page asked for."""

    page: AtLeastOne = 1
    perPage: AtLeastOne = 10


class OffsetQuery(BaseModel):
    """The place in the list to start from, and how many records."""

    offset: FromZero = 0
    limit: AtLeastOne = 10


class CursorQuery(BaseModel):
    """The `next_cursor` of the page before."""

    cursor: str | None = None
    perPage: AtLeastOne = 10


class KeysetQuery(BaseModel):
    """The last id of the page before."""

    after: str | None = None
    perPage: AtLeastOne = 10


class ListPage(BaseModel):
    """A page; what stands beside `data` depends on the way of paging."""

    data: list[ListedItem]


class BareList(RootModel[list[ListedItem]]):
    """A page of `paging = "link"`: the records alone."""


class Row(BaseModel, extra="allow"):
    """A row of a data file: its columns."""

    id: int | str


class DecisionsPage(BaseModel):
    """Decisions in order, and the number to go on from."""

    decisions: list[dict[str, Any]]
    end: int


class SnapshotNumber(BaseModel):
    """A moment to count from."""

    snapshot: int


class TruthReport(BaseModel):
    """The history of the list, and the server's time, in seconds since its start."""

    first_last_id: int
    inserted: list[dict[str, Any]]
    deleted: list[dict[str, Any]]
    changed: list[dict[str, Any]]
    now: float


class Pair(BaseModel):
    """Decisions counted."""

    admitted: int
    refused: int


class LedgerReport(Pair):
    """The truth in counts."""

    units: int
    routes: dict[str, Pair]
    clients: dict[str, Pair]
    statuses: dict[str, int]


class ControlMessage(BaseModel):
    """The changes wanted; see docs/test-api.md."""

    next: dict[str, Any] | None = None
    limit: str | None = None
    plan: str | None = None
    latency: str | None = None


class SinceQuery(BaseModel):
    """The decision to start from."""

    since: FromZero | None = None


class DecisionsQuery(SinceQuery):
    """The decision to start from, and how many."""

    most: AtLeastOne = 10_000


class NoQuery(BaseModel):
    """A list of one page takes no parameters."""


_QUERIES: dict[str, type[BaseModel]] = {
    "page": PageQuery,
    "link": PageQuery,
    "offset": OffsetQuery,
    "cursor": CursorQuery,
    "keyset": KeysetQuery,
    "single": NoQuery,
}
_ABOUT = "A list of items behind real rate limits. /_ledger tells the truth about them."


def add_routes(app: QuartTrio, config: ServerConfig, api: ApiRoutes, control: Control) -> None:
    """Give `app` its routes, documented as `config` makes them."""
    limited = dict.fromkeys((401, 403, 404, 410, 422, 429, 503), (Problem, None))
    if config.shape or config.auth:  # any API: its routes are data, and not described
        app.url_map.merge_slashes = False
        app.add_url_rule("/<path:path>", "other", hide(_copy(api.other)), methods=["GET", "POST"])
    else:
        page = BareList if config.paging == "link" else ListPage
        _add(app, "/api/items", api.list_items, {200: (page, None)} | limited, querystring=_QUERIES[config.paging])
        _add(app, "/api/items/<item_id>", api.show_item, {200: (Row if config.data else Item, None)} | limited)
        app.add_url_rule("/api/<path:path>", "other", hide(_copy(api.other)))
    said = {200: (Problem, None)}
    wrong = {404: (Problem, None), 422: (Problem, None)}
    _add(app, "/_ledger", control.ledger, {200: (LedgerReport, None)} | wrong, querystring=SinceQuery)
    _add(app, "/_ledger/decisions", control.decisions, {200: (DecisionsPage, None)} | wrong, querystring=DecisionsQuery)
    app.add_url_rule("/_ledger/decisions.parquet", "decisions_parquet", hide(_copy(control.decisions_parquet)))
    _add(app, "/_truth", control.truth, {200: (TruthReport, None)})
    _add(app, "/_ledger/reset", control.reset, said, "POST")
    _add(app, "/_ledger/snapshot", control.snapshot, {200: (SnapshotNumber, None)}, "POST")
    _add(app, "/_control", control.control, said | wrong, "POST", request=ControlMessage)
    QuartSchema(app, info=Info(title="The test API", version="1", description=_ABOUT), convert_casing=False)


def _add(app: QuartTrio, path: str, handler: Handler, responses: Any, method: str = "GET", **documented: Any) -> None:
    view = document(responses=responses, **documented)(_copy(handler))
    app.add_url_rule(path, view.__name__, view, methods=[method])


def _copy(handler: Handler) -> Handler:
    # Documentation is attached to the function: one of its own for each app, or two apps would share it.
    @wraps(handler)
    async def view(**arguments: Any) -> Response:
        return await handler(**arguments)

    return view
