"""What is kept of an answer that was not the one wanted: the headers that tell something, the body's beginning."""

from __future__ import annotations

from harness.source.http import Headers

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


def evidence(headers: Headers, body: bytes | bytearray) -> tuple[str, str]:
    """(headers, body) of an answer, as text: at most four times what is to be kept of each."""
    lines = [f"{name}: {value}" for name, value in headers.items() if _tells(name)]
    return "\n".join(lines)[:LOOKED_AT], body[:LOOKED_AT].decode("utf-8", "replace")


def kept(text: str | None) -> str | None:
    """`text` as it is recorded, once secrets are out of it."""
    return None if text is None else "".join(c if c.isprintable() or c == "\n" else " " for c in text[:MOST])


def _tells(name: str) -> bool:
    return name in _TELLING or name.startswith(_LIMITS)
