"""Keep what an answer shows of itself, and no secret in anything that is kept of it.

Of an answer that was not the one wanted two things are kept as evidence: the headers that explain it, and the body's
beginning. A server may repeat there, in a link, in an id or in a payload what was sent to prove who we are, and so may
a library in the words of an error. What can be shown without the secret is: it is blotted out of evidence and of
payloads, and a link gets the names of variables back. A link or an id that would lose its meaning makes the whole
answer malformed instead, for what is recorded of it would be sent or written again.
"""

from __future__ import annotations

from dataclasses import replace

from harness.core.answers import Failed, ItemRead, PageRead
from harness.source.base import Got
from harness.source.credentials import Credentials
from harness.source.formats import Body
from harness.source.http import Headers, Response
from harness.source.records import Malformed

TOLD_SECRET = Got(
    Failed(
        "malformed", "a link or an id of the list holds a secret that was sent; it must not be stored", passing=False
    )
)
_TEXTS = ("url", "cursor", "keyset")  # kinds of pages that are what a server wrote
# Who answered and when, what it thinks of limits, and by what name it will find the request in its own log.
_TELLING = (
    "content-length", "content-type", "date", "retry-after", "server", "via", "www-authenticate",
    "x-request-id", "x-correlation-id", "x-trace-id", "traceparent", "cf-ray", "x-amzn-requestid",
)  # fmt: skip
_LIMITS = ("ratelimit", "x-ratelimit", "x-rate-limit")
# A screen of an error page or problem+json; events of a million failures stay small.
MOST = 500
# Secrets are blotted out before it is cut, so that none is cut in two and half of it kept.
LOOKED_AT = 4 * MOST


def evidence(headers: Headers, body: Body | Malformed | None) -> tuple[str, str]:
    """Return (headers, body) of an answer, as text: at most four times what is to be kept of each."""
    lines = [f"{name}: {value}" for name, value in headers.items() if _tells(name)]
    start = body[:LOOKED_AT] if isinstance(body, Body) else b""
    return "\n".join(lines)[:LOOKED_AT], start.decode("utf-8", "replace")


def with_evidence(failed: Failed, response: Response, body: Body | Malformed) -> Failed:
    """Return a failure with what its answer shows; secrets are still in it."""
    headers, text = evidence(response.headers, body)
    return replace(failed, headers=headers, body=text)


def recordable(text: str | None, known: Credentials) -> str | None:
    """Return evidence as it is recorded: short, printable, and without secrets."""
    if text is None:
        return None
    return "".join(c if c.isprintable() or c == "\n" else " " for c in known.redact(text)[:MOST])


def redacted(got: Got, known: Credentials) -> Got:
    """Return `got` without what was sent to prove who we are, should a server or a library have repeated it."""
    result = got.result
    if isinstance(result, Failed):
        headers, body = recordable(result.headers, known), recordable(result.body, known)
        detail = known.redact(result.detail)[:300]
        return replace(got, result=replace(result, detail=detail, headers=headers, body=body))
    if isinstance(result, ItemRead) and result.body is not None:
        result = replace(result, body=recordable(result.body, known))
    if isinstance(result, PageRead):
        page = _page(result, known)
        if page is None:
            return TOLD_SECRET
        result = page
    return Got(result, tuple((item, known.redact_payload(payload)) for item, payload in got.payloads))


def _page(page: PageRead, known: Credentials) -> PageRead | None:
    """Return what a page says, without secrets; None where a link or an id holds one that cannot be taken out."""
    following = page.next_page
    link = None if following is None else known.restore_placeholders(str(following.value))
    if (link is None) != (following is None) or known.in_ids(page.ids):
        return None
    if following is not None and link is not None and following.kind in _TEXTS:
        page = replace(page, next_page=following._replace(value=link))
    places = [place for told in page.places if (place := known.restore_placeholders(told)) is not None]
    if len(places) < len(page.places):
        return None
    page = replace(page, places=tuple(places)) if places else page
    if not (page.unread or page.said_by or page.remarks):
        return page
    unread, said_by, remarks = map(known.redact, (page.unread, page.said_by, page.remarks))
    return replace(page, unread=unread, said_by=said_by, remarks=remarks)


def _tells(name: str) -> bool:
    return name in _TELLING or name.startswith(_LIMITS)
