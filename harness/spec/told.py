"""What is said of a source before the first request: which variable goes to which host."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import urlsplit

from harness.spec.source import OAuth2, Source
from harness.values import variables_in


def credentials_told(source: Source, headers: tuple[str, ...] = ()) -> str:
    """Return which variable goes to which host, "" where nothing is sent that proves who we are.

    headers: names of headers that are sent besides, and whose values are in no variable.
    """
    here = host_of(source.resource.url)
    names = [*dict.fromkeys(_to_the_list(source))]
    said = [_go([*names, *(f"the header {name}" for name in headers)], here, alone=True)] if names or headers else []
    if isinstance(source.auth, OAuth2):
        there = host_of(source.auth.token_url)
        said.append(_go([source.auth.client_id_env, source.auth.client_secret_env], there, alone=True))
        said.append(f"the tokens from there go to {here} alone")
    return "; ".join(said)


def host_of(url: str) -> str:
    """Return host and port of a URL, as it is written."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _to_the_list(source: Source) -> Iterator[str]:
    resource = source.resource
    if source.auth is not None and not isinstance(source.auth, OAuth2):
        yield from source.auth.token_env
    texts = [resource.url, *resource.params.values(), *source.headers.values(), json.dumps(resource.body)]
    if resource.item is not None:
        texts.append(resource.item.url)
    for text in texts:
        yield from variables_in(text)


def _go(names: list[str], host: str, *, alone: bool) -> str:
    *others, last = names
    joined = f"{', '.join(others)} and {last}" if others else last
    return f"{joined} {'go' if others else 'goes'} to {host}{' alone' if alone else ''}"
