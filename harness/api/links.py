"""Link headers (RFC 8288): `<https://api.test/x?page=2>; rel="next", <...>; rel=last`.

Read by character and not by pattern, because a target may hold commas and semicolons, a title may hold `>` and quotes,
parameters come in any order, and relation types and parameter names in any case, quoted or not.
"""

from __future__ import annotations

from collections.abc import Iterator

# A header of more links than this is no list's; reading it would only cost time.
_MOST = 100


def link_targets(header: str, relation: str) -> list[str]:
    """The targets of the links that have this relation, in order. `relation`: in lower case."""
    return [target for target, relations in _links(header) if relation in relations]


def _links(header: str) -> Iterator[tuple[str, list[str]]]:
    """(target, relation types in lower case) of each link; what is no link is passed over."""
    at = 0
    for _ in range(_MOST):
        begin = header.find("<", at)
        end = header.find(">", begin)
        if begin < 0 or end < 0:
            return
        at, relations = end + 1, None
        while at < len(header) and header[at] != ",":
            name, value, at = _parameter(header, at)
            if name == "rel" and relations is None:  # RFC 8288 3.3: the first one counts
                relations = value.lower().split()
        yield header[begin + 1 : end].strip(), relations or []


def _parameter(header: str, at: int) -> tuple[str, str, int]:
    """The parameter that begins at or after `at`, and where it ends: at a `;`, a `,` or the end."""
    begin = at
    while at < len(header) and header[at] not in "=;,":
        at += 1
    name = header[begin:at].strip(" \t").lower()
    if at == len(header) or header[at] != "=":
        return name, "", at + (at < len(header) and header[at] == ";")
    at += 1
    while at < len(header) and header[at] in " \t":
        at += 1
    if at < len(header) and header[at] == '"':
        value, at = _quoted(header, at + 1)
        while at < len(header) and header[at] not in ";,":
            at += 1
    else:
        begin = at
        while at < len(header) and header[at] not in ";,":
            at += 1
        value = header[begin:at].strip(" \t'")
    return name, value, at + (at < len(header) and header[at] == ";")


def _quoted(header: str, at: int) -> tuple[str, int]:
    """A quoted string from behind its first quote, and where it ends: behind its last."""
    text = []
    while at < len(header) and header[at] != '"':
        at += header[at] == "\\"
        text.append(header[at : at + 1])
        at += 1
    return "".join(text), at + 1
