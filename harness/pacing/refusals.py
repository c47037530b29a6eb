"""Decide which answers are refusals by a rate limit, in one place for every strategy, client and simulator.

Servers refuse with any status. This table is read from the top; the first row that fits decides.

    told by       an answer is a refusal where                                            how sure
    -----------   --------------------------------------------------------------------   --------
    status        it is a 429 (RFC 6585 4)                                                certain
    declaration   `--refused-when STATUS[:TEXT]` or PATH=VALUE names it                   certain
    headers       its status is 400 or more and it has a Retry-After;                     doubtful
                  it is a 403 or 503 whose headers show a quota with nothing left
    body          its status is 400 or more and its body says so, by a known code         doubtful
                  (`rateLimitExceeded`), known words ("too many requests") or a field
                  that names a time to wait (`retry_after`)
    suspicion     it is a 403 or 503 that says nothing, and requests got through before   doubtful
                  (one; five where there is no other request to compare with)

401, 404 and 410 speak of a credential or of one item; only a declaration makes them refusals. A success is never looked
into unless a declaration names its status: an item may talk of rate limits. Doubtful refusals pause everyone like
certain ones, and `harness.core.doubts` then finds out whose fault they were. So a wrong guess here costs a moment,
while a refusal that is overlooked costs an item; where words are ambiguous, this module takes them for a refusal.

Words count where an API puts the reason of an error: in JSON the fields called message, code, reason and the like, at
any depth; in HTML and plain text the visible text. Nothing here does IO or reads a clock.
"""

from __future__ import annotations

import json
import math
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.pacing.base import Notice

# RFC 6585 4: no other status is by itself a refusal.
TOO_MANY_REQUESTS = 429
# They speak of a credential, or of one item that is not there.
NEVER = frozenset({401, 404, 410})
# Statuses with which gateways refuse without a word.
SUSPECT = frozenset({403, 503})
# Before so many requests got through, a bare 403 means a wrong key rather than a limit. One is enough where there is
# another request to compare with; where there is none, the verdict would be a guess.
ENOUGH_TO_SUSPECT, ENOUGH_WITH_OTHERS = 5, 1
# Error pages and problem+json are far smaller.
MOST_BODY = 64 * 1024
_DEEPEST, _MOST_NODES = 6, 2_000
# Numbers as large as these are moments, not seconds to wait: 10^8 s are three years, 10^11 ms is 1973.
_EPOCH_S, _EPOCH_MS = 1e8, 1e11


@dataclass(frozen=True, slots=True)
class RefusedWhen:
    """A declaration that answers of `status` are refusals, if their body holds `text` (in any case; "": all are).

    Or, with `path`, that answers of any status are whose body has `value` there, as text.
    """

    status: int | None
    text: str = ""
    path: str = ""
    value: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"{self.path}={self.value}"
        return f"{self.status}:{self.text}" if self.text else str(self.status)


Declared = Sequence[RefusedWhen]


# --- what status and headers tell ---------------------------------------------------------------------------------


def by_headers(notice: Notice, declared: Declared = ()) -> Notice:
    """Return `notice` with the verdict that its status and headers allow; the body may still change it, see
    `wants_body`.
    """
    if notice.status == TOO_MANY_REQUESTS or any(
        not rule.text and not rule.path for rule in _named(notice.status, declared)
    ):
        return replace(notice, refused=True, certain=True)
    return replace(notice, refused=_told_by_headers(notice))


def _told_by_headers(notice: Notice) -> bool:
    if notice.status < 400 or notice.status in NEVER:
        return False
    emptied = notice.status in SUSPECT and any(quota.remaining == 0 for quota in notice.quotas)
    return notice.retry_after_s is not None or emptied


def without_hint(notice: Notice) -> Notice:
    """Return the notice of a server whose successes have a Retry-After, too: there it is no sign of a refusal.

    Some limiters put it on whatever passes them. A 422 for a page that is too large would else be waited out for ever.
    """
    if notice.certain or not notice.refused or notice.status >= 500:
        return notice
    return replace(notice, refused=_told_by_headers(replace(notice, retry_after_s=None)))


def wants_body(notice: Notice, declared: Declared = ()) -> bool:
    """Return whether the body can change the verdict, or say for how long to wait where no header does.

    For everything else the verdict is known at the headers.
    """
    if any(rule.text or rule.path for rule in _named(notice.status, declared)) and not notice.certain:
        return True
    if notice.refused:
        return told_s(notice) == 0.0 and notice.status >= 400
    return notice.status >= 400 and notice.status not in NEVER


def _named(status: int, declared: Declared) -> list[RefusedWhen]:
    return [rule for rule in declared if rule.status in (None, status)]


def told_s(notice: Notice | None) -> float:
    """Return how long the refusal says to wait: Retry-After first (RFC 9110 10.2.3), else the latest reset of a quota
    that it does not say has something left. 0 where it says nothing, or nothing that could be waited for.
    """
    if notice is None:
        return 0.0
    resets = [quota.reset_s for quota in notice.quotas if quota.reset_s is not None and not quota.remaining]
    told = resets if notice.retry_after_s is None else [notice.retry_after_s]
    usable = (seconds for seconds in told if math.isfinite(seconds) and seconds > 0)
    return max(usable, default=0.0)


def by_suspicion(notice: Notice, let_in: int, others: bool) -> Notice:
    """Return `notice` as a refusal where it is a 403 or 503 without a word and `let_in` requests of this run got
    through.

    others: there are other requests to compare with.
    """
    if notice.refused or notice.status not in SUSPECT:
        return notice
    return replace(notice, refused=let_in >= (ENOUGH_WITH_OTHERS if others else ENOUGH_TO_SUSPECT))


# --- what the body tells ------------------------------------------------------------------------------------------


def by_body(notice: Notice, body: Any, utc_s: float, declared: Declared = ()) -> Notice:
    """Return `notice` with the verdict that takes its body into account.

    body: text, or a JSON value that was parsed already; of text the first 64 kB count. utc_s: what the time to wait
    counts from, where the body names it as a moment.
    """
    text = body[:MOST_BODY] if isinstance(body, str) else json.dumps(body, ensure_ascii=False)[:MOST_BODY]
    value = _parsed(text) if isinstance(body, str) else body
    if (rules := _named(notice.status, declared)) and _holds_any(rules, text, value):
        notice = replace(notice, refused=True, certain=True)
    if not notice.refused and (notice.status < 400 or notice.status in NEVER):
        return notice
    wait_s = _wait_s(value, utc_s)
    refused = notice.refused or wait_s is not None or _speaks_of_limits(value, text)
    header_s = notice.retry_after_s
    if refused and wait_s is not None and (wait_s > 0 or header_s is None) and told_s(notice) == 0.0:
        return replace(notice, refused=True, retry_after_s=wait_s, in_body=True, header_s=header_s)
    return replace(notice, refused=refused)


def _holds_any(rules: list[RefusedWhen], text: str, value: Any) -> bool:
    """Return whether the body has the value of one of `rules` at its path, or holds the words of one, however it is
    spaced, and whatever of it JSON escapes.
    """
    if any(rule.path and _squeezed(_text_at(rule.path, value)) == _squeezed(rule.value) for rule in rules):
        return True
    texts = [text] if value is None else [text, json.dumps(value, ensure_ascii=False)]
    squeezed = [_squeezed(text) for text in texts]
    return any(rule.text and _squeezed(rule.text) in text for rule in rules for text in squeezed)


def _text_at(path: str, value: Any) -> str:
    """Return what stands at a path (JMESPath, or exactly a key), as text: `false` for false; "" where nothing does."""
    import jmespath  # loaded where a rule has a path
    from jmespath.exceptions import JMESPathError

    if isinstance(value, dict) and path in value:
        found = value[path]
    else:
        try:
            found = jmespath.search(path, value)
        except (JMESPathError, TypeError, RecursionError):  # a function met a value of another type
            return ""
    if found is None:
        return ""
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def _squeezed(text: str) -> str:
    return "".join(text.split()).casefold()


_FIELD = re.compile(r'"([A-Za-z_-]{1,40})"\s*:\s*(?:"((?:[^"\\]|\\.){0,2000})"|([0-9.]{1,20}))')


def _parsed(text: str) -> Any:
    """Return the JSON value; of one that was cut off its fields; None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        fields = _FIELD.findall(text) if text.lstrip()[:1] in ("{", "[") else []
        return [{name: words or number} for name, words, number in fields[:500]] or None


def _nodes(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield every field of a JSON value with its name as `_plain` makes it; an array's elements bear the
    array's name.
    """
    todo: deque[tuple[str, Any, int]] = deque([("", value, 0)])
    seen = 0
    while todo and seen < _MOST_NODES:
        name, node, depth = todo.popleft()
        seen += 1
        yield name, node
        if depth == _DEEPEST:
            continue
        if isinstance(node, dict):
            todo += [(_plain(str(key)), inner, depth + 1) for key, inner in node.items()]
        elif isinstance(node, list):
            todo += [(name, inner, depth + 1) for inner in node[:100]]


def _plain(text: str) -> str:
    """Return letters and digits in lower case: `Retry-After`, `retry_after` and `retryAfter` are the same."""
    return "".join(character for character in text.lower() if character.isalnum())


_SECONDS = {
    "retryafter": 1.0, "retryafters": 1.0, "retryaftersec": 1.0, "retryaftersecs": 1.0, "retryafterseconds": 1.0,
    "retryin": 1.0, "retryinseconds": 1.0, "retrydelay": 1.0, "retrydelayseconds": 1.0,
    "retryafterms": 0.001, "retryaftermillis": 0.001, "retryaftermilliseconds": 0.001,
    "retryinms": 0.001, "retrydelayms": 0.001,
}  # fmt: skip
_DURATION = re.compile(
    r"\s*(\d{1,15}(?:\.\d{1,15})?)\s*(ms|s|sec|secs|seconds?|m|min|mins|minutes?|h|hours?)?\s*", re.I
)
_UNITS = {"ms": 0.001, "m": 60.0, "h": 3600.0}


def _wait_s(value: Any, utc_s: float) -> float | None:
    """Return the seconds to wait that a field names (Discord, Telegram, Google's RetryInfo, Binance); None: no field
    does.
    """
    waits = []
    for name, node in _nodes(value):
        if name in _SECONDS:
            wait_s = _seconds(node, _SECONDS[name], utc_s)
            if wait_s is not None:
                waits.append(wait_s)
    return max(waits, default=None)


def _seconds(node: Any, unit_s: float, utc_s: float) -> float | None:
    if isinstance(node, str):
        read = _DURATION.fullmatch(node) if len(node) < 60 else None
        if read is None:
            return None
        number, unit = float(read[1]), (read[2] or "").lower()
        if unit:
            unit_s = _UNITS["ms"] if unit == "ms" else _UNITS.get(unit[0], 1.0)
    elif isinstance(node, (int, float)) and not isinstance(node, bool):
        number = float(node) if abs(node) < 1e18 else math.inf
    else:
        return None
    if not math.isfinite(number) or number < 0:
        return None
    if number >= _EPOCH_S:
        return max(0.0, (number / 1000 if number >= _EPOCH_MS else number) - utc_s)
    return number * unit_s


# Where an API puts the reason of an error.
_REASONS = {
    "message", "messages", "msg", "error", "errors", "errormessage", "errormsg",
    "errordescription", "errortype", "errorcode", "errorname", "code", "reason", "status",
    "statustext", "type", "title", "detail", "details", "description", "cause",
    "exception", "fault", "faultstring", "errorsummary", "errorreason", "subcode", "category",
}  # fmt: skip
# A code is one word. RATE_LIMIT_REACHED, userRateLimitExceeded, rate_limit_error, rateLimited, secondary_rate_limit.
_CODE = re.compile(
    "(user|daily|api|app|application|account|secondary|global|ip|request|burst|policies)*ratelimit(s|ed|ing)?"
    "(is|was|has|been)*(exceeded|reached|hit|violated|violation|quotaviolation)?(error|exception|unreg)?"
    "|(total|api|user|daily|hourly|concurrent|app|application)*(request|requests|call|calls|query|queries)s?(rate)?"
    "limit(is|was|has|been)*(exceeded|reached|hit)(error|exception)?"
    "|(daily|hourly|user|api|request|usage)*(limit|quota)(exceeded|reached|violation)(unreg)?(error|exception)?"
    "|over(quota|ratelimit|querylimit|qps)|spikearrestviolation"
    "|too?many(api|concurrent)?(requests?|calls|queries)(error|exception)?"
    "|(request|requests)?thrott(led|ling)(error|exception)?|slowdown|serverbusy|requestratetoolarge"
    "|provisionedthroughputexceeded(exception)?|enhanceyourcalm|flood(wait)?|resourceexhausted"
)
# "limit exceeded" alone is as often one of size or number.
_NO_CODE = frozenset({"limitexceeded", "limitexceedederror", "limitexceededexception", "limitreached"})
_OVER = r"(exceed\w*|reached|hit|violat\w*|surpass\w*|breach\w*|exhausted|used up|too high)"
_UNDER = r"(exceed\w*|reached|hit|over|above|violat\w*|surpass\w*|breach\w*)"
_COUNTED = r"(requests?|calls?|quer(y|ies)|api|daily|hourly|usage|per[ -](second|minute|hour|day))"
_WORDS = re.compile(
    rf"\brate[ _-]?limit\w*\W+(\w+\W+){{0,4}}?{_OVER}\b"
    rf"|\b{_UNDER}\W+(\w+\W+){{0,6}}?rate[ _-]?limit"
    r"|\brate[ _-]?limited\b|\b(due to|because of|by) (the |our |a )?(\w+ )?rate[ _-]?limit"
    r"|\btoo[ -]many[ -](\w+ ){0,2}?(requests?|calls|queries)\b"
    rf"|\b{_COUNTED}\W+(rate\W+)?(limit|quota)\W+(\w+\W+){{0,4}}?{_OVER}\b"
    rf"|\b{_UNDER}\W+(\w+\W+){{0,4}}?{_COUNTED}\W+(rate\W+)?(limit|quota)\b"
    r"|(?<!storage )(?<!disk )(?<!space )(?<!mailbox )\bquota\W+(\w+\W+){0,2}?(exceeded|exhausted)\b"
    r"|\b(requests?|calls?|you|client|connection|been|being|was|were|is|are)\W+(\w+\W+){0,2}?throttled\b"
    r"|^\W*(request\W+)?throttl(ed|ing)\b"
    r"|\b(please|must|should|need to) slow down\b|^\W*slow ?down\W*$"
    r"|\breduce (your|the) (\w+ )?(request )?(rate|frequency)\b|^\W*rate exceeded\W*$"
    r"|\benhance your calm\b|\bover (qps|rate|quota)\b",
    re.IGNORECASE,
)
# Words that speak of a limit as a thing rather than of one that is used up: an error of the request's own.
_ABOUT = re.compile(r"\brate[ _-]?limits?\b", re.IGNORECASE)
_OTHERWISE = re.compile(
    r"\b(invalid|not valid|must|unknown|required|missing|unsupported|permissions?|permitted|allowed|access|"
    r"settings?|configur\w+|parameters?|fields?|attribute|property|columns?|not found|enabled?|disabled?|upgrade|"
    r"create|update)\b",
    re.IGNORECASE,
)
_TAGGED_CODE = re.compile(r"<(?:\w+:)?(code|errorcode|reason|type|status)>\s*([^<>]{1,200}?)\s*<", re.IGNORECASE)
_UNSEEN = re.compile(r"<(script|style)\b.*?(</\1\s*>|$)|<!--.*?(-->|$)|<[^<>]*>", re.IGNORECASE | re.DOTALL)
_LONGEST_WORDS = 2_000


def _speaks_of_limits(value: Any, text: str) -> bool:
    if isinstance(value, (dict, list)):
        return any(_is_reason(node) for name, node in _nodes(value) if name in _REASONS and isinstance(node, str))
    if isinstance(value, str):
        return _is_reason(value)
    if any(_is_code(found[2]) for found in _TAGGED_CODE.finditer(text)):
        return True
    # A JSON text that was cut off is read as text as well.
    seen = _UNSEEN.sub("\n", text) if "<" in text else text
    return any(_is_reason(line) for line in seen.splitlines() if line.strip())


def _is_reason(text: str) -> bool:
    """Return whether this is one code, or words, by which a server says that a rate limit was used up."""
    words = text[:_LONGEST_WORDS]
    if _is_code(text) or _WORDS.search(words.replace("'", "")):
        return True
    return _ABOUT.search(words) is not None and _OTHERWISE.search(words) is None


def _is_code(text: str) -> bool:
    if len(text) > 200 or len(text.split()) != 1:
        return False
    # com.amazon.coral.availability#ThrottlingException; policies.ratelimit.QuotaViolation
    codes = {_plain(part) for part in (text, *re.split(r"[#:/.]", text))} - _NO_CODE
    return any(code and _CODE.fullmatch(code) for code in codes)
