"""Text as people write it, to values as the config keeps them; each raises ValueError with words for people."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_plus, urlsplit

from pydantic import SecretStr

from harness.pacing import Tier, parse_tiers
from harness.pacing.refusals import RefusedWhen
from harness.pacing.tiers import by_route, parse_all
from harness.paths import printable_path, quoted, results_folder
from harness.record.clock import is_moment
from harness.units import parse_duration, parse_size

_RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLACE = re.compile(r"\{env:([^{}]*)\}")
_ANY_PLACE = re.compile(r"\{[^{}]+\}")
_HOST = re.compile(r"([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_SCENARIO = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LONGEST_LATENCY_S = 3600.0
_LONGEST_WORDS = 200


def as_tiers(value: Any) -> Any:
    """Text in the limits grammar, or several such texts (a flag given more than once), as tiers."""
    if isinstance(value, str):
        return parse_tiers(value)
    if isinstance(value, (list, tuple)) and value:
        if all(isinstance(part, str) for part in value):
            return parse_all(value)
        if all(isinstance(part, Tier) for part in value):
            return by_route(value)
    if value is None:
        return None
    raise ValueError("limits are text; write them like '500/20s+2000/100s'")


def as_number(value: Any) -> Any:
    """TOML's `true` would be read as 1."""
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()} is not a number; write one")
    return value


def as_seconds(value: Any) -> Any:
    """A negative number is one: its field says what it must be at least."""
    if isinstance(value, str) and value.startswith("-") and _is_number(value[1:]):
        return float(value)
    return parse_duration(value) if isinstance(value, str) else value


def as_share(value: Any) -> Any:
    """`80%` or 0.8."""
    share = value
    if isinstance(value, str):
        text = value.strip()
        try:
            share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
        except ValueError:
            raise ValueError(f"{quoted(value)} is not a share; write it like 80%") from None
    if isinstance(share, (int, float)) and share > 1:
        meant = 80 if share > 100 or str(value).strip().endswith("%") else share
        raise ValueError(f"{quoted(value)} is more than 100%; write a share like {meant:g}% or {meant / 100:g}")
    return share


def as_time_of_day(value: str) -> str:
    """Accept `06:00`, or `2026-11-27T06:00`, in local time; ValueError for anything else."""
    if not is_moment(value):
        raise no_time_of_day(value)
    return value


def no_time_of_day(value: str) -> ValueError:
    """Return the error for a text that is no time of day."""
    ask = "write it like 06:00, or 2026-11-27T06:00"
    return ValueError(f"{quoted(value)} is neither a time of day nor a date and time; {ask}")


def as_size(value: Any) -> Any:
    return parse_size(value) if isinstance(value, str) else value


def as_latency(value: Any) -> Any:
    """Seconds, or a distribution of them as the test API reads it, kept as its text."""
    if isinstance(value, str) and ":" in value:
        typical_latency_s(value)
        return value.strip()
    seconds = as_seconds(value)
    if isinstance(seconds, (int, float)) and not 0 <= seconds <= LONGEST_LATENCY_S:
        raise ValueError(f"{seconds:g} s is not a latency; write one from 0 to 1h, such as 50ms")
    return seconds


def typical_latency_s(latency: float | str) -> float:
    """The middle of `uniform:20ms-80ms`, the median of `lognormal:80ms:sigma=0.5`, the faster of `bimodal:50ms-1s`.

    Of seconds, those. ValueError, in words for people, for a text that is none of these.
    """
    if not isinstance(latency, str):
        return latency
    text = latency
    kind, _, rest = text.strip().partition(":")
    times, _, option = rest.partition(":")
    name, _, value = option.partition("=")
    wanted = {"uniform": (2, ""), "lognormal": (1, "sigma"), "bimodal": (2, "share")}.get(kind)
    seconds = [parse_duration(part) for part in times.split("-")]
    known = wanted is not None and len(seconds) == wanted[0] and name in ("", wanted[1])
    if not known or (name and not _is_number(value.removesuffix("%"))) or seconds != sorted(seconds):
        examples = "uniform:20ms-80ms, lognormal:80ms:sigma=0.5 or bimodal:50ms-1s:share=5%"
        raise ValueError(f"{quoted(text)} is not a latency; write it like 50ms, {examples}")
    if seconds[-1] > LONGEST_LATENCY_S:
        raise ValueError(f"{quoted(text)} is too long; write at most 1h")
    return sum(seconds) / len(seconds) if kind == "uniform" else seconds[0]


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\d+(\.\d+)?|\.\d+", text, re.ASCII) is not None


def is_loopback(url: str) -> bool:
    """Whether the URL is of this machine: another test API of our own may be there."""
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or re.fullmatch(r"127(\.\d+){3}", host) is not None


def is_scenario_file(scenario: str) -> bool:
    """Whether it is a file; a bare word is the name of a ready-made test API, whatever lies in the folder."""
    return _SCENARIO.fullmatch(scenario) is None


def as_delays(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(parse_duration(part) for part in value.split(",")) if value.strip() else ()
    if isinstance(value, (list, tuple)):
        return tuple(as_seconds(part) for part in value)
    raise ValueError("write the waits like '30,60,120,240', or '' for none")


def as_headers(value: Any) -> Any:
    given = [value] if isinstance(value, (str, SecretStr)) else value
    if isinstance(given, (list, tuple)) and all(isinstance(part, (str, SecretStr)) for part in given):
        for part in given:
            text = part if isinstance(part, str) else part.get_secret_value()
            no_placeholder(text.partition(":")[2].strip())
        return tuple(given)
    raise ValueError("headers are text; write them like 'Name: value'")


def as_hosts(value: Any) -> Any:
    """Names of hosts, `cdn.example.com` or `127.0.0.1:8001`, in lower case."""
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, (list, tuple)) or not all(isinstance(part, str) for part in given):
        raise ValueError("hosts are text; write them like cdn.example.com")
    for host in given:
        if not _HOST.fullmatch(host):
            raise ValueError(f"{quoted(host)} is not a host; write it like cdn.example.com, or with a port as :8443")
    return tuple(host.lower() for host in given)


def as_refused_when(value: Any) -> Any:
    """Answers that are refusals, `400:rate limit`, `420` or `error.code=throttled`: one or several, in one text one a
    line.
    """
    return _as_rules(value, "refusals", "refusal")


def as_fail_when(value: Any) -> Any:
    """Answers that are failures, `200:error` or `ok=false`: one or several, in one text one a line."""
    return _as_rules(value, "failures", "failure")


def _as_rules(value: Any, several: str, one: str) -> Any:
    given = (
        value.splitlines() if isinstance(value, str) else [value] if isinstance(value, (int, RefusedWhen)) else value
    )
    if not isinstance(given, (list, tuple)):
        raise ValueError(f"{several} are STATUS or STATUS:TEXT; write them like 420, or '400:rate limit', or ok=false")
    return tuple(dict.fromkeys(_rule(rule, one) for rule in given))


def _rule(rule: Any, what: str) -> RefusedWhen:
    if isinstance(rule, RefusedWhen):
        rule = str(rule)
    status, colon, words = str(rule).partition(":")
    status, words = status.strip(), words.strip()
    if not re.fullmatch("[0-9]+", status, re.ASCII) and "=" in str(rule):
        return _path_rule(str(rule))
    if len(words) > 1 and words[0] == words[-1] and words[0] in "'\"":
        words = words[1:-1].strip()
    if isinstance(rule, bool) or not re.fullmatch("[2-5][0-9][0-9]", status, re.ASCII):
        raise ValueError(
            f"{quoted(rule)} does not begin with a status from 200 to 599; write 420, or '400:rate limit', or ok=false"
        )
    if not words and status.startswith("2"):
        raise ValueError(f"{status} alone would make every success a {what}; add words of the body: '{status}:TEXT'")
    if colon and not words:
        raise ValueError(
            f"{quoted(rule)} names no text; write '{status}:TEXT', or {status} for every answer with that status"
        )
    if len(words) > _LONGEST_WORDS or not words.isprintable():
        raise ValueError(f"the text for {status} is not one line of at most {_LONGEST_WORDS} characters; shorten it")
    return RefusedWhen(int(status), words)


def _path_rule(rule: str) -> RefusedWhen:
    """`ok=false`, `error.code=throttled`. A path may hold comparisons (`errors[?code=='x']`), a value an `=`: of
    the marks that are neither of a comparison nor within brackets the first divides them.
    """
    depth = 0
    for at, mark in enumerate(rule):
        depth += (mark in "[({") - (mark in "])}")
        if (
            mark == "="
            and depth == 0
            and rule[at - 1 : at] not in ("=", "!", "<", ">")
            and rule[at + 1 : at + 2] != "="
        ):
            path, value = rule[:at].strip(), rule[at + 1 :].strip()
            break
    else:
        path, value = "", ""
    if not path or not value or len(rule) > _LONGEST_WORDS or not rule.isprintable():
        raise ValueError(f"{quoted(rule)} is not PATH=VALUE in one short line; write it like ok=false")
    return RefusedWhen(None, "", path, value)


# Of these no status can end a list: they speak of who asks, of a limit, or of a server that fails.
_NO_END = {401, 403, 429}


def as_statuses(value: Any) -> Any:
    """Statuses that end a list, 400 or 404: one or several, as numbers or text."""
    given = value.replace(",", " ").split() if isinstance(value, str) else value
    given = [given] if isinstance(given, int) else given
    if not isinstance(given, (list, tuple)):
        raise ValueError("statuses are numbers; write them like 404")
    for status in given:
        if isinstance(status, bool) or not re.fullmatch("[1-5][0-9][0-9]", str(status), re.ASCII):
            raise ValueError(f"{quoted(status)} is not a status from 100 to 599; write one like 404")
        if int(status) in _NO_END or int(status) >= 500:
            raise ValueError(f"{status} never ends a list, since it tells of a failure; leave it out")
    return tuple(dict.fromkeys(int(status) for status in given))


def as_texts(what: str, like: str) -> Callable[[Any], Any]:
    """Return a reader of one text or several (in one text one a line), none of them empty or given twice."""

    def read(value: Any) -> Any:
        given = value.splitlines() or [value] if isinstance(value, str) else () if value is None else value
        if not isinstance(given, (list, tuple)) or not all(isinstance(part, str) for part in given):
            raise ValueError(f"{what} are text; write them like {like}")
        if not all(part.strip() for part in given):
            raise ValueError(f"an empty text is not one of the {what}; write it like {like}")
        if twice := next((part for at, part in enumerate(given) if part in given[:at]), None):
            raise ValueError(f"{quoted(twice)} is given twice; leave one of the two out")
        return tuple(given)

    return read


def as_variables(value: Any) -> Any:
    """Names of environment variables, one or several, in one text one a line. No error repeats them: who mistakes the
    setting gives the secret itself.
    """
    given = value.splitlines() or [value] if isinstance(value, str) else () if value is None else value
    if not isinstance(given, (list, tuple)) or not all(isinstance(part, str) for part in given):
        raise ValueError("write the name of an environment variable, such as API_TOKEN")
    names = tuple(map(as_variable, given))
    if len(set(names)) < len(names):
        raise ValueError("one variable is named twice; name another, or leave it out")
    return names


def as_params(value: Any) -> Any:
    """`NAME=VALUE`, or several of them (in one text one a line), or a table, as a mapping of texts."""
    if isinstance(value, str):
        value = value.splitlines() or [value]
    if isinstance(value, (list, tuple)) and all(isinstance(part, str) for part in value):
        pairs = [part.partition("=") for part in value]
        if bad := next((part for part, (name, mark, _) in zip(value, pairs) if not name or not mark), None):
            shown = quoted(bad.partition("=")[0])  # not its value, which may be a secret
            raise ValueError(f"{shown} is not a parameter; write it like status=open")
        names = [name for name, _, _ in pairs]
        if twice := next((name for at, name in enumerate(names) if name in names[:at]), None):
            raise ValueError(f"{quoted(twice)} is given twice; leave one of the two out")
        return {name: text for name, _, text in pairs}
    if isinstance(value, Mapping) and all(isinstance(one, (str, int, float)) for one in value.values()):
        return {str(name): _as_query(one) for name, one in value.items()}
    raise ValueError("parameters are text; write them like status=open")


def _as_query(value: str | int | float) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def as_body(value: Any) -> Any:
    """A JSON object, as text or as a table."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"the body is not JSON ({error}); write it like '{{\"limit\": 100}}'") from None
    if not isinstance(value, Mapping):
        raise ValueError("the body is not a JSON object; write it like '{\"limit\": 100}'")
    return dict(value)


def as_preset(value: str) -> str:
    """The name of a preset, or the path of a TOML file."""
    if is_preset_file(value):
        return str(printable_path(value))
    if not _SCENARIO.fullmatch(value):
        raise ValueError(f"{quoted(value)} is not a preset; name one such as github, or a file such as ./mine.toml")
    return value


def is_preset_file(preset: str) -> bool:
    """Whether it is a file; a bare word is the name of a preset, whatever lies in the folder."""
    return preset.endswith(".toml") or "/" in preset or "\\" in preset


def as_run_name(value: str, *, what: str = "run") -> str:
    if _RUN_NAME.fullmatch(value):
        return value
    ask = "use letters, digits, dots, dashes and underscores, at most 100, beginning with a letter or digit"
    article = "an" if what[0] in "aeiou" else "a"
    raise ValueError(f"{quoted(value)} is not a name for {article} {what}; {ask}")


def as_account(value: str) -> str:
    """The name of an account."""
    return as_run_name(value, what="account")


def as_variable(value: str) -> str:
    # Not quoted: who mistakes the flag gives the token itself.
    if _VARIABLE.fullmatch(value):
        return value
    raise ValueError("give the name of an environment variable, such as API_TOKEN, and not the token itself")


def no_placeholder(value: str) -> None:
    """Raise ValueError for the value of a header that is nothing but `{cursor}`, say: nothing fills that."""
    if re.fullmatch(r"\{\w+\}", value, re.ASCII):
        raise ValueError(f"unknown placeholder {value} in a header: the only one there is {{env:NAME}}")


def variables_in(url: str) -> list[str]:
    """Names of the environment variables that a URL wants: `{env:API_KEY}`."""
    return _PLACE.findall(url)


# Words that prove who somebody is wherever they stand in a parameter's name, and those that do at its end.
_PROOFS = {"secret", "signature", "password", "passwd", "passphrase", "pwd", "jwt"}
_PROOFS_AT_END = {"key", "token", "sig", "pass", "auth", "authorization", "credential", "credentials"}
_GLUED = re.compile(
    r"(api|access|auth|app|secret|private|subscription|client|user|consumer|refresh|id|session|security|bearer)"
    r"(key|token|secret|sig|signature)"
)
# Where in a list something is, and not who asks for it: `page_token`, `sortKey`, `resumptionToken`.
_PLACE_IN_A_LIST = re.compile(
    "page|next|prev|previous|continuation|resumption|resume|cursor|skip|scroll|sync|delta|start|last|evaluated|"
    "sort|order|group|partition|primary|foreign"
)


def proves_who(parameter: str) -> bool:
    """Whether a parameter of that name looks like a secret: `client_secret`, `X-Amz-Signature`, `userKey`, `jwt`."""
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", parameter)]
    if any(word in _PROOFS or _GLUED.fullmatch(word) for word in words):
        return True
    before, last = ["", "", *words][-2:]
    return last in _PROOFS_AT_END and not _PLACE_IN_A_LIST.fullmatch(before)


def check_url(url: str) -> None:
    """ValueError, the rest of a sentence, for a URL that is none or that would put a secret into the record."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    _check_secrets(url)
    if not usable or any(character <= " " for character in url):
        raise ValueError("is not a URL; write it like https://api.example.com/orders")
    if parts.fragment:
        raise ValueError("holds a #fragment, which is never sent; leave it out")
    if parts.username or parts.password:
        raise ValueError("holds a user name or password, which would be stored; use --header instead")


def _check_secrets(url: str) -> None:
    """The URL is written down: a secret in its query must come from the environment."""
    before, _, query = url.partition("?")
    for name in variables_in(url):
        if f"{{env:{name}}}" in urlsplit(before).netloc:
            raise ValueError("holds an {env:…} in its host, where a DNS lookup would reveal it; move it")
        as_variable(name)
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if value and proves_who(unquote_plus(name)) and not _ANY_PLACE.search(value):
            how = f"export it as a variable and write {name}={{env:VARIABLE}}"
            raise ValueError(f"holds what looks like a secret in {name}=, which would be stored; {how}")


_STORES = ("redis", "rediss", "valkey", "valkeys")


def as_budget(value: str) -> str:
    """`embedded`, `none` or the URL of a Redis or Valkey, whose password may only come from the environment."""
    if value in ("embedded", "none"):
        return value
    try:
        url = urlsplit(value)
        is_store = url.scheme in _STORES and bool(url.hostname) and (url.port or 1) > 0
        is_store = is_store or (url.scheme == "unix" and url.path.startswith("/"))
    except ValueError:
        is_store = False
    if not is_store:  # it may hold a password
        what = "that" if "@" in value else quoted(value)
        raise ValueError(f"{what} is no account; write embedded, none, or redis://host:6379")
    if url.password is not None and not _PLACE.fullmatch(unquote(url.password)):
        raise ValueError("holds a password, which would be stored; export it and write redis://:{env:NAME}@host")
    return value


def as_folder(value: Any) -> Any:
    if value == "":
        raise ValueError("an empty path is not a folder; write it like results")
    return results_folder(printable_path(value)) if isinstance(value, (str, Path)) else value


def as_costs(value: Any) -> Any:
    """`item=2`, or several of them, as a mapping; what is not of that form is left for the model to refuse."""
    if isinstance(value, str):
        value = value.split(",") if value.strip() else ()
    if isinstance(value, (list, tuple)) and all(isinstance(part, str) for part in value):
        return {name.strip(): cost for name, _, cost in (part.partition("=") for part in value)}
    return value
