"""Answers that are declared to be failures: by status, text, or what stands at a path (Slack's `ok: false`)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from harness.spec.paths import Path
from harness.spec.source import AnswerRule
from harness.spec.templates import as_text


def failed_by(rules: Sequence[AnswerRule], status: int, body: Any) -> str | None:
    """Return the first rule that an answer meets, as it is written; None where it meets none.

    body: text, or a JSON value that was parsed already.
    """
    rules = [rule for rule in rules if rule.status in (None, status)]
    if not rules:
        return None
    value = body
    if isinstance(body, str) and any(rule.path is not None for rule in rules):
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            value = None
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return next((str(rule) for rule in rules if _meets(rule, value, text)), None)


def _meets(rule: AnswerRule, value: Any, text: str) -> bool:
    if rule.path is not None:
        there, found = _path(rule.path).look(value)
        return there and _folded(as_text(found)) == _folded(rule.value or "")
    return _folded(rule.text) in _folded(text)


_path = lru_cache(maxsize=64)(Path)


def _folded(text: str) -> str:
    return "".join(text.split()).casefold()
