"""Dialects: what a server says about its limits. One module per family."""

from __future__ import annotations

from server.dialects.base import Dialect, Headers, Level, Refusal, Situation
from server.dialects.honest import Honest

__all__ = ["Dialect", "Headers", "Honest", "Level", "Refusal", "Situation"]
