"""The one door to httpx2: its types, how its clients are made, what they trust, and what its errors mean to us.

No other module of the package imports httpx2 (an import contract holds that), so that its next major version, or the
next library, is a change of this file.

What is trusted. httpx2 leaves trust to the operating system; httpx brought certifi's list along. We pass the context
ourselves:

1. SSL_CERT_FILE and SSL_CERT_DIR, if either is set: these and nothing else. They are refused here, before the first
   request, where they hold nothing that can be used: an import must not find that out an hour later.
2. Else the system's store, so that what an administrator added (the CA of a company's proxy) or took away counts.
3. Only where that store is empty, as in a slim container without the package ca-certificates: certifi's list. It is
   not loaded beside a store that has certificates, for it would trust again what an administrator took away.

Our own test API is plain HTTP on loopback: it is asked without proxies, and trusts nobody.
"""

from __future__ import annotations

import os
import platform
import re
import ssl
from collections.abc import Mapping
from http.cookiejar import CookieJar
from pathlib import Path

import certifi
import httpx2
from httpx2 import URL, AsyncBaseTransport, AsyncClient, Auth, Headers, Request, Response

from harness.core.answers import Failed
from harness.errors import BadInput
from harness.speed import by_the_wall

__all__ = [
    "BROKEN_OFF", "ERRORS", "URL", "AsyncBaseTransport", "AsyncClient", "Auth", "Headers", "Request", "Response",
    "failure", "open_client", "open_local_client", "trusted",
]  # fmt: skip

# Servers close idle connections after 5 s; a pooled one that lives as long is reset on its next use.
KEEPALIVE_S = 4.0
# TCP and TLS: long enough for three lost SYNs (1 + 2 + 4 s).
CONNECT_S = 10.0
# Our own test API answers at once, or is gone.
LOCAL_S = 10.0

# What a request may raise, and what the body of an answer may.
ERRORS = (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL)
BROKEN_OFF = (httpx2.TransportError, httpx2.StreamError)

_UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)
_LOST = (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError, httpx2.CloseError)

# OpenSSL's codes (verify(1)) for a chain that ends at nobody known; another CA mends those, and no other.
_UNKNOWN_ISSUER = frozenset({2, 18, 19, 20, 21})
# How OpenSSL finds certificates in a folder.
_HASHED = re.compile(r"[0-9a-fA-F]{8}\.\d+")


def open_client(
    verify: ssl.SSLContext,
    auth: Auth,
    *,
    headers: Mapping[str, str],
    connections: int,
    kept_alive: int,
    timeout_s: float,
    trust_env: bool,
    transport: AsyncBaseTransport | None,
) -> AsyncClient:
    """Make a client that sends each request once and as it is: no redirects, no cookies, no time-out but to connect.

    connections: open at most; kept_alive: of them, idle ones that are used again. timeout_s bounds connecting alone.
    Raises BadInput where the proxy variables, which count with `trust_env`, cannot be used.
    """
    try:
        return AsyncClient(
            limits=httpx2.Limits(
                max_connections=connections, max_keepalive_connections=kept_alive, keepalive_expiry=KEEPALIVE_S
            ),
            timeout=httpx2.Timeout(None, connect=min(by_the_wall(CONNECT_S), timeout_s)),
            headers=headers,
            auth=auth,
            follow_redirects=False,
            event_hooks={"response": [_put_aside]},
            cookies=_NoCookies(),
            transport=transport,
            trust_env=trust_env,
            verify=verify,
        )
    except (ValueError, ImportError, OSError, httpx2.InvalidURL) as error:
        # Not its words: a proxy's address may hold a password.
        names = "HTTP_PROXY, HTTPS_PROXY, ALL_PROXY or NO_PROXY"
        raise BadInput(f"{names} cannot be used ({type(error).__name__}); fix or unset it") from None


def open_local_client() -> AsyncClient:
    """Make a client for our own test API on loopback."""
    return AsyncClient(trust_env=False, timeout=by_the_wall(LOCAL_S), verify=trusted(trust_env=False))


def trusted(environ: Mapping[str, str] = os.environ, *, trust_env: bool = True) -> ssl.SSLContext:
    """Return what certificates are verified with, as the head of this module says; nobody without `trust_env`.

    Raises BadInput where SSL_CERT_FILE, SSL_CERT_DIR or the system's store cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not trust_env:
        return context
    file, folder = environ.get("SSL_CERT_FILE"), environ.get("SSL_CERT_DIR")
    if file:
        _load_file(context, file)
    if folder:
        _load_folder(context, folder)
    return context if file or folder else _system()


def _load_file(context: ssl.SSLContext, file: str) -> None:
    ask = "name a file of certificates (PEM) that can be read, or unset it"
    try:
        context.load_verify_locations(cafile=file)
    except ssl.SSLError:
        raise BadInput(f"SSL_CERT_FILE={file} holds no certificate that can be used; {ask}") from None
    except OSError as error:
        raise BadInput(f"SSL_CERT_FILE={file} cannot be read ({error.strerror}); {ask}") from None


def _load_folder(context: ssl.SSLContext, folders: str) -> None:
    """Load every folder of `folders`, written as in PATH. One that lists nothing is no error: SSL_CERT_FILE may be
    enough.
    """
    for folder in folders.split(os.pathsep):
        if folder and not os.path.isdir(folder):
            raise BadInput(f"SSL_CERT_DIR={folders} names no folder {folder!r}; name one of certificates, or unset it")
    context.load_verify_locations(capath=folders)


def _system() -> ssl.SSLContext:
    try:
        context = httpx2.create_ssl_context(trust_env=False)
        if _is_empty(context):
            context.load_verify_locations(cafile=certifi.where())
    except OSError as error:
        ask = "mend that store, or name a file of certificates in SSL_CERT_FILE"
        raise BadInput(f"the system's certificates cannot be read ({type(error).__name__}); {ask}") from None
    return context


def _is_empty(context: ssl.SSLContext) -> bool:
    """Return whether no certificate came with the system: none loaded from a file, none to be found in OpenSSL's
    folder.
    """
    if platform.system() in ("Windows", "Darwin"):  # which verify by themselves
        return False
    if context.cert_store_stats()["x509_ca"]:
        return False
    folder = Path(ssl.get_default_verify_paths().openssl_capath)
    return not (folder.is_dir() and any(_HASHED.fullmatch(name) for name in os.listdir(folder)))


def failure(error: Exception, *, answered: bool) -> Failed:
    """Return what one of ERRORS means for a request. answered: its headers had come."""
    if isinstance(error, _UNSENT):
        return Failed("could not connect", _untrusted(error) or _say(error), sent=False)
    if isinstance(error, httpx2.InvalidURL):
        return Failed("no such address", _say(error), passing=False, sent=False)
    if isinstance(error, _LOST):
        return Failed("cut off" if answered else "connection reset", _say(error), stale=not answered)
    return Failed("no usable answer", _say(error))


def _untrusted(error: BaseException) -> str | None:
    """Return what to do about a certificate that was not accepted; None where something else went wrong."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, ssl.SSLCertVerificationError):
        found = found.__cause__ or found.__context__
    if found is None:
        return None
    ask = "if it is right, the server needs another certificate, or --url another name"
    if found.verify_code in _UNKNOWN_ISSUER:
        ask = "if you trust its issuer, name a file with the issuer's certificate in SSL_CERT_FILE"
    return f"the server's certificate is not trusted (CERTIFICATE_VERIFY_FAILED: {found.verify_message}); {ask}"


def _say(error: BaseException) -> str:
    """Return class and words of an error; where it has none, those of what caused it."""
    found: BaseException | None = error
    while found is not None and not str(found):
        found = found.__cause__ or found.__context__
    return f"{type(error).__name__}: {found or ''}".strip(": ")


class _NoCookies(CookieJar):
    """Keeps none: each request is to be as the first, and one that is not ASCII could not be sent back.

    Not a policy, which is asked only once all that there is to know of an answer's cookies was gathered.
    """

    def extract_cookies(self, response: object, request: object) -> None:
        """Leave the cookies where they are."""


async def _put_aside(response: Response) -> None:
    """Keep httpx2 from preparing to follow a redirect: it raises where the address is none."""
    if "location" in response.headers:
        response.extensions["location"] = response.headers.pop("location")
