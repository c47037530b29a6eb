"""Ask for a token, and read the answer (OAuth2 client credentials, RFC 6749 4.4). No IO.

The client says who it is by HTTP Basic, as 2.3.1 has it: every server must take that. Some only read the form instead;
where the first request is answered `invalid_client` the next is asked so, and all that follow. Each is a request of its
own, with a grant of its own.
"""

from __future__ import annotations

import json
import math
import re
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode

from harness.core.answers import Failed

# RFC 6750 2.1 allows less; some servers hand out more. What cannot stand in a header is no token.
_TOKEN = re.compile(r"[!-~]+")
_LONGEST_WORDS = 200


@dataclass(slots=True)
class Client:
    """A client that asks `url` for tokens. in_form: the server does not read Basic."""

    url: str
    id: str = field(repr=False)
    secret: str = field(repr=False)
    scope: str | None = None
    in_form: bool = False

    def headers(self) -> dict[str, str]:
        """Return the headers of the request."""
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        if not self.in_form:
            # Both are encoded as in a form first: an id may hold a colon (RFC 6749 2.3.1).
            pair = f"{quote_plus(self.id)}:{quote_plus(self.secret)}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        return headers

    def form(self) -> bytes:
        """Return the body of the request."""
        said = {"grant_type": "client_credentials"}
        if self.scope:
            said["scope"] = self.scope
        if self.in_form:
            said |= {"client_id": self.id, "client_secret": self.secret}
        return urlencode(said).encode()

    @property
    def secrets(self) -> list[str]:
        """Return what must never be repeated."""
        return [self.secret, quote_plus(self.secret)]

    def refused(self, status: int, text: str) -> Failed | None:
        """Return what a refusal of the client means; None where the answer is none.

        The first one by Basic is no refusal yet: the request is sent again at once, with the form.
        """
        if status not in (400, 401):
            return None
        code, words = _error(text)
        if not self.in_form and (code == "invalid_client" or (status == 401 and not code)):
            self.in_form = True
            return Failed("invalid_client", "asked again with the secret in the form", stale=True)
        return Failed(f"status {status}", words or "the client was refused", passing=False)


def read_token(text: str) -> tuple[str, float | None] | None:
    """Return the token that an answer holds, and how many seconds it lasts (None: not said); None where it has none."""
    value = _parsed(text)
    token = value.get("access_token")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        return None
    try:
        lasts_s = float(value.get("expires_in"))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return token, None
    return token, lasts_s if math.isfinite(lasts_s) and lasts_s > 0 else None


def _error(text: str) -> tuple[str, str]:
    """Return the code of an error (RFC 6749 5.2), and the words that people read."""
    value = _parsed(text)
    said = [str(value[name]) for name in ("error", "error_description", "message") if isinstance(value.get(name), str)]
    return (said[0] if "error" in value and said else ""), ": ".join(said)[:_LONGEST_WORDS]


def _parsed(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
