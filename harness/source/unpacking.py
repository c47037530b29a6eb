"""Unpack a body piece by piece: gzip, deflate, brotli and zstd, never more at once than asked for.

A few bytes can unpack to gigabytes, so whoever reads a body counts what comes out, piece by piece, and stops. Several
members of gzip, or frames of zstd, behind each other are one body, as their formats have it. A body that ends in the
middle is noticed: what is left of a list of lines would look like a shorter list.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator
from typing import Protocol

import brotli

if sys.version_info >= (3, 14):
    from compression.zstd import DecompressionParameter, ZstdDecompressor, ZstdError
else:
    from backports.zstd import DecompressionParameter, ZstdDecompressor, ZstdError

# What is asked for.
ACCEPTED = "gzip, deflate, br, zstd"
PIECE = 256 * 1024  # unpacked at a time
# RFC 9659: what is sent by HTTP needs no larger window than 8 MB. zstd itself would take 128 MB.
_ZSTD: dict[int, int] = {DecompressionParameter.window_log_max: 23}
_GZIP = b"\x1f\x8b"

# What a body that is not what its name says makes the libraries raise.
BROKEN = (zlib.error, brotli.error, ZstdError)


class Unpacker(Protocol):
    def feed(self, packed: bytes) -> Iterator[bytes]:
        """Yield what `packed` holds, in pieces of a few times PIECE at most. Raises one of BROKEN."""

    @property
    def finished(self) -> bool:
        """Return True if the body may end here."""


def unpacker(packing: str, first: bytes) -> Unpacker | None:
    """Return what unpacks a body of that Content-Encoding, which begins with `first`; None where nothing does."""
    if packing in ("gzip", "x-gzip"):
        return _Zlib(16 + zlib.MAX_WBITS)
    if packing == "deflate":  # RFC 9110 8.4.1.2: with zlib's wrapper, which some leave out
        return _Zlib(zlib.MAX_WBITS if first[:1] == b"\x78" else -zlib.MAX_WBITS)
    if packing == "br":
        return _Brotli()
    return _Zstd() if packing == "zstd" else None


class _Zlib:
    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._member = zlib.decompressobj(bits)

    def feed(self, packed: bytes) -> Iterator[bytes]:
        while True:
            piece = self._member.decompress(packed, PIECE)
            yield piece
            packed = self._member.unconsumed_tail
            if self._member.eof and self._bits > zlib.MAX_WBITS and self._member.unused_data.startswith(_GZIP):
                packed = self._member.unused_data
                self._member = zlib.decompressobj(self._bits)
            elif self._member.eof or (not packed and len(piece) < PIECE):
                return

    @property
    def finished(self) -> bool:
        return self._member.eof


class _Brotli:
    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    def feed(self, packed: bytes) -> Iterator[bytes]:
        while piece := self._stream.process(packed, output_buffer_limit=PIECE):
            yield piece
            packed = b""  # it may hold more, even where it would take more

    @property
    def finished(self) -> bool:
        return bool(self._stream.is_finished())


class _Zstd:
    def __init__(self) -> None:
        self._frame = ZstdDecompressor(options=_ZSTD)

    def feed(self, packed: bytes) -> Iterator[bytes]:
        while True:
            if self._frame.eof:
                self._frame = ZstdDecompressor(options=_ZSTD)
            yield self._frame.decompress(packed, PIECE)
            packed = self._frame.unused_data if self._frame.eof else b""
            if not packed and (self._frame.eof or self._frame.needs_input):
                return

    @property
    def finished(self) -> bool:
        return self._frame.eof
