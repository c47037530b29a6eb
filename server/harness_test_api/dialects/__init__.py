"""Dialects: what a server says of its limits. Shapes are in `headers`, known APIs in `vendors`, errors in `lies`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from harness_test_api.dialects.headers import (
    Dialect,
    Draft6,
    Draft7,
    Draft8,
    Headers,
    Honest,
    HtmlPage,
    Laravel,
    Level,
    Refusal,
    RetryAfterOnly,
    Silent,
    Situation,
    parse_refusal,
)
from harness_test_api.dialects.lies import NAMES as LIES, Lying, http_date
from harness_test_api.dialects.vendors import VENDORS, OfVendor
from harness_test_api.errors import BadConfig

__all__ = [
    "DIALECTS",
    "LIES",
    "Dialect",
    "Headers",
    "Level",
    "Refusal",
    "Situation",
    "http_date",
    "make_dialect",
    "parse_refusal",
]

DIALECTS: dict[str, Callable[[], Dialect]] = {
    "honest": Honest,
    "laravel": Laravel,
    "draft-6": Draft6,
    "draft-7": Draft7,
    "draft-8": Draft8,
    "retry-after": RetryAfterOnly,
    "none": Silent,
    "nginx": lambda: HtmlPage(503, "503 Service Temporarily Unavailable"),
    "forbidden": lambda: HtmlPage(403, "403 Forbidden"),
    **{name: partial(OfVendor, vendor) for name, vendor in VENDORS.items()},
}


def make_dialect(name: str, lies: Sequence[str]) -> Dialect:
    """The dialect `name` with `lies` laid over it; BadConfig for an unknown one."""
    if name not in DIALECTS:
        raise BadConfig(f"dialect: {name!r} is unknown; use {', '.join(DIALECTS)}")
    dialect = DIALECTS[name]()
    return Lying(dialect, lies) if lies else dialect
