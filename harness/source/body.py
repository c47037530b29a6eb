"""Read an answer's body without trusting its size: count what it unpacks to, and never hold more than a bound.

httpx2 unpacks a chunk whole, and 64 kB of zeros packed well are 64 MB, so this module unpacks the chunks as they came
(`unpacking`). What a whole body says is read by `formats`.
"""

from __future__ import annotations

from harness.source.http import BROKEN_OFF, Response
from harness.source.rest import Garbled, Malformed
from harness.source.unpacking import ACCEPTED as ACCEPTED, BROKEN, Unpacker, unpacker
from harness.units import format_size


class TooLarge(Malformed):
    """A body beyond the bound. Asked again it would be as large."""


async def read_body(response: Response, most: int) -> bytes | bytearray:
    """Read the body, unpacked. TooLarge beyond `most` bytes, Garbled where it cannot be unpacked."""
    told = response.headers.get("content-length", "")
    if told.isdecimal() and len(told) < 20 and int(told) > most:
        raise _too_large(most)
    if response.is_stream_consumed:  # a transport in memory has it whole
        if len(response.content) > most:
            raise _too_large(most)
        return response.content
    return await _read(response, most)


async def read_start(response: Response, body: bytearray, most: int) -> None:
    """Read the first `most` bytes of the body, unpacked, into `body`, as far as they can be had.

    A body that is cut off or cannot be unpacked is no error here: `body` holds what came before, and so it does if
    this is cancelled.
    """
    if response.is_stream_consumed:
        body += response.content[:most]
        return
    packing = response.headers.get("content-encoding", "").strip().lower()
    unpacking, enough = None, False
    try:
        async for chunk in response.aiter_raw():
            if enough:
                continue
            try:
                if unpacking is None and packing not in ("", "identity"):
                    unpacking = _unpacker(packing, chunk)
                _append(body, unpacking, chunk, most)
            except Malformed:
                enough = True
                await response.aclose()  # then read to the error that this makes, as in `_read`
    except BROKEN_OFF:
        pass
    del body[most:]


async def _read(response: Response, most: int) -> bytearray:
    packing = response.headers.get("content-encoding", "").strip().lower()
    body, unpacking, wrong = bytearray(), None, None
    try:
        async for chunk in response.aiter_raw():
            if wrong is not None:
                continue  # what had come before it was closed
            try:
                if unpacking is None and packing not in ("", "identity"):
                    unpacking = _unpacker(packing, chunk)
                _append(body, unpacking, chunk, most)
            except Malformed as error:
                wrong = error
                # Closed first, then read to the error that this makes: each layer below ends its iteration itself.
                await response.aclose()
    except BROKEN_OFF:
        if wrong is None:
            raise
    if wrong is not None:
        raise wrong
    if unpacking is not None and not unpacking.finished:
        raise Garbled("the compressed body ends in the middle")
    return body  # not a copy of it: that would hold 30 MB twice


def _unpacker(packing: str, first: bytes) -> Unpacker:
    found = unpacker(packing, first)
    if found is None:
        raise Garbled(f"the body is compressed as {packing[:40]!r}, which was not requested")
    return found


def _append(body: bytearray, unpacking: Unpacker | None, chunk: bytes, most: int) -> None:
    """Append what `chunk` holds to `body`; TooLarge no more than a few pieces beyond `most`."""
    try:
        for piece in (chunk,) if unpacking is None else unpacking.feed(chunk):
            body += piece
            if len(body) > most:
                raise _too_large(most)
    except BROKEN as error:
        raise Garbled(f"the body cannot be decompressed ({error})") from None


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"the body is larger than --max-body {format_size(most)}; raise that if this is expected")
