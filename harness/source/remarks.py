"""Read what an answer says about itself besides its records: whether the request went well.

Many servers report an error with status 200, in fields of their own invention: `"code": 40029`, `"stat": "fail"`,
`"errmsg": "token expired"`. No list of such errors is complete. So a page keeps what it says about itself as *remarks*,
one line each, and `harness.record.discovery` compares those of a page without records with those of the pages that
had some. What plainly means success is not a remark, so an ordinary list has none.

A remark that means an error wherever it stands begins with `!`: no other page is needed for comparison.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from harness.source.way_on import ENVELOPE, ERROR_WORDS, leaves, says_past_end, values_of, words_of

_MOST_REMARKS = 8
_MOST_MARKS = 80
_MOST_DEPTH = 3  # of keys: `status.error_code`, `response.meta.status`

# Fields that hold the outcome, fields that are set where something went wrong, and fields that speak to people.
_OUTCOMES = {"code", "status", "stat", "statuscode", "errno", "retcode", "returncode", "resultcode", "responsecode",
             "rc", "ret"}  # fmt: skip
_GOOD_IF_TRUE = {"success", "ok", "succeeded", "successful", "successfully", "issuccess", "isok"}
_BAD_IF_SET = {"error", "errors", "err", "errcode", "errorcode", "errno", "errmsg", "errormsg", "errormessage",
               "errormessages", "fault", "exception", "fail", "failed", "failure", "failures", "haserror", "iserror",
               "timedout", "throttled"}  # fmt: skip
_WORDS = {"message", "messages", "msg", "detail", "details", "reason", "warning", "warnings", "notice", "description",
          "title", "partial", "degraded"}  # fmt: skip

_GOOD = {"", "ok", "okay", "success", "successful", "successfully", "succeeded", "true", "yes", "y", "done", "complete",
         "completed", "normal", "none", "null", "undefined", "empty",
         "no error", "no errors", "no content"}  # fmt: skip
_BAD = {"nok", "ko", "no", "false", "abort", "aborted", "critical", "fatal", "busy", "unknown"}
# Words of a server that found nothing, and speaks of nothing else.
_NOTHING = re.compile(
    r"\b(no|zero|0)\s+(\w+\s+){0,2}?(data|records?|results?|items?|entries|rows|matches|content|more)\b"
    r"|\b(nothing|none|no\s+\w+)\s+(was\s+|were\s+)?(found|left|more)\b|\bempty\b|^not found$",
    re.IGNORECASE,
)
_FALSE = {"false", "0", "no", "n"}
_TRUE = {"true", "yes", "y"}


def remarks(about: Mapping[str, Any], sent: str = "") -> str:
    """Return what a body says about itself besides plain success: lines `name=value`, with `!` before errors.

    about: the body without its records. sent: the URL that was requested, whose values a server may repeat.
    """
    echo = values_of(sent)
    found: list[str] = []
    texts: list[str] = []
    for path, value in leaves(about):
        words = words_of(path[-1])
        if len(path) > _MOST_DEPTH or str(value) in echo.get("".join(words), ()):
            continue
        texts += [value] if isinstance(value, str) and _kinds(words) else []
        bad = _judged(words, value)
        if bad is None:
            continue
        found.append(f"{'!' if bad else ''}{_line(path, value)}")
    if any(map(says_past_end, texts)) and not any(_is_failure(line) for line in found):
        return ""
    return "\n".join(dict.fromkeys(found[:_MOST_REMARKS]))


def tells_of_error(value: Mapping[str, Any]) -> str | None:
    """Return the remark by which an item's answer reports an error, or None.

    Only an answer that holds nothing but remarks can do so: an item has a status and a message of its own, such as the
    status of a job or the message of a commit.
    """
    if not all(_is_of_envelope(str(name)) or not inner for name, inner in value.items()):
        return None
    return next((line[1:] for line in remarks(value).split("\n") if line.startswith("!")), None)


def _is_of_envelope(name: str) -> bool:
    words = words_of(name)
    return name.lower().lstrip("_") in ENVELOPE or bool(_kinds(words) or words in (("result",), ("return", "msg")))


def _kinds(words: tuple[str, ...]) -> str:
    """Classify a field by its words: `e` set on errors, `g` true on success, `o` an outcome, `w` words; else ""."""
    joined, each = "".join(words), set(words)
    if joined in _BAD_IF_SET or each & {"error", "errors", "err", "fault", "exception"} or each >= {"timed", "out"}:
        return "e"
    if joined in _GOOD_IF_TRUE:
        return "g"
    if joined in _OUTCOMES or (words and words[-1] in ("code", "status")) or words == ("result",):
        return "o"
    return "w" if joined in _WORDS or (words and words[-1] in ("message", "msg", "warning", "warnings")) else ""


def _judged(words: tuple[str, ...], value: Any) -> bool | None:
    """Return True if a field reports an error, False if it may, None if it does not."""
    kind = _kinds(words)
    text = str(value).strip().lower().replace("_", " ").rstrip(".!")
    if not kind or value is None or value in ([], {}):
        return None
    if kind == "e":
        return None if text in (_GOOD - _TRUE) | _FALSE or not text.strip("0") else True
    if kind == "g":
        return True if text in _FALSE else None
    if text in _GOOD or (not isinstance(value, (list, bool)) and _NOTHING.search(text) and not _is_error(text)):
        return None
    return _told_by_text(text) if kind == "w" else _told_by_outcome(text)


def _told_by_text(text: str) -> bool | None:
    if text in _FALSE or says_past_end(text):
        return None
    return _is_error(text)


def _told_by_outcome(text: str) -> bool | None:
    if text.lstrip("-").isdecimal():
        number = int(text[:20])
        return None if number == 0 or 200 <= number < 300 else number >= 400 or number < 0
    return text in _BAD or _is_error(text)


def _is_error(text: str) -> bool:
    return ERROR_WORDS.search(text) is not None


def _is_failure(line: str) -> bool:
    """Return whether a status says more than "this page is missing": bad credentials, a limit, a broken server."""
    number = line.rpartition("=")[2]
    return line.startswith("!") and number.isdecimal() and (number in ("401", "403", "429") or number.startswith("5"))


def _line(path: tuple[str, ...], value: Any) -> str:
    text = "".join(mark if mark.isprintable() else " " for mark in f"{'.'.join(path)}={value}")
    return text[:_MOST_MARKS]
