"""Settings from flags, environment and TOML: who wins, which names are known, and one sentence for what is wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from harness.config import SETTINGS, ImportConfig
from harness.errors import BadInput
from harness.flags import DURATIONS, flag_of
from harness.settings import checked, given, read_settings, resolve, written_config

SECRET = "sk-l1ve-0123"


def read(tmp_path: Path, toml: str | None = None, env: dict[str, str] | None = None, **flags: Any) -> ImportConfig:
    path = None if toml is None else tmp_path / "import.toml"
    if path is not None:
        path.write_text(toml or "")
    return read_settings(flags, path, {"PATH": "/bin", **(env or {})})


def sentence(tmp_path: Path, toml: str | None = None, env: dict[str, str] | None = None, **flags: Any) -> str:
    """What is said; it is one sentence that ends without a full stop."""
    with pytest.raises(BadInput) as caught:
        read(tmp_path, toml, env, **flags)
    text = str(caught.value)
    assert "\n" not in text
    assert not text.endswith(".")
    return text


def test_flags_win_over_the_environment_over_toml_over_defaults(tmp_path: Path) -> None:
    """Each setting is taken from the strongest place that gives it."""
    toml, env = "workers = 1\nper_page = 1\nseed = 1", {"HARNESS_IMPORT_WORKERS": "2", "HARNESS_IMPORT_PER_PAGE": "2"}
    config = read(tmp_path, toml, env, workers="3")
    assert (config.pacing.workers, config.source.per_page, config.run.seed, config.retry.timeout) == (3, 2, 1, 30.0)


@pytest.mark.parametrize("key", ["as_json", "json", "as-json"])
def test_a_setting_has_its_flags_name_too(key: str, tmp_path: Path) -> None:
    """`json` as the flag is called, with dashes or underscores, in TOML and in the environment."""
    assert read(tmp_path, f"{key} = true").run.as_json
    assert read(tmp_path, env={f"HARNESS_IMPORT_{key.upper().replace('-', '_')}": "1"}).run.as_json
    assert read(tmp_path, "retry-delays = [30, '1m']").retry.delays == (30.0, 60.0)


def test_every_duration_is_among_those_that_need_a_unit() -> None:
    """By its type; but for the waits before a retry, which are seconds by their help."""
    seconds = {name for name, field in SETTINGS.items() if "as_seconds" in f"{field.annotation}{field.metadata}"}
    assert seconds | {"latency"} == {*DURATIONS}


def test_a_number_is_seconds_where_no_hand_typed_it_without_a_unit(tmp_path: Path) -> None:
    """In TOML, in Python and in a run's own file; what was typed into the environment needs a unit as a flag does."""
    assert read(tmp_path, "latency = 80\ntimeout = 2.5").test_api.latency == 80.0
    assert read(tmp_path, timeout=5).retry.timeout == 5.0
    assert written_config(tmp_path, {"latency": 80.0, "timeout": 30.0, "linger": 3}).test_api.latency == 80.0
    assert written_config(tmp_path, {"latency": "uniform:0.02-0.08"}).test_api.latency == "uniform:0.02-0.08"
    assert given({"latency": "0", "timeout": "5s", "workers": None}) == {"latency": "0", "timeout": "5s"}
    said = sentence(tmp_path, env={"HARNESS_IMPORT_TIMEOUT": "5"})
    assert said == "HARNESS_IMPORT_TIMEOUT: 5 has no unit; write 5ms, 5s or 5m"
    with pytest.raises(BadInput, match=r"^--max-time: 90 has no unit; write 90ms, 90s or 90m$"):
        given({"max_time": "90"})
    with pytest.raises(BadInput, match=r"^--latency: 80 has no unit"):
        checked({"latency": "80"})


def test_toml_in_its_own_types(tmp_path: Path) -> None:
    """Numbers, booleans and arrays are taken as such, and so are texts as for flags."""
    config = read(tmp_path, 'limit = ["5/s", "50/m"]\nheader = "A: b"\ndetail = false\ntimeout = 2.5\nresults = "x"')
    assert (len(config.limits), resolve(config).headers, config.source.detail) == (2, {"A": "b"}, False)
    assert (config.retry.timeout, config.run.results) == (2.5, Path("x"))


@pytest.mark.parametrize(
    ("toml", "env", "flags", "said"),
    [
        ("workers = 0", {}, {}, "workers in {toml} must be at least 1, not 0"),
        ("workers = 1.5", {}, {}, "workers in {toml} must be a whole number, not 1.5"),
        ("json = 'maybe'", {}, {}, "as_json in {toml} must be true or false, not 'maybe'"),
        ("limit = 500", {}, {}, "limit in {toml}: limits are text; write them like '500/20s+2000/100s'"),
        ("timeout = [1]", {}, {}, "timeout in {toml} must be a number or a duration such as 20s, not [1]"),
        ("timeout = 0.0", {}, {}, "timeout in {toml} must be more than 0, not 0"),
        ("url = 5", {}, {}, "url in {toml} must be text"),
        ("results = 5", {}, {}, "results in {toml} must be the path of a folder, not 5"),
        ("retry_delays = [1, -1]", {}, {}, "retry_delays in {toml} must be at least 0, not -1"),
        ("header = {A = 'b'}", {}, {}, "header in {toml}: headers are text; write them like 'Name: value'"),
        (
            "[import]\nworkers = 3",
            {},
            {},
            "unknown setting 'import' in {toml}; leave it out, or see python -m harness import",
        ),
        ("wrokers = 3", {}, {}, "unknown setting 'wrokers' in {toml}; leave it out, or write workers"),
        ("workers = ", {}, {}, "--config {toml} is not TOML (Invalid value (at end of document)); fix it there"),
        (None, {"WORKERS": "0"}, {}, "HARNESS_IMPORT_WORKERS must be at least 1, not 0"),
        (None, {"LIMIT": "lots"}, {}, "HARNESS_IMPORT_LIMIT: 'lots' is not a limit; write limits like"),
        (
            None,
            {"WROKERS": "3"},
            {},
            "unknown setting 'wrokers' in the environment (HARNESS_IMPORT_WROKERS); leave it out, or write workers",
        ),
        (None, {}, {"workers": "1001"}, "--workers must be at most 1,000, not 1001"),
        (None, {}, {"retry_delays": ",".join("1" * 21)}, "--retry-delays must be 20 values at most, not (1.0,"),
        (
            None,
            {},
            {"pacing": "fast"},
            "--pacing must be 'auto', 'window', 'spaced', 'reference', 'retry-after', 'backoff' or 'aimd', not 'fast'",
        ),
        (None, {}, {"timeout": "soon"}, "--timeout: 'soon' is not a duration; write it like 50ms, 20s, 5m, 2h or 1d"),
        (None, {}, {"run": "x" * 99 + "/"}, "--run: 'xxxxx"),
    ],
)
def test_what_is_wrong_is_said_where_it_was_given(
    toml: str | None, env: dict[str, str], flags: dict[str, Any], said: str, tmp_path: Path
) -> None:
    """One sentence names the setting as it was written there, what it takes, and what it was given."""
    named = {f"HARNESS_IMPORT_{key}": value for key, value in env.items()}
    text = sentence(tmp_path, toml, named, **flags)
    assert text.startswith(said.format(toml=tmp_path / "import.toml"))
    assert len(text) < 400


def test_a_config_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """Missing, a folder, or not text."""
    for path, why in ((tmp_path / "no.toml", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(BadInput, match=rf"--config {path} cannot be read \({why}.*\); name a TOML file"):
            read_settings({}, path, {})
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match=r"binary.toml is not TOML .*; fix it there"):
        read_settings({}, tmp_path / "binary.toml", {})


@pytest.mark.parametrize(
    ("toml", "env", "flags"),
    [
        (f'header = {{Authorization = "{SECRET}"}}', {}, {}),
        (f'header = ["{SECRET}"]', {}, {}),
        (f'header = [["{SECRET}"]]', {}, {}),
        (f'token_env = "{SECRET}"', {}, {}),
        (f'token_env = ["{SECRET}"]', {}, {}),
        (f'url = ["https://u:{SECRET}@h/"]', {}, {}),
        (f'headers = "Authorization: {SECRET}"', {}, {}),
        (None, {"HARNESS_IMPORT_TOKEN_ENV": SECRET}, {}),
        (None, {"HARNESS_IMPORT_TOKEN": SECRET}, {}),
        (None, {}, {"header": (f"Authorization: {SECRET}",), "workers": "0"}),
        (None, {}, {"header": (SECRET,)}),
        (None, {}, {"token_env": SECRET}),
        (None, {}, {"token_env": SECRET.replace("-", "_")}),
        (None, {}, {"url": f"https://u:{SECRET}@h/x"}),
    ],
)
def test_a_secret_given_wrongly_is_not_repeated(
    toml: str | None, env: dict[str, str], flags: dict[str, Any], tmp_path: Path
) -> None:
    """In the wrong place, the wrong form, or beside something else that is wrong: the sentence is without it."""
    text = sentence(tmp_path, toml, env, **flags)
    assert SECRET not in text
    assert SECRET.replace("-", "_") not in text


def test_a_config_made_in_python_is_explained_in_the_same_words() -> None:
    """A notebook shows the sentence that the command line would."""
    with pytest.raises(BadInput) as caught:
        ImportConfig(workers=0)
    assert str(caught.value) == "--workers must be at least 1, not 0"
    with pytest.raises(BadInput) as caught:
        ImportConfig(nonsense=1)  # type: ignore[call-arg]
    assert str(caught.value) == "unknown setting 'nonsense'; leave it out"
    with pytest.raises(BadInput) as caught:
        ImportConfig(limt="5/s")  # type: ignore[call-arg]
    assert str(caught.value) == "unknown setting 'limt'; leave it out, or write limit"


def test_every_flag_is_named_after_its_setting() -> None:
    """Dashes for underscores, the alias where there is one, and --no- for what is on unless told."""
    assert [flag_of(name) for name in ("per_page", "as_json", "detail")] == ["--per-page", "--json", "--no-detail"]
    assert all(re.fullmatch(r"--[a-z]+(-[a-z]+)*", flag_of(name)) for name in SETTINGS)


def test_toml_in_tables_for_each_part(tmp_path: Path) -> None:
    """By the name that a setting has in its part, or by its flat name; beside settings outside any table."""
    nested = """
        workers = 3
        [source]
        url = "https://api.example.com/orders"
        headers = ["A: b"]
        per-page = 7
        [pacing]
        limit = ["5/s", "9/m"]
        strategy = "spaced"
        [retry]
        delays = [1, "2m"]
        [run]
        name = "nightly"
        json = true
    """
    flat = """
        workers = 3
        url = "https://api.example.com/orders"
        header = ["A: b"]
        per_page = 7
        limit = "5/s+9/m"
        pacing = "spaced"
        retry_delays = [1, "2m"]
        run = "nightly"
        json = true
    """
    config = read(tmp_path, nested)
    assert config == read(tmp_path, flat)
    assert config.given() == read(tmp_path, nested.replace("delays =", "retry_delays =")).given()
    assert read(tmp_path, nested, {"HARNESS_IMPORT_PACING": "window"}, workers="9").pacing.workers == 9
    assert read(tmp_path, "[test_api]\nitems = 5\nserver_limit = '3/s'").test_api.items == 5


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[retry]\ndelay = 5", "unknown setting 'delay' in [retry] in {toml}; leave it out, or write delays"),
        ("[source]\nworkers = 5", "workers in [source] in {toml} belongs in [pacing], as workers; move it there"),
        ("per_page = 3\n[source]\nper_page = 4", "per_page stands twice in {toml}; leave one of the two out"),
        ("[retry]\ndelays = [-1]", "retry_delays in {toml} must be at least 0, not -1"),
        ("source = 5", "source in {toml} is a part of the settings; write it as a table, [source]"),
    ],
)
def test_a_table_that_does_not_fit(toml: str, said: str, tmp_path: Path) -> None:
    """Named by its table; a setting stands once, in its table or outside."""
    assert sentence(tmp_path, toml).startswith(said.format(toml=tmp_path / "import.toml"))


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[run.name]\nmax_items = 3", "name in [run] in {file} must be a value, not a table"),
        ("[pacing.strategy]\nx = 1", "strategy in [pacing] in {file} must be a value, not a table"),
        ("[[source]]\nurl = 'x'", "source in {file} is a part of the settings; write it as a table, [source]"),
        ("[source]\nworkers = 4", "workers in [source] in {file} belongs in [pacing], as workers; move it there"),
        ("[sorce]\nurl = 'x'", "unknown setting 'sorce' in {file}; leave it out, or write source"),
        ("[retry]\ndelays = '1'\nretry_delays = '2'", "retry_delays stands twice in {file}; leave one of the two out"),
    ],
)
def test_tables_that_are_wrong_are_said_to_be(toml: str, said: str, tmp_path: Path) -> None:
    """Where, and what to write instead."""
    file = tmp_path / "x.toml"
    file.write_text(toml)
    with pytest.raises(BadInput) as refused:
        read_settings({}, file, {})
    assert str(refused.value) == said.format(file=file)


def test_a_part_with_a_dash_is_that_part(tmp_path: Path) -> None:
    """As flags have dashes and settings underscores."""
    file = tmp_path / "x.toml"
    file.write_text("[test-api]\nitems = 7")
    assert read_settings({}, file, {}).test_api.items == 7


def test_a_setting_twice_within_a_part_and_a_change_by_another_name() -> None:
    """The first is refused; the second is the change that was meant."""
    with pytest.raises(BadInput, match=r"^retry_delays is given twice in retry; leave one of the two out$"):
        ImportConfig(retry={"delays": "1", "retry_delays": "2"})
    assert ImportConfig(as_json=True).with_settings(json=False).run.as_json is False
