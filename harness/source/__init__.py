"""Ask an API: the `Api` protocol, the httpx2 client behind it, header dialects, and the mapping of a REST API."""

from harness.source.base import Api, Got

__all__ = ["Api", "Got"]
