"""Where links may lead: to the list's origin, with what proves who we are, or to a host that was allowed, without."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote_plus, urljoin, urlsplit, urlunsplit

from harness.source.credentials import origin
from harness.source.records import Malformed
from harness.spec.source import Source
from harness.values import variables_in


class Links:
    """Makes absolute URLs of what a server says. base: the list's URL without placeholders."""

    def __init__(self, source: Source, base: str) -> None:
        self._url = source.resource.url
        self._base = base
        self._allowed = frozenset(source.allow_host)
        self._same_host = source.same_host
        said = [f"{name}={value}" for name, value in source.list_params.items()]
        # What the list's query says with an `{env:NAME}` proves who we are.
        self.proof = [part for part in (*urlsplit(self._url).query.split("&"), *said) if variables_in(part)]

    def is_own(self, url: str) -> bool:
        """Return whether `url` is of the list's origin."""
        return origin(url) == origin(self._url)

    def without_origin(self, url: str) -> str:
        """Return `url` without the list's origin; whole where it is of another."""
        parts = urlsplit(url)
        return urlunsplit(("", "", parts.path or "/", parts.query, "")) if self.is_own(url) else url

    def resolved(self, link: str, base: str | None = None, what: str = "an item", no_url: str = "") -> str:
        """Return a link as an absolute URL of the list's own origin, or of an allowed host; Malformed else."""
        try:
            url = urljoin(base or self._base, link)
            here, there = origin(self._url), origin(url)
        except ValueError:
            here, there, url = ("", "", 0), ("", "", 0), ""
        if not url.isprintable() or there[0] not in ("http", "https", "") or not there[1]:
            raise Malformed(no_url or f"the URL of an item, {link[:80]!r}, is none")
        if here == there:
            return self._with_proof(url)
        if self._allowed.isdisjoint(_names(there)):
            if self._same_host:
                return self._with_proof(urlunsplit((*urlsplit(self._url)[:2], *urlsplit(url)[2:])))
            where = "{}://{}:{}".format(*there)
            why = f"{what} is on another host, {where}, which must not receive the credentials"
            same = "if it is this service by another name, add --same-host"
            raise Malformed(f"{why}; {same}; if it is another that you trust, add --allow-host {there[1]}")
        return url

    def _with_proof(self, url: str) -> str:
        """Return `url` with what proves who we are by its variables' names, whatever of it the server put there."""
        if not self.proof:
            return url
        names = {part.partition("=")[0] for part in self.proof}
        parts = urlsplit(url)
        kept = [part for part in parts.query.split("&") if part and part.partition("=")[0] not in names]
        return urlunsplit((*parts[:3], "&".join([*kept, *self.proof]), ""))


def with_parameters(url: str, added: Mapping[str, str], *, keep: bool = False) -> str:
    """Return `url` with parameters, encoded already, in place of its own of the same name. keep: those stay."""
    if not added:
        return url
    start, _, query = url.partition("?")
    parts = [part for part in query.split("&") if part]
    names = {unquote_plus(name) for name in added}
    own = {unquote_plus(part.partition("=")[0]) for part in parts}
    if keep:
        added = {name: value for name, value in added.items() if unquote_plus(name) not in own}
    else:
        parts = [part for part in parts if unquote_plus(part.partition("=")[0]) not in names]
    return start + "?" + "&".join([*parts, *(f"{name}={value}" for name, value in added.items())])


def _names(there: tuple[str, str, int]) -> tuple[str, ...]:
    """Return how an allowed host may be written."""
    _, host, port = there
    return host, f"{host}:{port}", f"[{host}]", f"[{host}]:{port}"
