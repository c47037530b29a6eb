"""Bodies: JSON, JSON lines, CSV, packed in four ways; and what is said of whatever else comes."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
import zlib
from typing import Any

import brotli
import pytest
from hypothesis import given, settings, strategies as st

from harness.record.literals import dumps, loads
from harness.source.formats import NoData, read_text, what_came
from harness.source.rest import Garbled, Malformed
from harness.source.unpacking import ACCEPTED, BROKEN, PIECE, unpacker

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

NDJSON, CSV, TSV = "application/x-ndjson", "text/csv", "text/tab-separated-values"


def value(content_type: str, body: str | bytes) -> Any:
    """What a body says, parsed."""
    return json.loads(read_text(content_type, body.encode() if isinstance(body, str) else body))


@pytest.mark.parametrize(
    ("content_type", "body", "said"),
    [
        ("application/json", '[{"id": 1}]', [{"id": 1}]),
        ("", "\ufeff[]", []),
        ("application/json", ')]}\'\n[{"id": 1}]', [{"id": 1}]),
        ("application/json", ')]}\',\n{"id": 1}', {"id": 1}),
        ("text/csv", '[{"id": 1}]', [{"id": 1}]),
        ("text/csv", '{"error": "busy"}', {"error": "busy"}),
        (CSV, "[id],{name}\n1,a\n", [{"[id]": "1", "{name}": "a"}]),
        ("text/html", ' \n{"id": 1}', {"id": 1}),
        ("application/json; charset=iso-8859-1", '"é"'.encode("latin-1"), "é"),
        ("application/json; charset=no-such", '"é"', "é"),
        ("application/json", '{"é": 1}'.encode("utf-16"), {"é": 1}),
        ("application/json; charset=utf-16le", '{"a": 1}'.encode("utf-16-le"), {"a": 1}),
        (NDJSON, '{"id": 1}\n\n{"id": 2}\r\n', [{"id": 1}, {"id": 2}]),
        (NDJSON, '{"id": 1}', [{"id": 1}]),
        ("application/jsonl; charset=utf-8", "1\n2", [1, 2]),
        ("text/plain", '{"id": 1, "t": "a}"}\n{"id": 2}\n', [{"id": 1, "t": "a}"}, {"id": 2}]),
        ("application/json", '{\n"id": 1}\n', {"id": 1}),
        (CSV, "id,name\n1,a\n2,\n", [{"id": "1", "name": "a"}, {"id": "2", "name": ""}]),
        (CSV, 'id,name\r\n1,"a, ""b""\r\nc"', [{"id": "1", "name": 'a, "b"\r\nc'}]),
        (CSV, "id\n\n01\n 2 \n", [{"id": "01"}, {"id": " 2 "}]),
        (CSV, "id,name\n", []),
        (CSV, '"id;x",name\n1,a;b\n', [{"id;x": "1", "name": "a;b"}]),
        (CSV, '"id,x";name\n1;a,b\n', [{"id,x": "1", "name": "a,b"}]),
        (CSV, "id\tname\n1\ta;b\n", [{"id": "1", "name": "a;b"}]),
        (CSV, "sep=|\nid|na,me\n1|a\n", [{"id": "1", "na,me": "a"}]),
        ('Text/CSV; delimiter=";"; header=present', "id;a,b\n1;2\n", [{"id": "1", "a,b": "2"}]),
        (TSV, "id,a\tname\n1\tb\n", [{"id,a": "1", "name": "b"}]),
        ("text/csv; charset=windows-1252", "id,n\n1,é€\n".encode("cp1252"), [{"id": "1", "n": "é€"}]),
        (CSV, "id,t\n1," + "x" * 200_000, [{"id": "1", "t": "x" * 200_000}]),
    ],
)
def test_what_a_body_says(content_type: str, body: str | bytes, said: Any) -> None:
    """Whatever its format, a list is an array of objects; JSON is taken as it came."""
    assert value(content_type, body) == said


@pytest.mark.parametrize("content_type", ["", CSV, NDJSON, "application/json"])
def test_an_empty_body_is_empty_in_every_format(content_type: str) -> None:
    assert read_text(content_type, b" \n") == ""


@pytest.mark.parametrize(
    ("content_type", "body", "error", "said"),
    [
        (NDJSON, '{"id": 1}\n{"id": 2', Garbled, "line 2 of the JSON lines is not JSON"),
        ("", '{"id": 1}\n{"id": ', Garbled, "line 2 of the JSON lines is not JSON"),
        (NDJSON, "[1\n,2]", Garbled, "line 1 of the JSON lines is not JSON"),
        (CSV, 'id,name\n1,"a', Garbled, "the CSV cannot be read after line 2"),
        (CSV, "id,name\n1", Garbled, "a row of the CSV, by line 2, has 1 fields where the first row has 2 names"),
        (CSV, "id,name\n1\n", Malformed, "a row of the CSV, by line 2, has 1 fields"),
        (CSV, "id,name\n1,2,3\n4,5\n", Malformed, "has 3 fields where the first row has 2 names"),
        (CSV, "id,,b\n", Malformed, "column 2 of the CSV has no name in the first row"),
        (CSV, "id,a,id\n", Malformed, "two columns of the CSV are called 'id'"),
        ("text/csv; header=absent", "1,2\n", Malformed, "the CSV has no row of names"),
        (CSV, "<!DOCTYPE html><title>Log in</title>", NoData, "the body is an HTML page, title Log in, not data"),
        ("application/json", "Service busy", NoData, 'the body is not JSON but plain text, "Service busy"'),
        ("text/plain", "id,name\n1,a", NoData, 'the body is not JSON but plain text, "id,name 1,a"'),
        ("", b"%PDF-1.7 \0\0", NoData, r"the body is binary data \(a PDF\), not data"),
    ],
)
def test_what_is_no_list_is_said(content_type: str, body: str | bytes, error: type[Malformed], said: str) -> None:
    """What may have been cut short is Garbled, and can be asked for again; rows that do not fit are not."""
    with pytest.raises(error, match=said) as raised:
        read_text(content_type, body.encode() if isinstance(body, str) else body)
    assert type(raised.value) is error


@pytest.mark.parametrize(
    ("content_type", "body", "said"),
    [
        ("text/html", b"<!doctype html><html><head><title>\n Welcome </title>", "an HTML page, title Welcome"),
        ("application/json", b"<?xml version='1.0'?>\n<html><body>", "an HTML page"),
        ("", b"<!-- a --><HTML lang=en>", "an HTML page"),
        ("text/xml", b'<?xml version="1.0"?><!-- a -->\n<ns:Error code="1"/>', "XML, root element ns:Error"),
        ("", b"\xef\xbb\xbf<rss>", "XML, root element rss"),
        ("image/png", b"\x89PNG\r\n", "binary data (a PNG image)"),
        ("application/octet-stream", b"\x01\0\x02", "binary data (application/octet-stream)"),
        ("", b"a\0", "binary data"),
        ("text/plain", b"Not  now,\nplease " + b"x" * 200, 'plain text, "Not now, please ' + "x" * 63 + '…"'),
        ("", b'{"id": ', "JSON that is cut short or damaged"),
        ("", b"", "nothing"),
    ],
)
def test_what_came_is_named(content_type: str, body: bytes, said: str) -> None:
    assert what_came(content_type, body) == said


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)


@given(
    st.lists(TEXTS.filter(bool), min_size=2, max_size=4, unique=True).filter(
        lambda names: not names[0].startswith("<")
    ),
    st.lists(st.lists(TEXTS, min_size=4, max_size=4), max_size=4),
    st.sampled_from([CSV, TSV]),
    st.sampled_from(["\r\n", "\n"]),
)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_csv_of_any_texts_is_read_as_it_was_written(
    names: list[str], rows: list[list[str]], content_type: str, ending: str
) -> None:
    """Commas, quotes, line breaks and blanks within fields; a mark before the first of them is no text."""
    file = io.StringIO(newline="")
    delimiter = "," if content_type == CSV else "\t"
    written = csv.writer(file, delimiter=delimiter, lineterminator=ending, quoting=csv.QUOTE_ALL)
    written.writerows([names, *(row[: len(names)] for row in rows)])
    expected = [dict(zip(names, row[: len(names)], strict=True)) for row in rows]
    assert value(content_type, file.getvalue()) == expected


@given(st.lists(st.dictionaries(TEXTS, TEXTS | st.integers() | st.floats(allow_nan=False), max_size=3), max_size=4))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_json_lines_are_the_records(records: list[dict[str, Any]]) -> None:
    """Declared, any; recognised, from two on. Numbers keep their spelling."""
    text = "".join(dumps(record) + "\n" for record in records) or "\n"
    wanted = records if records else None
    found = read_text(NDJSON, text.encode())
    assert (json.loads(found) if found else None) == wanted
    if len(records) > 1:
        assert value("", text) == records


def test_numbers_keep_their_spelling_through_json_lines() -> None:
    assert dumps(loads(read_text(NDJSON, b'{"p": 19.90}\n{"p": 1e400}'))) == '[{"p": 19.90}, {"p": 1e400}]'


# --- packed -----------------------------------------------------------------------------------------------------------


def bare(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


PACKERS = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstd.compress}
LONG = json.dumps([{"id": at, "text": f"item {at}"} for at in range(20_000)]).encode()


def unpacked(packing: str, packed: bytes, chunk: int) -> tuple[bytes, bool, int]:
    """What comes out of chunks of that size, whether it may end there, and the largest piece."""
    unpacking = unpacker(packing, packed[:chunk])
    assert unpacking is not None
    pieces = [piece for at in range(0, len(packed), chunk) for piece in unpacking.feed(packed[at : at + chunk])]
    return b"".join(pieces), unpacking.finished, max(map(len, pieces), default=0)


def test_what_can_be_read_is_asked_for() -> None:
    assert ACCEPTED.split(", ") == list(PACKERS)
    assert unpacker("compress", b"") is None


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize("chunk", [1_000, 10**9])
@pytest.mark.parametrize("body", [b"", b"[]", LONG, b" " * 50_000_000], ids=["nothing", "short", "long", "bomb"])
def test_bodies_are_unpacked_in_pieces(packing: str, chunk: int, body: bytes) -> None:
    """Whole, in pieces that are bounded however tightly it was packed; cut anywhere it is noticed."""
    packed = PACKERS[packing](body)
    found, finished, largest = unpacked(packing, packed, chunk)
    assert (found == body, finished) == (True, True)
    assert largest <= 4 * PIECE
    for cut in {1, len(packed) // 2, len(packed) - 1} & set(range(1, len(packed))):
        found, finished, _ = unpacked(packing, packed[:cut], chunk)
        assert not finished
        assert body.startswith(found)


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
@pytest.mark.parametrize("chunk", [1, 7, 10**9])
def test_members_behind_each_other_are_one_body(packing: str, chunk: int) -> None:
    """As `cat a.gz b.gz` makes them, and as servers write that flush into new frames."""
    pack = PACKERS[packing]
    found = unpacked(packing, pack(b"one,") + pack(b"two,") + pack(b"three"), chunk)
    assert found[:2] == (b"one,two,three", True)


def test_deflate_with_and_without_its_wrapper() -> None:
    assert unpacked("deflate", bare(LONG), 500)[:2] == (LONG, True)


@pytest.mark.parametrize("packing", PACKERS)
def test_what_is_not_packed_so_is_an_error_of_its_library(packing: str) -> None:
    with pytest.raises(BROKEN):
        unpacked(packing, b"\xff{}[]" * 100, 10**9)
