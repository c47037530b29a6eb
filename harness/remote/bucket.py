"""One prefix of a bucket, by obstore: the one module that imports it.

obstore is taken because its writes can be conditional (If-None-Match and If-Match on S3, generations on Google's
store), on which the lease and everything that is written under it rest; pyarrow's file systems have no such writes.
Credentials, region and endpoint come from the environment by its rules (AWS_ACCESS_KEY_ID, AWS_REGION,
AWS_ENDPOINT_URL, GOOGLE_APPLICATION_CREDENTIALS, a container's or machine's role), and with AWS_PROFILE from boto3.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.errors import BadInput, MissingLibrary, StoreUnavailable
from harness.installation import need
from harness.record.files import make_folder, replace_file

if TYPE_CHECKING:
    from obstore.store import ObjectStore

EXTRA = "s3"
# No request lasts longer, with all that obstore tries again: the lease's lengths are chosen by that.
REQUEST_S = 10
# Above this a file goes in pieces, which cannot be conditional, instead of being held in memory.
MOST_AT_ONCE = 32_000_000

# What tells one version of an object from another; obstore takes it back for a conditional write.
Version = Mapping[str, str]


class Conflict(Exception):
    """A conditional write found something else than it was told. Whoever writes says what that means."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An object in a list. name: relative to the bucket's prefix; size in bytes."""

    name: str
    size: int
    version: Version


class Got(NamedTuple):
    """An object's bytes, its version, and when it was written by the store's clock (UTC)."""

    content: bytes
    version: Version
    written_utc_s: float


class Bucket:
    """The objects under one prefix. Calls block; any thread may make them."""

    def __init__(self, store: ObjectStore, url: str) -> None:
        self.url = url
        self._store = store

    def at(self, name: str) -> str:
        """Return the URL of an object."""
        return f"{self.url}/{name}"

    def get(self, name: str) -> Got | None:
        """Return an object; None where there is none."""
        with self._told():
            try:
                found = _obstore().get(self._store, name)
                return Got(bytes(found.bytes()), _version(found.meta), found.meta["last_modified"].timestamp())
            except FileNotFoundError:
                return None

    def put(self, name: str, content: bytes | Path, *, over: Version | None = None, new: bool = False) -> Version:
        """Write an object. over: only over this version; new: only where there is none; else Conflict.

        A large file is sent in pieces, and then without either condition. FileNotFoundError where the file is gone.
        """
        mode: Any = "create" if new else dict(over) if over else "overwrite"
        if isinstance(content, Path):
            large = content.stat().st_size > MOST_AT_ONCE
            content = content if large else content.read_bytes()
        how: dict[str, Any] = {"use_multipart": True}
        if not isinstance(content, Path):
            how = {"mode": mode, "use_multipart": False}
        with self._told():
            try:
                return _version(_obstore().put(self._store, name, content, **how))
            except FileNotFoundError:
                raise StoreUnavailable(_plain(self.url, "NoSuchBucket")) from None

    def entries(self, under: str = "", *, deep: bool = True) -> list[Entry]:
        """Return every object under `under` ("" for all), by name; not `deep`: without those in folders of it."""
        with self._told():
            if deep:
                metas = [meta for page in _obstore().list(self._store, prefix=under or None) for meta in page]
            else:
                metas = _obstore().list_with_delimiter(self._store, prefix=under or None)["objects"]
        return sorted((Entry(meta["path"], meta["size"], _version(meta)) for meta in metas), key=lambda one: one.name)

    def folders(self) -> list[str]:
        """Return the names right under the prefix that hold objects."""
        with self._told():
            found = _obstore().list_with_delimiter(self._store)["common_prefixes"]
        return sorted(name.strip("/") for name in found)

    def fetch(self, name: str, path: Path) -> Version:
        """Download an object to `path`, which appears whole; FileNotFoundError where there is none."""
        with self._told():
            found = _obstore().get(self._store, name)
            make_folder(path.parent)

            def write(temporary: Path) -> None:
                with open(temporary, "wb") as file:
                    for piece in found.stream(min_chunk_size=1_000_000):
                        file.write(piece)

            replace_file(path, write)
            return _version(found.meta)

    def delete(self, names: Iterable[str]) -> None:
        """Remove objects; those that are gone already are no error."""
        if some := list(names):
            with self._told():
                _obstore().delete(self._store, some)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Map the library's errors: Conflict, FileNotFoundError, or StoreUnavailable in one sentence."""
        errors = need("obstore.exceptions", EXTRA)
        try:
            yield
        except FileNotFoundError:
            raise
        except (errors.AlreadyExistsError, errors.PreconditionError):
            raise Conflict from None
        except errors.BaseError as error:
            # S3 answers a conditional write with 409 while another one of the same object is under way.
            if "409 Conflict" in str(error):
                raise Conflict from None
            raise StoreUnavailable(_plain(self.url, str(error))) from None


def open_bucket(url: str) -> Bucket:
    """Return the bucket and prefix that `url` (s3:// or gs://) names, without asking it; MissingLibrary, BadInput."""
    store: Any = need("obstore.store", EXTRA)
    settings: dict[str, Any] = {
        "client_options": {"allow_http": _over_http(), "connect_timeout": "5s", "timeout": f"{REQUEST_S}s"},
        "retry_config": {"max_retries": 2, "retry_timeout": timedelta(seconds=REQUEST_S)},
    }
    if url.startswith("s3://"):
        settings |= {"region": _region()} | _of_profile()
    try:
        return Bucket(store.from_url(url, **settings), url)
    except need("obstore.exceptions", EXTRA).BaseError as error:
        raise BadInput(f"--results {url} cannot be opened ({_first(str(error))}); correct it") from None


def _region() -> str:
    """Return the region of the environment. Compatible stores ask for none, and the library for one."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def _over_http() -> bool:
    """Return whether the endpoint that the environment names is without TLS, which the library refuses unless told."""
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    return any(os.environ.get(name, "").startswith("http://") for name in names)


def _of_profile() -> dict[str, Any]:
    """Return what takes the credentials of AWS_PROFILE, where that is set and no key is."""
    if not os.environ.get("AWS_PROFILE") or os.environ.get("AWS_ACCESS_KEY_ID"):
        return {}
    try:
        provider = need("obstore.auth.boto3", EXTRA).Boto3CredentialProvider
        return {"credential_provider": provider()}
    except MissingLibrary:
        raise MissingLibrary("AWS_PROFILE needs boto3, which is not installed; run: pip install boto3") from None
    except Exception as error:  # whatever boto3 finds wrong in the profile
        name = os.environ["AWS_PROFILE"]
        raise BadInput(f"AWS_PROFILE {name!r} cannot be used ({type(error).__name__}); correct the profile") from None


def _obstore() -> Any:
    return need("obstore", EXTRA)


def _version(meta: Any) -> Version:
    return {name: meta[name] for name in ("e_tag", "version") if meta.get(name)}


# Whose answer the library names, and what there is to do about it. The text itself may hold anything.
_CAUSES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("NoSuchBucket", lambda bucket: f"there is no bucket {bucket}; create it, or correct --results"),
    (
        "169.254.",
        lambda _: "no credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    ),
    ("metadata.google", lambda _: "no credentials were found; set GOOGLE_APPLICATION_CREDENTIALS"),
    ("InvalidAccessKeyId", lambda _: "the access key is not known there; correct AWS_ACCESS_KEY_ID"),
    ("SignatureDoesNotMatch", lambda _: "the secret does not fit the access key; correct AWS_SECRET_ACCESS_KEY"),
    ("403 Forbidden", lambda bucket: f"access is denied; let these credentials read and write the bucket {bucket}"),
    ("401 Unauthorized", lambda _: "the credentials are refused; correct them"),
    ("error sending request", lambda _: "the store cannot be reached; check the network, or AWS_ENDPOINT_URL"),
)


def _plain(url: str, said: str) -> str:
    bucket = url.partition("://")[2].partition("/")[0]
    cause = next((told(bucket) for word, told in _CAUSES if word in said), None)
    return f"{url}: {cause or f'the store failed ({_first(said)}); try again'}"


def _first(said: str) -> str:
    """Return the status and the code of an answer, or the first words of the library: never a URL with its query."""
    status, code = re.search(r"status code: (\d{3} [A-Za-z ]+)", said), re.search(r"<Code>(\w+)</Code>", said)
    if status is not None:
        return " ".join(filter(None, (status[1].strip(), code and code[1])))
    return re.sub(r"https?://\S+", "the endpoint", (said.splitlines() or ["no reason given"])[0])[:120]
