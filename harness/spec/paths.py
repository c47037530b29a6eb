"""Paths into an answer: JMESPath, a key as it is written, or a header.

Three readings, tried in this order:

    header:NAME      the header of that name, in any case of letters
    a plain path     keys with dots between them. A key may hold dots itself: at each object the longest part of the
                     path that is a key of it counts, so `@odata.nextLink` and `meta.@odata.nextLink` need no quotes.
                     `!` before it is the opposite of what stands there, as in JMESPath
    anything else    JMESPath (https://jmespath.org), unless the whole text is a key of the object; keys that hold
                     its operators are written in double quotes, as there

A plain path is read here, without jmespath: it tells a key that is there and null from one that is not there, which
is what says that a list has ended. An expression finds a value or nothing.
"""

from __future__ import annotations

import re
import shlex
import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

HEADER = "header:"
_NO_HEADERS: Mapping[str, str] = {}
# What JMESPath writes operators with; a path without them is plain.
_OPERATORS = re.compile(r"[\[\]{}()|&*?!<>=\"'`,]")
_LOGIC = re.compile(r"[&|!<>=]")  # what may join two things, of which `!` is of the first alone
_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 5.1
_MISSING: Any = object()
_FALSE: tuple[Any, ...] = (None, False, "", [], {})  # as JMESPath has it; 0 == False is, too: an `is_last` of 0 is none


class Path:
    """A path into an answer; ValueError, one sentence, where the text is none."""

    __slots__ = ("_expression", "_opposite", "header", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.header: str | None = None
        self._expression: Any = None
        self._opposite: Path | None = None
        if not text or not text.isprintable() or text != text.strip():
            raise ValueError(f"{text!r} is not a path: write a key such as next, or keys such as meta.next")
        if text.startswith(HEADER):
            self.header = text.removeprefix(HEADER).strip().lower()
            if not _FIELD_NAME.fullmatch(self.header):
                raise ValueError(f"{text!r} names no header: write it as header:X-Next-Page")
        elif text[0] == "!" and text[1:] and not _LOGIC.search(text[1:]):
            self._opposite = Path(text[1:])
        elif _OPERATORS.search(text):
            self._expression = _compiled(text)
        elif not all(text.split(".")):
            raise ValueError(f"{text!r} is not a path: a key is missing beside one of its dots")

    def find(self, value: Any, headers: Mapping[str, str] = _NO_HEADERS) -> Any:
        """Return what stands there, None where nothing does. headers: of the answer, by lower-case name."""
        found = self._find(value, headers)
        return None if found is _MISSING else found

    def look(self, value: Any, headers: Mapping[str, str] = _NO_HEADERS) -> tuple[bool, Any]:
        """Return whether something stands there, null included, and what. An expression cannot tell null."""
        found = self._find(value, headers)
        return (False, None) if found is _MISSING else (True, found)

    def _find(self, value: Any, headers: Mapping[str, str]) -> Any:
        if self.header is not None:
            return headers.get(self.header, _MISSING)
        if isinstance(value, dict) and self.text in value:
            return value[self.text]
        if self._opposite is not None:
            return self._opposite.find(value, headers) in _FALSE
        if self._expression is None:
            return _walk(value, self.text)
        found = _search(self._expression, value)
        return _MISSING if found is None else found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Path) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Path({self.text!r})"


def shell_quoted(text: str) -> str:
    """Return `text` as a shell reads it back: for commands that are printed to be copied."""
    return shlex.quote(text)


def _walk(value: Any, text: str) -> Any:
    """Return what stands at a plain path. The longest key wins, as one with dots was surely written on purpose."""
    if not isinstance(value, dict):
        return _MISSING
    if text in value:
        return value[text]
    at = text.rfind(".")
    while at > 0:
        if text[:at] in value:
            found = _walk(value[text[:at]], text[at + 1 :])
            if found is not _MISSING:
                return found
        at = text.rfind(".", 0, at)
    return _MISSING


@lru_cache(maxsize=64)
def _compiled(text: str) -> Any:
    import jmespath  # loaded where an expression is used: help and plain paths do without
    from jmespath.exceptions import JMESPathError, UnknownFunctionError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PendingDeprecationWarning)  # of an old way to write a literal
            expression = jmespath.compile(text)
    except JMESPathError as error:
        quotes = "a key that holds such characters is written in double quotes"
        raise ValueError(f"{text!r} is not a path in JMESPath: {_reason(error)}; {quotes}") from None
    try:
        expression.search({})
    except UnknownFunctionError as error:
        raise ValueError(f"{text!r} is not a path in JMESPath: {_reason(error)}") from None
    except JMESPathError:
        pass  # a function that wants an array, say: an answer may have one
    return expression


def _reason(error: Exception) -> str:
    """Return the library's first line, which says what; the others draw a mark under the text."""
    return str(error).splitlines()[0].rstrip(":. ") if str(error) else type(error).__name__


def _search(expression: Any, value: Any) -> Any:
    from jmespath.exceptions import JMESPathError

    try:
        return expression.search(value)
    except (JMESPathError, TypeError, RecursionError):  # a function met a value of another type: nothing is there
        return None
