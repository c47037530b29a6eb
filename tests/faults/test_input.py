"""The input is wrong

Flags, settings files and data files with unusable values: one sentence, exit 2, nothing written.
"""

from __future__ import annotations

import os
import random
import string
from pathlib import Path
from typing import Any

import click
import pytest
from harness_test_api import BadConfig, ServerConfig, Service
from harness_test_api.cli import main as server_main
from hypothesis import HealthCheck, given, settings, strategies as st

from harness.cli.main import cli, main as harness_main
from harness.config import SETTINGS, ImportConfig
from harness.core.answers import PageRead
from harness.errors import BadInput
from harness.flags import FLAGS
from harness.lab.experiment import simulate_run
from harness.pacing import Notice
from harness.record.events import PageRef, linked, numbered
from harness.settings import read_settings
from harness.source.headers import notice
from harness.source.rest import Malformed, Rest

FUZZ = settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# For those that start a command each time.
SPARE = settings(FUZZ, max_examples=120)
LIMITS = [
    "5/s",
    "1/0s",
    "0/s",
    "5/s:",
    "5/s:gcra:burst=",
    "5/s:aligned:tz=Mars",
    "9" * 400 + "/s",
    "5/s+5/s",
    "5,20:",
    "+",
]
WORDS = [
    *(
        "",
        " ",
        "-",
        "--",
        "=",
        ":",
        ",",
        "0",
        "-1",
        "1e999",
        "nan",
        "inf",
        "1_000",
        "0x10",
        "٣",
        "½",
        "9" * 30,
        "true",
        "null",
    ),
    *(
        "\x00",
        "\n",
        "\udc80",
        "é" * 50,
        "x" * 5000,
        "{page}",
        "{env:}",
        "{env:X}",
        "[1]",
        "{}",
        "'",
        '"',
        "../..",
        "/dev/null",
    ),
    *(
        "http://",
        "http://[",
        "http://h:99999/",
        "//h/x",
        "http://h/#x",
        "ftp://h",
        "http://h/{",
        "http://h/?key=secret",
    ),
    *("lognormal:", "bimodal:1s-", "50ms:sigma=x", "item=", "item=-1", "list=1.5", "=1", "Name:", "Name value", ": v"),
    *LIMITS,
]
TEXT = st.sampled_from(WORDS) | st.text(max_size=12) | st.text(string.printable, max_size=30)
VALUE: st.SearchStrategy[Any] = st.recursive(
    TEXT | st.none() | st.booleans() | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)


def one_sentence(text: str) -> None:
    assert text.strip()
    assert "\n" not in text
    assert len(text) < 600


# --- flags and settings -------------------------------------------------------------------------------------------


@given(st.sampled_from(sorted(SETTINGS)), VALUE)
@FUZZ
def test_any_value_of_any_setting(name: str, value: Any) -> None:
    """It is accepted, or refused in one sentence, from flags, TOML, the environment and Python alike."""
    try:
        read_settings({name: value}, None, {})
    except BadInput as error:
        one_sentence(str(error))


# Every command but the one that becomes another program.
COMMANDS: dict[str, click.Command] = {
    path: command
    for name, outer in cli.commands.items()
    for path, command in (
        [(f"{name} {inner}", command) for inner, command in outer.commands.items()]
        if isinstance(outer, click.Group)
        else [(name, outer)]
    )
    if name != "server"
}
# What is read last of all and refused by the command itself. The others refuse because there is no run.
REFUSED = dict.fromkeys(("import", "simulate", "sweep", "check"), "--seed=-1")
REFUSED |= {"recommend": "--what-if=nonsense", "set": "--workers=0", "dashboard": "--idle=nonsense"}
NOTHING_TO_REFUSE = ("runs", "prune", "presets", "calibration")  # in an empty folder, and where no preset is named
PAIR = st.builds("{}={}".format, st.sampled_from(sorted(SETTINGS.keys() - {"seed"})), TEXT) | TEXT


def words_for(option: click.Parameter) -> st.SearchStrategy[str]:
    """An option with any text, or with what click lets pass where click itself would refuse the text."""
    flag = max(option.opts, key=len)
    if getattr(option, "is_flag", False):
        return st.just(flag)
    if isinstance(option.type, click.IntRange):
        return st.just(f"{flag}=1")
    if isinstance(option.type, click.Choice):
        return st.just(f"{flag}={option.type.choices[-1]}")
    return (PAIR if flag in ("--grid", "--what-if") else TEXT).map(lambda text: f"{flag}={text}")


@given(data=st.data())
@SPARE
def test_any_words_after_any_command(
    data: st.DataObject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Any flag value and any name is refused by the command itself: exit 2, one sentence, nothing written."""
    place = tmp_path / "a" / "b"
    place.mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(place)
    name = data.draw(st.sampled_from(sorted(COMMANDS)))
    options = [option for option in COMMANDS[name].params if isinstance(option, click.Option)]
    needed = [data.draw(words_for(option)) for option in options if option.required]
    words = data.draw(st.lists(st.sampled_from(options).flatmap(words_for), max_size=3)) if options else []
    names = data.draw(st.lists(TEXT, max_size=int(len(options) < len(COMMANDS[name].params))))
    with pytest.raises(SystemExit) as ended:
        harness_main([*name.split(), *needed, *words, *([REFUSED[name]] if name in REFUSED else []), "--", *names])
    said = capsys.readouterr()
    if name in NOTHING_TO_REFUSE and ended.value.code == 0:
        assert said.err == ""
    else:
        assert (ended.value.code, said.out) == (2, "")
        assert said.err.startswith("harness: ")
        assert said.err.count("\n") == 1
    assert os.listdir(place) == []


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run, some items of which failed."""
    folder = tmp_path_factory.mktemp("looked-at")
    outcome = simulate_run(ImportConfig(items=40, scenario="hostile", run="r"), results=folder)
    assert outcome.run is not None
    return folder


FILES = TEXT.map(lambda text: text.lstrip("/") + ".csv")
LOOKS = {
    "explain": st.tuples(TEXT.map("--at={}".format)),
    "failed list": st.tuples(
        st.sampled_from(["--status={}", "--item={}", "--reason={}"]).flatmap(lambda flag: TEXT.map(flag.format)),
        (TEXT | FILES).filter(lambda text: not text.startswith("/")).map("--output={}".format),
    ),
    "failed show": st.tuples(st.sampled_from(["--status", "--item"]), TEXT).map("=".join).map(lambda word: (word,)),
    "export": st.tuples(FILES.map("--output={}".format)),
}


@given(name=st.sampled_from(sorted(LOOKS)), data=st.data())
@SPARE
def test_any_words_to_look_at_a_run(
    name: str,
    data: st.DataObject,
    results: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Times, statuses, items and output files: done, or refused in one sentence; the run is unchanged."""
    (tmp_path / "a").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / "a")
    before = sorted(results.rglob("*"))
    with pytest.raises(SystemExit) as ended:
        harness_main([*name.split(), f"--results={results}", *data.draw(LOOKS[name])])
    said = capsys.readouterr()
    assert ended.value.code in (0, 2, 3)
    assert said.err.count("\n") == (ended.value.code != 0)
    assert sorted(results.rglob("*")) == before


PLACES = ["runs --results", "export -o", "failed list -o", "report -o", "resume --results", "audit --results"]
PLACES += ["import --config", "sweep", "sweep --grid workers=1 --name"]


@pytest.mark.parametrize("words", PLACES)
@pytest.mark.parametrize("path", ["x" * 300, "a\0.csv", "a\nb.csv", "\udc80"], ids=["long", "NUL", "newline", "bytes"])
def test_a_path_that_no_file_can_have(
    words: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Too long, or with unprintable characters: quoted in the message, exit 2, nothing written."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        harness_main([*words.split(), path])
    said = capsys.readouterr()
    assert (ended.value.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert repr(path)[:50] in said.err
    assert os.listdir(tmp_path) == []


def test_a_folder_in_the_environment_that_cannot_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is refused as the flag's value would be."""
    monkeypatch.setenv("HARNESS_IMPORT_RESULTS", "x" * 300)
    for command in ("runs", "resume", "import"):
        with pytest.raises(SystemExit) as ended:
            harness_main([command])
        said = capsys.readouterr()
        assert (ended.value.code, said.out, said.err.count("\n")) == (2, "", 1)
        assert "File name too long" in said.err


@given(name=st.sampled_from(sorted(SETTINGS)), text=TEXT)
@FUZZ
def test_any_text_of_any_flag(
    name: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is read as a value; a second, surely wrong flag is then refused: exit 2, one sentence, nothing written."""
    monkeypatch.chdir(tmp_path)
    flag = FLAGS[name]
    given_ = [flag.flag] if flag.is_switch else [f"{flag.flag}={text}"]
    wrong = "--seed=-1" if name != "seed" else "--per-page=0"
    with pytest.raises(SystemExit) as ended:
        harness_main(["import", *given_, wrong])
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    assert said.err.count("\n") == 1
    assert os.listdir(tmp_path) == []


@given(content=st.binary(max_size=200) | st.text(max_size=80).map(lambda text: text.encode("utf-8", "surrogatepass")))
@FUZZ
def test_any_bytes_as_a_settings_file(content: bytes, tmp_path: Path) -> None:
    """Read, or refused in one sentence."""
    path = tmp_path / "import.toml"
    path.write_bytes(content)
    try:
        read_settings({}, path, {})
    except BadInput as error:
        one_sentence(str(error))


# --- the test API's ------------------------------------------------------------------------------------------------


@given(st.sampled_from(sorted(ServerConfig.__dataclass_fields__)), VALUE)
@FUZZ
def test_any_value_of_any_setting_of_the_server(name: str, value: Any) -> None:
    """It is accepted, or refused as a bad configuration in one sentence."""
    try:
        ServerConfig.from_mapping({name: value})
    except BadConfig as error:
        one_sentence(str(error))


@given(content=st.binary(max_size=200) | TEXT.map(lambda text: f"limit = '{text}'".encode("utf-8", "surrogatepass")))
@FUZZ
def test_any_bytes_as_a_server_file(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m harness server --config FILE`: exit 2 and one sentence that names the mistake, before it serves."""
    path = tmp_path / "server.toml"
    path.write_bytes(content)
    with pytest.raises(SystemExit) as ended:
        server_main(["--config", str(path), "--items=-1"])
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    assert "Traceback" not in said.err


@given(kind=st.sampled_from(["parquet", "csv", "jsonl"]), content=st.binary(max_size=300), seed=st.integers(0, 2**32))
@FUZZ
def test_any_bytes_as_a_data_file(kind: str, content: bytes, seed: int, tmp_path: Path) -> None:
    """Served, or refused as a bad configuration; a damaged Parquet file too."""
    path = tmp_path / f"rows.{kind}"
    if kind == "parquet" and seed % 2:
        content = _damaged(seed)
    path.write_bytes(content)
    try:
        Service(ServerConfig(data=str(path)), 0.0, 0.0)
    except BadConfig as error:
        one_sentence(str(error))


def _damaged(seed: int) -> bytes:
    """A Parquet file with some bytes changed."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(pa.table({"id": [1, 2, 3], "name": ["a", "b", None]}), file)
    content = bytearray(file.getvalue())
    rng = random.Random(seed)
    for _ in range(rng.randrange(1, 6)):
        content[rng.randrange(len(content))] = rng.randrange(256)
    return bytes(content)


# --- what an API says ----------------------------------------------------------------------------------------------

NAMES = ["retry-after", "date", "age", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"]
NAMES += ["ratelimit", "ratelimit-policy", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"]
SAID = st.text(max_size=40) | st.text('abqrtw;=",.0123456789- ', max_size=40)
SAID |= st.sampled_from(
    ["-0", "1e308", "-1e308", "nan", "Infinity", "Fri, 31 Dec 9999 23:59:59 -2400", "9999-12-31", ":AAA=:"]
)


@given(st.dictionaries(st.sampled_from(NAMES), SAID, max_size=6), st.integers(100, 599))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_any_headers(headers: dict[str, str], status: int) -> None:
    """Retry-After, RateLimit of every draft, dates: nonsense is ignored, and every number that is read is finite."""
    read = notice(status, headers, 1.8e9)
    assert isinstance(read, Notice)
    numbers = [read.retry_after_s, read.server_utc_s]
    numbers += [
        number for quota in read.quotas for number in (quota.limit, quota.remaining, quota.reset_s, quota.period_s)
    ]
    assert all(number is None or abs(number) < float("inf") for number in numbers)


@given(VALUE, st.integers(1, 3).map(numbered) | st.just(linked("https://api.test/x?page=2")), st.none() | SAID)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_any_envelope(value: Any, page: PageRef, link: str | None) -> None:
    """A list in any envelope, with any Link header, is read, or reported as malformed with the reason."""
    rest = Rest("https://api.test/x", 10, frozenset({"cdn.test"}))
    for body in (value, {"data": value}, {"data": [{"id": value}], "next": value, "total": value, "last_page": value}):
        try:
            found, _ = rest.page_of(page, body, {} if link is None else {"link": link})
        except Malformed as error:
            one_sentence(str(error))
        else:
            assert isinstance(found, PageRead)
