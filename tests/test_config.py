"""The one definition of every setting: what it takes, what it refuses and in which words, what it writes down."""

from __future__ import annotations

import builtins
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from pydantic import SecretStr

from harness import ImportConfig, Unpaced, parse_tiers
from harness.config import PacingSpec, RetrySpec, RunSpec, SourceSpec
from harness.errors import BadInput
from harness.record.run import create_run
from harness.session.importing import config_of
from harness.settings import read_settings, resolve
from harness.source.child import server_flags
from harness.values import typical_latency_s

URL = "https://api.example.com/orders"


def message(**values: Any) -> str:
    """The whole sentence about a config made in Python, or about what it names and is not there."""
    with pytest.raises(BadInput) as caught:
        resolve(ImportConfig(**values))
    return str(caught.value)


def test_values_as_people_type_them() -> None:
    """Durations with units, limits in the grammar or in Laravel's, lists with commas; Python's own types too."""
    config = ImportConfig(url=URL, limit="500,20:2000,100", timeout="1.5m", retry_delays="1s,1m", header="A: b")
    assert config.pacing.limit == parse_tiers("500/20s+2000/100s")
    assert (config.retry.timeout, config.retry.delays) == (90.0, (1.0, 60.0))
    assert resolve(config).headers == {"A": "b"}
    same = ImportConfig(
        url=URL, limit=config.pacing.limit, timeout=90, retry_delays=[1, "1m"], header=[SecretStr("A: b")]
    )
    assert same == config
    assert ImportConfig(limit=["500/20s", "2000/100s"]).pacing.limit == config.pacing.limit
    assert ImportConfig(retry_delays="").retry.delays == ()


def test_what_holds_where_nothing_is_said() -> None:
    """The test API and the client agree on its limits; a foreign URL has none; lingering lasts as the timeout."""
    usual = parse_tiers("500/20s+2000/100s")
    assert (ImportConfig().limits, ImportConfig().server_limits) == (usual, usual)
    assert ImportConfig(limit="5/s").server_limits == parse_tiers("5/s")
    assert ImportConfig(server_limit="5/s").limits == parse_tiers("5/s")
    both = ImportConfig(limit="5/s", server_limit="3/s")
    assert (both.limits, both.server_limits) == (parse_tiers("5/s"), parse_tiers("3/s"))
    assert ImportConfig(url=URL).limits == ()
    assert (ImportConfig(scenario="laravel").limits, ImportConfig(scenario="laravel").server_limits) == ((), None)
    assert ImportConfig(scenario="laravel").strategy == "auto"
    assert ImportConfig(scenario="laravel", server_limit="3/s").limits == parse_tiers("3/s")
    assert (ImportConfig(timeout=7).linger_s, ImportConfig(linger=0).linger_s) == (7.0, 0.0)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"workers": 0}, ["--workers must be at least 1, not 0"]),
        ({"workers": "ten"}, ["--workers must be a whole number or 'auto', not 'ten'"]),
        ({"items": -1}, ["--items must be at least 0, not -1"]),
        ({"timeout": 0}, ["--timeout must be more than 0, not 0"]),
        ({"timeout": float("nan")}, ["--timeout"]),
        ({"timeout": float("inf")}, ["--timeout"]),
        ({"rtt_floor": float("nan")}, ["--rtt-floor"]),
        ({"retry_delays": 5}, ["--retry-delays", "write the waits like '30,60,120,240'"]),
        ({"retry_delays": [-1]}, ["--retry-delays", "at least 0"]),
        ({"retry_delays": [1] * 21}, ["--retry-delays", "20 values at most"]),
        ({"limit": 500}, ["--limit", "write them like '500/20s+2000/100s'"]),
        ({"limit": []}, ["--limit", "write them like '500/20s+2000/100s'"]),
        ({"limit": [5, "1/s"]}, ["--limit", "write them like '500/20s+2000/100s'"]),
        ({"header": 5}, ["--header", "write them like 'Name: value'"]),
        ({"header": {"A": "b"}}, ["--header", "write them like 'Name: value'"]),
        ({"header": [5]}, ["--header", "write them like 'Name: value'"]),
        ({"run": "a/b"}, ["--run", "'a/b' is not a name for a run; use letters, digits"]),
        ({"run": "x" * 101}, ["--run", "at most 100"]),
        ({"run": "x\n"}, ["--run", "is not a name for a run"]),
        ({"pacing": 5}, ["--pacing"]),
        ({"nonsense": 1}, ["unknown setting 'nonsense'; leave it out"]),
    ],
)
def test_a_bad_value_from_python_says_what_to_change(values: dict[str, Any], words: list[str]) -> None:
    """ImportConfig raises BadInput, one sentence that names the setting and what it takes."""
    text = message(**values)
    assert all(word in text for word in words), text
    assert "\n" not in text


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example.com",
        "ftp://x/y",
        "http://",
        "https://h:99999/x",
        "https://h:0/",
        "https://h/x y",
        "http://[",
        "/x",
    ],
)
def test_an_address_that_is_none(url: str) -> None:
    """Only http and https with a host, a port that exists, and no blanks."""
    assert "--url is not a URL; write it like https://api.example.com/orders" in message(url=url)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"url": URL, "items": 5}, "--items belongs to the test API, which --url replaces"),
        ({"url": URL, "server_limit": "5/s"}, "--server-limit belongs to the test API"),
        ({"url": URL, "latency": 1}, "--latency belongs to the test API"),
        ({"url": URL, "scenario": "laravel"}, "--scenario belongs to the test API"),
        ({"scenario": "laravel", "pacing": "window"}, "--pacing window needs to know the limits; add --limit"),
        ({"url": URL + "#top"}, "--url holds a #fragment, which is never sent; leave it out"),
        ({"url": URL, "pacing": "window"}, "--pacing window needs to know the limits; add --limit"),
        ({"url": URL, "pacing": "reference"}, "--pacing reference needs to know the limits; add --limit"),
        ({"fresh": True, "resume": True, "run": "x"}, "--fresh and --resume contradict each other; leave one out"),
        ({"resume": True}, "need the run's name; add --run NAME"),
        ({"dry_run": True, "resume": True, "run": "x"}, "--dry-run only makes a plan; leave out --fresh or --resume"),
        ({"dry_run": True, "fresh": True, "run": "x"}, "--dry-run only makes a plan; leave out --fresh or --resume"),
        ({"results": __file__}, "is a file; name a folder"),
        ({"results": ""}, "an empty path is not a folder"),
    ],
)
def test_what_does_not_fit_together(values: dict[str, Any], sentence: str) -> None:
    """Settings that contradict each other are refused in one sentence that says which to leave out or add."""
    assert sentence in message(**values)


# --- secrets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "key",
        "api_key",
        "apikey",
        "apiKey",
        "APIKey",
        "token",
        "access_token",
        "accessToken",
        "client_secret",
        "x-api-key",
        "refresh_token",
        "id_token",
        "idtoken",
        "session_token",
        "X-Amz-Signature",
        "X-Amz-Security-Token",
        "user_key",
        "consumer_key",
        "auth",
        "sig",
        "pass",
        "passwd",
        "password",
        "Password",
        "jwt",
        "client%5Fsecret",
        "subscription-key",
        "secret_id",
    ],
)
def test_a_secret_of_the_query_is_known_by_its_name(name: str) -> None:
    """In the clear it would be written down: it is refused, and told without its value."""
    with pytest.raises(BadInput) as caught:
        ImportConfig(url=f"https://a.example/x?state=open&{name}=l1ve0123", limit="1/s")
    assert f"looks like a secret in {name}=" in str(caught.value)
    assert "l1ve0123" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "page_token",
        "nextPageToken",
        "continuationToken",
        "resumptionToken",
        "LastEvaluatedKey",
        "sort_key",
        "sortKey",
        "author",
        "keyword",
        "monkey",
        "compass",
        "bypass",
        "tokens_min",
        "design",
        "id",
        "user",
        "session",
        "page",
    ],
)
def test_a_place_in_the_list_is_no_secret(name: str) -> None:
    """What says where to go on, or only sounds like one, may stand in the clear."""
    assert (
        ImportConfig(url=f"https://a.example/x?{name}=abc", limit="1/s").source.url == f"https://a.example/x?{name}=abc"
    )


SECRET = "sk-l1ve-0123"


@pytest.mark.parametrize(
    "values",
    [
        {"header": f"{SECRET}"},
        {"header": f"X: {SECRET}\r\nY: 1"},
        {"header": f"X: {SECRET}ü"},
        {"header": {"Authorization": SECRET}},
        {"header": [f"Authorization: {SECRET}"], "workers": 0},
        {"header": [f"Authorization: {SECRET}"], "fresh": True},
        {"header": [f"Authorization: {SECRET}"], "token_env": "TOKEN"},
        {"token_env": SECRET},
        {"token_env": SECRET.replace("-", "_")},
        {"token_env": [SECRET]},
        {"url": f"https://user:{SECRET}@api.example.com/orders"},
        {"url": [f"https://{SECRET}@x"]},
    ],
)
def test_a_secret_given_wrongly_is_not_repeated(values: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in pydantic's message, whichever setting is wrong and whichever holds it."""
    monkeypatch.setenv("TOKEN", SECRET)
    text = message(**values)
    assert SECRET not in text
    assert SECRET.replace("-", "_") not in text


@pytest.mark.parametrize("token", ["", "  ", "a\nb", "tökén", "a\x00b".replace("\x00", "\x01")])
def test_a_token_that_cannot_be_sent_is_refused(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing, of two lines, or not ASCII: said before the first request, without the token."""
    monkeypatch.setenv("TOKEN", token)
    text = message(token_env="TOKEN", url=URL)
    assert "--token-env names a variable that" in text
    assert token.strip() == "" or token not in text


def test_a_token_is_sent_as_bearer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blanks and a line's end around it are no part of it."""
    monkeypatch.setenv("TOKEN", f" {SECRET}\n")
    assert resolve(ImportConfig(token_env="TOKEN")).headers == {"Authorization": f"Bearer {SECRET}"}


NAMES = st.from_regex(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}", fullmatch=True)
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)


@given(NAMES, VALUES.filter(lambda value: len(value.strip()) > 5))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_a_header_is_sent_and_never_written(name: str, value: str) -> None:
    """As given but for blanks around it; what is written, printed or shown holds the name alone."""
    value = f"Zq7{value.strip()}7qZ"  # no word that stands in a file anyway
    config = ImportConfig(url=URL, header=f"{name}:{value}")
    assert resolve(config).headers == {name: value.strip()}
    written = json.dumps(config.as_written())
    assert config.as_written()["header_names"] == [name]
    for shown in (written.replace(json.dumps(name), ""), repr(config).replace(name, ""), str(config)):
        assert value.strip() not in shown


@pytest.mark.parametrize(
    ("latency", "typical_s"),
    [("80ms", 0.08), (0.08, 0.08), ("lognormal:80ms", 0.08), ("uniform:20ms-80ms", 0.05), ("bimodal:50ms-1s", 0.05)],
)
def test_latency_is_a_time_or_a_distribution(latency: Any, typical_s: float) -> None:
    """As the test API reads it; the middle of a uniform one, the median of a lognormal, the faster of two."""
    kept = ImportConfig(latency=latency).test_api.latency
    assert kept is not None
    assert typical_latency_s(kept) == pytest.approx(typical_s)


# --- what the test API is told ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "--unless-set latency=0.05s --seed 0 --items 1000 --limit 500/20s+2000/100s"),
        ({"scenario": "github"}, "--unless-set latency=0.05s --scenario github --seed 0"),
        (
            {"scenario": "faulty", "items": 5, "limit": "9/s", "server_limit": "5/s", "latency": "lognormal:80ms"},
            "--unless-set latency=0.05s --scenario faulty --seed 0 --items 5 --limit 5/1s --latency lognormal:80ms",
        ),
        ({"scenario": __file__, "seed": 3}, f"--unless-set latency=0.05s --config {__file__} --seed 3"),
        (
            {"items": 7, "limit": "5/s", "latency": "10ms", "cost": "item=2"},
            "--unless-set latency=0.05s --seed 0 --items 7 --limit 5/1s --latency 0.01s --cost item=2",
        ),
    ],
)
def test_the_test_api_is_told_what_was_asked_for_and_a_scenario_decides_the_rest(
    values: dict[str, Any], words: str
) -> None:
    """Its latency is 50 ms unless it is set there; its limits are those of the client unless a scenario has its own."""
    assert " ".join(server_flags(ImportConfig(**values))) == words


# --- what a run remembers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"url": URL, "limit": "500/20s:gcra:burst=10+10000/d:aligned:tz=UTC", "max_items": 5, "detail": False},
        {"items": 30, "server_limit": "5/2s", "latency": "10ms", "sequential": True, "retry_delays": "", "linger": 0},
        {"scenario": "laravel", "latency": "lognormal:80ms:sigma=0.3"},
        {"url": URL, "pacing": "retry-after", "rtt_floor": "5ms", "per_page": 7, "workers": 3, "seed": 9},
    ],
)
def test_a_run_goes_on_with_the_settings_it_was_started_with(values: dict[str, Any], tmp_path: Path) -> None:
    """What is written reads back to the same settings; what is said anew wins."""
    config = ImportConfig(results=tmp_path, **values)
    run = create_run(tmp_path, "r", {"config": json.loads(json.dumps(config.as_written()))}, 0.0)
    expected = config.with_settings(run="r", resume=True)
    assert config_of(run) == expected
    assert config_of(run, workers="2").pacing.workers == 2


def test_a_run_goes_on_with_what_was_set_since(tmp_path: Path) -> None:
    """`set` outlives its session; what is said anew wins."""
    config = ImportConfig(results=tmp_path, url=URL, workers=3, limit="5/1s", share=0.5)
    run = create_run(tmp_path, "r", {"config": json.loads(json.dumps(config.as_written()))}, 0.0)
    run.note(asked={"workers": 20, "limit": "100/20s"})
    assert (config_of(run).pacing.workers, config_of(run).limits) == (20, parse_tiers("50/20s"))
    assert config_of(run, limit="7/1s").limits == parse_tiers("3/1s")


def test_a_strategy_of_ones_own_is_remembered_by_its_name() -> None:
    """An object cannot be written; its name tells what it was."""
    assert ImportConfig(pacing=Unpaced()).as_written()["pacing"] == "unpaced"


@pytest.mark.parametrize("given", ["list=3,item=2", ["list=3", "item=2"], {"list": 3, "item": 2}])
def test_costs_are_read_however_they_are_written(given: Any) -> None:
    """As one text, as a flag given twice, as a table; and what run.json says is read back."""
    config = ImportConfig(cost=given)
    assert (config.pacing.list_cost, config.pacing.item_cost, ImportConfig().pacing.item_cost) == (3, 2, 1)
    assert ImportConfig(**{"cost": config.as_written()["cost"]}).pacing.cost == config.pacing.cost


def test_a_cost_that_never_fits_is_refused_before_the_first_request() -> None:
    """Naming the limit in whose way it is."""
    for limit in ("5/s+100/m", "10/s:gcra:burst=5"):
        with pytest.raises(BadInput, match=r"--cost item=6 never fits the limit"):
            ImportConfig(cost="item=6", limit=limit)


def test_auto_is_a_number_of_workers() -> None:
    """Up to 200; and a number is a number, also as text."""
    assert (ImportConfig(workers="auto").pacing.most_workers, ImportConfig(workers="7").pacing.most_workers) == (200, 7)


@pytest.mark.parametrize(
    ("value", "rules"),
    [
        ("420", ["420"]),
        (420, ["420"]),
        ("400:rate limit", ["400:rate limit"]),
        ("400:'rate limit'", ["400:rate limit"]),
        ('400: "rate: limit"', ["400:rate: limit"]),
        (["400:a", "200:b", "400:a"], ["400:a", "200:b"]),
        ("400:a\n403", ["400:a", "403"]),
        ((), []),
    ],
)
def test_what_to_take_for_a_refusal(value: Any, rules: list[str]) -> None:
    """B7: one or several, from a flag, TOML or a variable (one a line); what is written can be read again."""
    config = ImportConfig(refused_when=value)
    assert config.as_written()["refused_when"] == rules
    assert ImportConfig(refused_when=rules).source.refused_when == config.source.refused_when


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("rate limit", "does not begin with a status from 200 to 599"),
        ("4xx", "does not begin with a status"),
        ("42", "does not begin with a status"),
        ("600:x", "does not begin with a status"),
        (True, "does not begin with a status"),
        ([True], "does not begin with a status"),
        ({"400": "x"}, "refusals are STATUS"),
        ("200", "would make every success a refusal"),
        ("200:''", "would make every success a refusal"),
        ("400:", "names no text"),
        ("400:" + "x" * 201, "at most 200 characters"),
        ("400:a\x00b", "one line"),
    ],
)
def test_what_cannot_be_taken_for_a_refusal(value: Any, words: str) -> None:
    """In one sentence, with what to write instead."""
    with pytest.raises(BadInput, match=words) as refused:
        read_settings({"refused_when": value}, None, {})
    assert "\n" not in str(refused.value)


# --- parts and flat names -----------------------------------------------------------------------------------------

# The config of a run.json, as revisions wrote it: the first that kept one, and the last before settings had parts.
FIRST = {
    **{"url": URL, "items": None, "server_limit": None, "latency": None, "workers": 7, "limit": "500/20s"},
    **{"per_page": 50, "max_items": 9, "sequential": False, "detail": True, "timeout": 20.0},
    **{"retry_delays": [1.0, 120.0], "rtt_floor": 0.0, "linger": None, "token_env": None, "seed": 0},
    **{"pacing": "window", "header_names": []},
}
FLAT = {
    **{"url": URL, "items": None, "server_limit": None, "scenario": None, "latency": None, "workers": 7},
    **{"limit": "500/20s+2000/100s:aligned", "cost": {"item": 2}, "per_page": 50, "max_items": 9},
    **{"sequential": False, "detail": False, "accept_list": False, "timeout": 20.0, "retry_delays": [1.0, 120.0]},
    **{"breaker": 20, "max_failures": None, "max_failure_rate": 0.05, "max_time": None, "until": "06:00"},
    **{"share": 0.8, "rtt_floor": 0.0, "linger": 3.0, "refused_when": ["400:rate limit"], "max_body": 1000000},
    **{"max_pause": 86400.0, "allow_host": [], "token_env": None, "seed": 0, "pacing": "window", "header_names": []},
}


@pytest.mark.parametrize("written", [FIRST, FLAT], ids=["first", "flat"])
def test_a_run_of_an_older_revision_goes_on(written: dict[str, Any], tmp_path: Path) -> None:
    """Its run.json holds flat names: each is found where it is kept now, and is written again as it was."""
    run = create_run(tmp_path, "r", {"config": written}, 0.0)
    config = config_of(run)
    assert (config.source.url, config.pacing.workers, config.pacing.strategy) == (URL, 7, "window")
    assert (config.retry.delays, config.run.max_items, config.run.name) == ((1.0, 120.0), 9, "r")
    assert config.as_written().items() >= written.items()


def test_settings_can_be_given_as_parts() -> None:
    """As models, as mappings, beside flat names; and they are the same settings."""
    flat = ImportConfig(url=URL, header="A: b", limit="5/s", pacing="spaced", workers=3, run="x", retry_delays="1")
    models = ImportConfig(
        source=SourceSpec(url=URL, headers=["A: b"]),
        pacing=PacingSpec(limit="5/s", strategy="spaced", workers=3),
        retry=RetrySpec(delays="1"),
        run=RunSpec(name="x"),
    )
    both = ImportConfig(
        source=SourceSpec(url=URL),
        header="A: b",
        pacing={"strategy": "spaced", "limit": "5/s"},
        workers=3,
        run={"name": "x"},
        retry={"retry_delays": "1"},
    )
    assert flat == models == both
    assert flat.given() == models.given() == both.given()
    assert list(flat.given()) == ["url", "header", "limit", "workers", "pacing", "retry_delays", "run"]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"pacing": PacingSpec(limit="5/s"), "limit": "6/s"}, "limit is given twice, also as pacing.limit; leave one"),
        ({"run": RunSpec(name="a"), "seed": 1, "results": "x"}, None),
        ({"run": {"as_json": True}, "json": True}, "json is given twice, also as run.as_json; leave one of the two"),
        ({"source": {"header": "A: b"}, "header": "A: b"}, "header is given twice, also as source.headers; leave one"),
        ({"source": 5}, "source is a part of the settings; give it as a table"),
        ({"source": {"nonsense": 5}}, "unknown setting 'nonsense'; leave it out"),
        ({"pacing": SourceSpec(url=URL)}, "pacing is a part of the settings; give it as a table of them"),
    ],
)
def test_a_setting_is_given_once(values: dict[str, Any], sentence: str | None) -> None:
    """Flat or in its part; different settings of one part may be given in both ways."""
    if sentence is None:
        assert len(ImportConfig(**values).given()) == 3
    else:
        assert sentence in message(**values)


def test_other_settings_by_their_flat_names() -> None:
    """Read, changed and checked by the name that the flag has."""
    config = ImportConfig(limit="5/s", pacing="window")
    other = config.with_settings(limit="9/s", retry_delays="1,2", run="x")
    assert (other["limit"], other["retry_delays"], other["run"]) == (parse_tiers("9/s"), (1.0, 2.0), "x")
    assert (other["pacing"], config["limit"], config.given().keys()) == (
        "window",
        parse_tiers("5/s"),
        {"limit", "pacing"},
    )
    assert config.with_settings(pacing=PacingSpec(limit="9/s"), seed=3).given().keys() == {"limit", "seed"}
    with pytest.raises(BadInput, match="--workers must be at least 1, not 0"):
        config.with_settings(workers=0)
    with pytest.raises(KeyError):
        config["nonsense"]


class _Untouchable(dict[str, str]):
    """An environment that nobody may look into."""

    def _refuse(self, *_: Any) -> Any:
        raise AssertionError("the environment was read")

    __getitem__ = __contains__ = __iter__ = get = keys = items = _refuse


def test_validation_reads_neither_the_environment_nor_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is named: a token, a secret of the URL, a folder, a file, a moment. Resolving is what looks."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("the disk was read")

    real = os.environ
    with monkeypatch.context() as patched:
        for name in ("open", "stat", "lstat", "listdir", "scandir", "access"):
            patched.setattr(os, name, refuse)
        patched.setattr(builtins, "open", refuse)
        patched.setattr(io, "open", refuse)
        patched.setattr(os, "environ", _Untouchable())
        made = [
            ImportConfig(),
            ImportConfig(url=f"{URL}?key={{env:API_KEY}}", token_env="TOKEN", results="no/where", until="06:00"),
            ImportConfig(scenario="no/file.toml", run="x", resume=True, until="2026-11-27T06:00"),
        ]
        made += [config.with_settings(seed=3) for config in made]
        assert [config.as_written()["seed"] for config in made] == [0, 0, 0, 3, 3, 3]
        with pytest.raises(AssertionError, match="was read"):
            resolve(made[1])
    assert os.environ is real


@pytest.mark.parametrize(
    ("values", "environ", "sentence"),
    [
        ({"token_env": "TOKEN"}, {}, "--token-env names a variable that is not set; export it first"),
        ({"url": f"{URL}?key={{env:KEY}}"}, {}, "--url names the variable KEY, which is not set; export it first"),
        (
            {"url": f"{URL}?key={{env:KEY}}"},
            {"KEY": "a\nb"},
            "--url names the variable KEY, which is not a single line",
        ),
        ({"results": __file__}, {}, f"--results {__file__} is a file; name a folder"),
        ({"results": "x" * 300}, {}, "--results: 'xxx"),
        ({"scenario": "no/file.toml"}, {}, "--scenario: there is no file 'no/file.toml'; name a preset"),
        ({"until": "0001-01-01T00:00"}, {}, "--until: '0001-01-01T00:00' is neither a time of day nor a date"),
    ],
)
def test_what_settings_name_is_looked_up_in_one_place(
    values: dict[str, Any], environ: dict[str, str], sentence: str
) -> None:
    """Before the first request, in the words that it has wherever the setting was given."""
    with pytest.raises(BadInput) as caught:
        resolve(ImportConfig(**values), environ)
    assert str(caught.value).startswith(sentence)


def test_what_was_looked_up_is_shown_nowhere() -> None:
    """Headers and variables are secrets: not in what Python shows of them."""
    config = ImportConfig(url=f"{URL}?key={{env:KEY}}", token_env="TOKEN")
    resolved = resolve(config, {"KEY": SECRET, "TOKEN": SECRET})
    assert (resolved.headers, resolved.variables) == ({"Authorization": f"Bearer {SECRET}"}, {"KEY": SECRET})
    assert SECRET not in repr(resolved)
