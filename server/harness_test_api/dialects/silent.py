"""Servers that say nothing of their limits, or refuse in words no client parses."""

from __future__ import annotations

from harness_test_api.dialects.base import Headers, Refusal, Situation, retry_after, too_many

_PAGE = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


class Silent:
    """No header, ever; a bare 429."""

    def headers(self, situation: Situation) -> Headers:
        return []

    def refusal(self, situation: Situation) -> Refusal:
        return Refusal(429, {"message": "Too Many Requests"})


class RetryAfterOnly:
    """Nothing on an answer that passes; a refusal says how long to wait (RFC 6585 section 4), and no more."""

    def headers(self, situation: Situation) -> Headers:
        return retry_after(situation)

    def refusal(self, situation: Situation) -> Refusal:
        return too_many(situation)


class HtmlPage(Silent):
    """No header; a refusal is an HTML page (nginx's limit_req: 503; firewalls in front of an API: 403)."""

    def __init__(self, status: int, title: str) -> None:
        self._refusal = Refusal(status, _PAGE.format(title), "text/html")

    def refusal(self, situation: Situation) -> Refusal:
        return self._refusal
