"""What is said of a source before the first request: which secret goes to which host."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from harness.spec.source import OAuth2, Source
from harness.values import variables_in


def sends(source: Source, header_names: Sequence[str] = ()) -> tuple[tuple[str, str], ...]:
    """Return what proves who we are and where it is sent: (name of a variable or header, host), in that order.

    header_names: of headers that are sent besides, and whose values stand in no variable.
    """
    here, auth = _host(source.resource.url), source.auth
    told: list[tuple[str, str]] = []
    if isinstance(auth, OAuth2):
        there = _host(auth.token_url)
        told += [(auth.client_id_env, there), (auth.client_secret_env, there), ("the token", here)]
    elif auth is not None:
        told += [(name, here) for name in auth.token_env]
    told += [(name, here) for text in _texts(source) for name in variables_in(text)]
    told += [(f"header {name}", here) for name in header_names]
    return tuple(dict.fromkeys(told))


def sends_told(source: Source, header_names: Sequence[str] = ()) -> str:
    """Return the same in a line, `A and B go to api.example.com alone`; "" where nothing proves who we are."""
    by_host: dict[str, list[str]] = {}
    for name, host in sends(source, header_names):
        by_host.setdefault(host, []).append(name)
    return "; ".join(f"{_joined(names)} to {host} alone" for host, names in by_host.items())


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _texts(source: Source) -> Iterator[str]:
    """Yield the texts in which a variable may stand."""
    resource = source.resource
    yield from (resource.url, *source.list_params.values(), *source.headers.values(), json.dumps(resource.body))
    if resource.item is not None:
        yield resource.item.url


def _joined(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last} go" if others else f"{last} goes"
