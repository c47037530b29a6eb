"""Numbers and timestamps in items.parquet and exports: exactly what the API wrote, or text."""

from __future__ import annotations

import csv
import json
import re
import tempfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings, strategies as st

from harness.record import formats
from harness.record.formats import Options
from harness.record.items import export, write_items
from harness.record.kinds import moment
from harness.record.literals import Literal, dumps, loads, one_line
from harness.record.recorder import Recorder
from harness.record.run import create_run
from tests.record.samples import imported, listed, started

PLAIN, STAMPED = Options(), Options(timestamps=True)


def kept(folder: Path, payloads: list[str], options: Options = PLAIN, batch: int = 10_000) -> pa.Table:
    """items.parquet of items 0, 1, 2 … with these payloads, read `batch` at a time."""
    recorder = Recorder(folder, "r", 1)
    for item, payload in enumerate(payloads):
        recorder.put(item, payload)
    recorder.flush()
    before, formats.BATCH = formats.BATCH, batch
    try:
        return pq.read_table(write_items(folder, options=options))
    finally:
        formats.BATCH = before


def column(folder: Path, literals: list[str], batch: int = 1, options: Options = PLAIN) -> tuple[str, list[Any]]:
    """Type and values of a field that holds these JSON texts, one in each item."""
    found = kept(folder, [f'{{"x": {text}}}' for text in literals], options, batch).column("x")
    return str(found.type), found.to_pylist()


D = Decimal


@pytest.mark.parametrize("batch", [1, 100])
@pytest.mark.parametrize(
    ("literals", "kind", "values"),
    [
        (["0.1", "2.5", "3"], "double", [0.1, 2.5, 3.0]),
        (["1.0", "-0.0"], "double", [1.0, -0.0]),
        (["1e5", "1.5E-7", "2e+22"], "double", [1e5, 1.5e-7, 2e22]),
        (["0.30000000000000004"], "double", [0.30000000000000004]),
        (["5e-324", "1.7976931348623157e308"], "double", [5e-324, 1.7976931348623157e308]),
        (["0.1000"], "decimal128(4, 4)", [D("0.1000")]),
        (["19.90", "5"], "decimal128(4, 2)", [D("19.90"), D("5.00")]),
        (["19.90", "1e2", "2.5E-3"], "decimal128(7, 4)", [D("19.9000"), D("100.0000"), D("0.0025")]),
        (["0.1234567890123456789", "null"], "decimal128(19, 19)", [D("0.1234567890123456789"), None]),
        (["9007199254740993", "0.5"], "decimal128(17, 1)", [D("9007199254740993.0"), D("0.5")]),
        (["9007199254740992", "0.5"], "double", [9007199254740992.0, 0.5]),
        (["9223372036854775807", "-9223372036854775808"], "int64", [2**63 - 1, -(2**63)]),
        (["9223372036854775808", "-1"], "decimal128(19, 0)", [D(2**63), D(-1)]),
        (["9" * 38], "decimal128(38, 0)", [D("9" * 38)]),
        (["9" * 39, "1"], "string", ["9" * 39, "1"]),
        (["9" * 5_000, "1"], "string", ["9" * 5_000, "1"]),
        (["9" * 30, "0." + "1" * 9], "string", ["9" * 30, "0." + "1" * 9]),
        (["1e400", "0.1000"], "string", ["1e400", "0.1000"]),
        (["1e-400"], "string", ["1e-400"]),
        (["1e99999999999999999999", "1.50"], "string", ["1e99999999999999999999", "1.50"]),
        (["1E30", "0.1000"], "decimal128(35, 4)", [D(10**30), D("0.1000")]),
        (["0E1", "0.00"], "decimal128(2, 2)", [D("0.00"), D("0.00")]),
        (["-0"], "double", [-0.0]),
        (["0.1000", '"a"'], "string", ["0.1000", "a"]),
        (["0.1000", "true"], "string", ["0.1000", "true"]),
        (["[0.1000, 2]", "[]"], "list<element: decimal128(5, 4)>", [[D("0.1000"), D("2.0000")], []]),
        (['{"a": 19.90}', '{"b": 1}'], "struct<a: decimal128(4, 2), b: int64>",
         [{"a": D("19.90"), "b": None}, {"a": None, "b": 1}]),
        (['{"a": 1e400}', '{"a": 0.1000}'], "string", ['{"a": 1e400}', '{"a": 0.1000}']),
        (['[1.50, "a", null, {"é": [0.10]}]'], "string", ['[1.50, "a", null, {"é": [0.10]}]']),
    ],
)  # fmt: skip
def test_a_number_is_a_float_only_where_it_reads_back(
    literals: list[str], kind: str, values: list[Any], batch: int, tmp_path: Path
) -> None:
    """Else a decimal as wide as the column needs, else text as it was written; the same however it is batched."""
    found = column(tmp_path, literals, batch)
    assert (found[0], list(map(repr, found[1]))) == (kind, list(map(repr, values))) or found == (kind, values)


LITERALS = st.one_of(
    st.from_regex(r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.from_regex(r"-?[0-9]{1,3}\.[0-9]{2}", fullmatch=True).filter(lambda text: json_number(text)),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(2**70), 2**70).map(str),
)


def json_number(text: str) -> bool:
    return re.fullmatch(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", text) is not None


@given(st.lists(LITERALS, min_size=1, max_size=5), st.sampled_from(["{}", "[{}]", '{{"a": {}}}']), st.booleans())
@example(["1.0", "0.10"], "{}", True)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_no_number_changes(literals: list[str], around: str, together: bool) -> None:
    """Any JSON numbers: of a float the text is the number, of a decimal the value; text is as it was written."""
    with tempfile.TemporaryDirectory() as name:
        texts = [around.format(text) for text in literals]
        kind, values = column(Path(name), texts, 100 if together else 1)
    for literal, text, value in zip(literals, texts, values, strict=True):
        inner = value[0] if isinstance(value, list) else value["a"] if isinstance(value, dict) else value
        if kind == "string":
            assert inner == (literal if around == "{}" else text)
        elif isinstance(inner, float):
            assert D(repr(inner)) == D(literal)
            fraction = literal.partition(".")[2] if "e" not in literal.lower() else ""
            assert len(fraction) < 2 or fraction[-1] != "0"
        else:
            assert D(inner) == D(literal)


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=3) | LITERALS.map(loads),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
        max_leaves=8,
    )
)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_json_is_written_as_it_was_read(value: Any) -> None:
    """Numbers keep their spelling through any nesting; the rest is as `json` has it."""
    text = dumps(value)
    assert dumps(loads(text)) == text
    assert json.loads(text) == json.loads(json.dumps(value))


def test_numbers_keep_their_spelling() -> None:
    """A Literal is a float to all who do not ask; nesting as deep as Python reads is written."""
    text = '{"a": [1.50, 1e400, -0, 1.5, {"b": 0.10}], "c": {}, "d": []}'
    value = loads(text)
    assert (value["a"][0], type(value["a"][0]), type(value["a"][3])) == (1.5, Literal, float)
    assert dumps(value) == text
    deep = "[" * 900 + "0.10" + "]" * 900
    assert dumps(loads(deep)) == deep


@pytest.mark.parametrize(
    ("payload", "line"),
    [
        (r'{"a":"\u00e4\u20ac"}', '{"a":"ä€"}'),
        (r'{"a":"\ud83d\ude00"}', '{"a":"😀"}'),
        (r'{"a":"\ud83d","b":"\ude00x\ud83d\u0041"}', r'{"a":"\ud83d","b":"\ude00x\ud83dA"}'),
        (r'{"a":"\\u00e4\\\u00e4"}', r'{"a":"\\u00e4\\ä"}'),
        (r'{"a":"\u0022\u005c\u0000\u000a\/\n"}', r'{"a":"\u0022\u005c\u0000\u000a\/\n"}'),
        ('{"a":\r\n  0.10,\n"b": 1}', '{"a":    0.10, "b": 1}'),
    ],
)
def test_json_lines_have_real_characters(payload: str, line: str) -> None:
    """Whatever UTF-8 can hold; halves of pairs and what JSON must escape stay, and no number is touched."""
    assert one_line(payload) == line
    assert json.loads(line) == json.loads(payload)


@given(st.dictionaries(st.text(max_size=3), st.text(max_size=5) | st.integers(), max_size=3), st.booleans())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_a_line_says_what_the_payload_says(value: dict[str, Any], indented: bool) -> None:
    """Any texts, escaped by Python: one line without an escape that need not be, and the same value."""
    line = one_line(json.dumps(value, indent=1 if indented else None))
    assert json.loads(line) == value
    assert "\n" not in line
    assert line.encode()
    assert not re.search(r"(?<!\\)(\\\\)*\\u(?!00[01]|[dD][89a-fA-F])", line) or "\x7f" in str(value)


@pytest.mark.parametrize("batch", [1, 100])
@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["2024-02-29T23:59:59Z", "2024-02-29T23:59:59.123456+02:00", None], "timestamp[us, tz=UTC]"),
        (["2024-02-29 23:59", "0001-01-01T00:00:00.5"], "timestamp[us]"),
        (["2024-02-29T23:59:59.1234567Z"], "timestamp[ns, tz=UTC]"),
        (["2024-02-29T23:59:59.000+0000", "2024-02-29T23:59:59-09"], "timestamp[us, tz=UTC]"),
        (["2024-02-29T23:59:59.1234567Z", "1500-01-01T00:00:00Z"], "string"),
        (["2024-02-29T23:59:59Z", "2024-02-29T23:59:59"], "string"),
        (["2023-02-29T23:59:59Z"], "string"),
        (["2024-02-29T24:00:00Z"], "string"),
        (["2016-12-31T23:59:60Z"], "string"),
        (["2024-02-29T23:59:59.1234567891Z"], "string"),
        (["2024-02-29T23:59:59+24:00"], "string"),
        (["2024-02-29"], "string"),
        (["2024-02-29T23:59:59Z", ""], "string"),
        (["2024-02-29T23:59:59Z\n"], "string"),
        (["٢024-02-29T23:59:59Z"], "string"),
    ],
)
def test_texts_that_are_all_timestamps_become_timestamps(
    texts: list[str | None], kind: str, batch: int, tmp_path: Path
) -> None:
    """All with an offset, or all without; one that is none, and the column stays text. Not asked for, all stay text."""
    literals = list(map(json.dumps, texts))
    found = column(tmp_path / "a", literals, batch, STAMPED)
    assert found[0] == kind
    if kind == "string":
        assert found[1] == texts
    assert column(tmp_path / "b", literals, batch) == ("string", texts)


def test_a_timestamp_is_the_moment_that_was_written(tmp_path: Path) -> None:
    """Offsets lead to the same moment in UTC; within objects and arrays too."""
    text = '{"at": "2024-03-01T01:30:00.250+02:00", "n": {"l": ["1969-12-31T23:59:59.5Z"]}, "s": ["x"], "o": 1}'
    table = kept(tmp_path, [text], STAMPED)
    assert table.select(["at", "n", "s"]).to_pylist() == [
        {
            "at": datetime(2024, 2, 29, 23, 30, 0, 250_000, UTC),
            "n": {"l": [datetime(1969, 12, 31, 23, 59, 59, 500_000, UTC)]},
            "s": ["x"],
        }
    ]


FIRST, LAST = datetime.fromisoformat("0001-01-02"), datetime.fromisoformat("9999-12-30")


@given(st.datetimes(FIRST, LAST, timezones=st.timezones() | st.none()))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_every_timestamp_of_python_is_read_as_it_is(at: datetime) -> None:
    """To the microsecond, with any offset of whole minutes and without."""
    found = moment(at.isoformat())
    offset = at.utcoffset()
    if offset is not None and offset.total_seconds() % 60:
        assert found is None
        return
    assert found is not None
    utc = at.replace(tzinfo=UTC) - (offset or timedelta())
    since = utc - datetime(1970, 1, 1, tzinfo=UTC)
    assert found[:2] == (since // timedelta(microseconds=1) * 1_000, offset is not None)


def test_exports_keep_numbers_and_moments(tmp_path: Path) -> None:
    """CSV: decimals and texts as written, objects as JSON with their numbers, moments in ISO 8601."""
    run = create_run(tmp_path, "r", {"config": {"timestamps": True, "imported_at": True}}, 0.0)
    recorder = Recorder(run.folder, "r", 1)
    payloads = [
        '{"id": 1, "price": 19.90, "big": 1e400, "o": {"p": 0.10}, "at": "2024-01-01T00:00:00+01:00"}',
        '{"id": 2, "price": 5, "big": 2, "at": "2024-01-01T00:00:00.5Z", "_imported_at": "mine"}',
        "[0.10]",
    ]
    for item, payload in enumerate(payloads, 1):
        recorder.put(item, payload)
    for event in (started(), listed(1, 2, 3), imported(1), imported(2), imported(3)):
        recorder.record(event)
    recorder.flush()
    read = datetime.fromtimestamp(started().utc_s + 1.2, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert export(run, tmp_path / "x.csv") == 3
    with open(tmp_path / "x.csv", newline="") as file:
        first, second, third = csv.DictReader(file)
    assert (first["price"], first["big"], first["o"]) == ("19.90", "1e400", '{"p": 0.10}')
    assert (first["at"], second["at"]) == ("2023-12-31T23:00:00.000000Z", "2024-01-01T00:00:00.500000Z")
    assert (second["_imported_at"], second["_imported_at_"]) == ("mine", read)
    assert (third["id"], third["value"]) == ("3", "[0.10]")
    export(run, tmp_path / "x.jsonl")
    lines = (tmp_path / "x.jsonl").read_text().splitlines()
    assert lines == [
        f'{payloads[0][:-1]}, "_imported_at": "{read}"}}',
        f'{payloads[1][:-1]}, "_imported_at_": "{read}"}}',
        f'{{"id": 3, "value": [0.10], "_imported_at": "{read}"}}',
    ]
    export(run, tmp_path / "x.parquet", options=Options())
    assert "_imported_at_" not in pq.read_schema(tmp_path / "x.parquet").names
    assert pq.read_schema(tmp_path / "x.parquet").field("at").type == pa.string()
