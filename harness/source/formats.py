"""Make JSON text of an answer's body, whichever of three formats it has, and say what came where it has none of them.

JSON is taken as it came. JSON lines and CSV become an array, so that whatever reads a list reads all three alike.

**JSON lines** (`application/x-ndjson`, `application/jsonl` and their other names, or whatever has an object on its
first line and another on its next): each line that is not blank is a JSON value.

**CSV** (`text/csv`, `application/csv`, `text/tab-separated-values`): the first row has the names of the columns, none
empty and none twice, and every other row as many fields; blank lines count for nothing. Each row is an object, and each
value text, exactly as it stands, an empty one too. Fields may be quoted, and hold line breaks then. The delimiter is a
comma, unless the type is tab-separated-values, or its parameter `delimiter` or a first line `sep=;` names another, or
the row of names has no comma and has a semicolon or else a tab, outside quotes. Nothing is guessed from the rows. What
is JSON as a whole is no CSV, whatever its type says.

Text is UTF-8, unless it begins with a byte order mark of UTF-16 or the type names another charset; bytes that do not
fit become U+FFFD. A body that may have been cut short is Garbled, and may be whole when it is asked for again; one that
was never data is `NoData`.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator

from harness.record.literals import dumps
from harness.source.records import Garbled, Malformed

Body = bytes | bytearray

_JSON_LINES = frozenset(
    f"application/{name}"
    for name in ("x-ndjson", "ndjson", "jsonl", "x-jsonl", "jsonlines", "x-jsonlines", "json-lines", "jsonl+json")
) | {"text/jsonl", "text/ndjson", "text/x-ndjson"}
_TABS = "text/tab-separated-values"
_CSV = frozenset({"text/csv", "text/x-csv", "application/csv", "application/x-csv", _TABS})
_PARAMETER = re.compile(r""";\s*([\w-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;\s"]+)""")
_BLANK = " \t\r\n"
_UTF_8 = "utf-8-sig"  # with or without the mark that some put before it


class NoData(Garbled):
    """A body that is another kind of thing: a page for people, say. At a list's own address it will always be."""


# Gerrit and other services of Google's put it before their JSON, so that no web page can run that as a script.
_GUARD = ")]}'"


def read_text(content_type: str, body: Body) -> str:
    """Return the JSON text of a body; "" for an empty one.

    JSON itself is not parsed here, and may still be cut short. NoData where it is none of the formats, Garbled where it
    seems to be cut short, Malformed where its rows do not fit their header.
    """
    kind, parameters = _parsed(content_type)
    text = decoded(body, parameters.get("charset"))
    if text.startswith(_GUARD):
        text = text.removeprefix(_GUARD).lstrip(",\r\n")
    if not text.strip(_BLANK):
        return ""
    if _is_page(text) or _is_binary(body, parameters.get("charset")):
        raise NoData(f"the body is {what_came(content_type, body)}, not data")
    if kind in _CSV and not _is_json(text):
        return dumps(list(_rows(text, kind, parameters)))
    if kind in _JSON_LINES or _has_lines(text):
        return _array(text)
    if not may_be_json(text):
        raise NoData(f"the body is not JSON but {what_came(content_type, body)}")
    return text


def is_file(content_type: str, body: Body) -> bool:
    """Return whether a list came as CSV or JSON lines: as a file, with nothing beside its records."""
    kind, parameters = _parsed(content_type)
    return kind in _CSV | _JSON_LINES or (body[:1] == b"{" and _has_lines(decoded(body, parameters.get("charset"))))


def no_list(content_type: str, body: Body) -> str:
    """Return the sentence for a list's own address that answers with something else than data."""
    came = what_came(content_type, body)
    return f"the list's URL answers with {came}, not with JSON, JSON lines or CSV; is it the address of the API?"


def decoded(body: Body, charset: str | None) -> str:
    """Return a body as text: UTF-8 (RFC 8259 8.1) unless its mark or `charset` says otherwise."""
    if body[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return body.decode("utf-16", "replace")
    if charset is None or charset.lower() in ("utf-8", "utf8"):
        return body.decode(_UTF_8, "replace")
    try:
        text = body.decode(charset, "replace")
        text.encode()
    except (LookupError, ValueError):  # no charset, or one of Python's own that is none
        return body.decode(_UTF_8, "replace")
    return text


def _parsed(content_type: str) -> tuple[str, dict[str, str]]:
    """Return the media type in small letters, and its parameters by name in small letters."""
    found: dict[str, str] = {}
    for name, value in _PARAMETER.findall(content_type):
        plain = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        found.setdefault(name.lower(), plain)
    return content_type.partition(";")[0].strip().lower(), found


# --- JSON lines -------------------------------------------------------------------------------------------------------


def _has_lines(text: str) -> bool:
    """Return True if the first line is an object and the next begins one: no JSON text does that."""
    first, _, rest = text.lstrip(_BLANK).partition("\n")
    if not (first.startswith("{") and first.rstrip(_BLANK).endswith("}") and rest.lstrip(_BLANK).startswith("{")):
        return False
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return False
    return True


def _array(text: str) -> str:
    lines = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip(_BLANK):
            continue
        try:
            json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Garbled(f"line {number:,} of the JSON lines is not JSON ({error})") from None
        lines.append(line)
    return f"[{','.join(lines)}]"


# --- CSV --------------------------------------------------------------------------------------------------------------

# The module has one limit for all who use it, 131,072 characters at first; here a body is bounded as a whole.
_MOST_FIELD = 2**31 - 1


def _rows(text: str, kind: str, parameters: dict[str, str]) -> Iterator[dict[str, str]]:
    if parameters.get("header", "").lower() == "absent":
        raise Malformed("the CSV has no row of names (header=absent), so that its columns cannot be told apart")
    text, delimiter = _delimited(text, kind, parameters)
    csv.field_size_limit(_MOST_FIELD)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    ends = text.endswith(("\n", "\r"))
    try:
        names = next((row for row in rows if row), [])
        _check_names(names)
        held: list[str] | None = None
        for row in rows:
            if not row:
                continue
            if held is not None:
                yield _record(names, held, rows.line_num, whole=True)
            held = row
        if held is not None:
            yield _record(names, held, rows.line_num, whole=ends)
    except csv.Error as error:
        raise Garbled(f"the CSV cannot be read after line {rows.line_num:,} ({error})") from None


def _delimited(text: str, kind: str, parameters: dict[str, str]) -> tuple[str, str]:
    """Return the text without a line that names the delimiter, and the delimiter."""
    first, _, rest = text.partition("\n")
    named = re.fullmatch(r"sep=(.)\r?", first)
    if named is not None:
        return rest, named[1]
    told = parameters.get("delimiter", "")
    if told.lower() in ("tab", "\\t") or kind == _TABS:
        return text, "\t"
    if len(told) == 1 and told not in '"\r\n':
        return text, told
    bare = re.sub(r'"(?:[^"]|"")*"', "", first)
    return text, next((mark for mark in ",;\t" if mark in bare), ",")


def _check_names(names: list[str]) -> None:
    if "" in names:
        raise Malformed(f"column {names.index('') + 1} of the CSV has no name in the first row")
    twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if twice is not None:
        raise Malformed(f"two columns of the CSV are called {twice[:60]!r}")


def _record(names: list[str], row: list[str], line: int, *, whole: bool) -> dict[str, str]:
    if len(row) == len(names):
        return dict(zip(names, row, strict=True))
    why = f"a row of the CSV, by line {line:,}, has {len(row):,} fields where the first row has {len(names):,} names"
    raise (Malformed if whole else Garbled)(why)


# --- what came --------------------------------------------------------------------------------------------------------

_HTML = re.compile(
    r"(?:<\?xml[^>]*>|<!--.*?-->|\s)*<(!doctype\s+html|html|head|body|title)\b", re.IGNORECASE | re.DOTALL
)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_ROOT = re.compile(r"(?:<\?.*?\?>|<!--.*?-->|<![^>]*>|\s)*<([A-Za-z_][\w.:-]*)", re.DOTALL)
_LITERALS = ("true", "false", "null")
_LOOKED_AT = 10_000
_MAGIC = {
    b"%PDF": "a PDF", b"PK\x03\x04": "a ZIP archive, or an Office file", b"\x1f\x8b": "gzip", b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image", b"GIF8": "a GIF image", b"PAR1": "Parquet", b"SQLite format 3": "an SQLite file",
    b"\x28\xb5\x2f\xfd": "zstd",
}  # fmt: skip


def what_came(content_type: str, body: Body) -> str:
    """Return what a body is that is no data to be read, in words for people."""
    kind, parameters = _parsed(content_type)
    if not body:
        return "nothing"
    if _is_binary(body, parameters.get("charset")):
        known = next((name for magic, name in _MAGIC.items() if body.startswith(magic)), kind)
        return f"binary data ({known})" if known else "binary data"
    text = decoded(body[:_LOOKED_AT], parameters.get("charset")).lstrip("\ufeff" + _BLANK)
    if _HTML.match(text) is not None:
        title = _TITLE.search(text)
        words = _line(title[1]) if title is not None else ""
        return f"an HTML page, title {words}" if words else "an HTML page"
    if (root := _ROOT.match(text)) is not None:
        return f"XML, root element {root[1][:60]}"
    if may_be_json(text):
        return "JSON that is cut short or damaged"
    return f'plain text, "{_line(text)}"' if _line(text) else "an empty text"


def _line(text: str) -> str:
    """Return the first words of a text, on one line."""
    words = "".join(mark if mark.isprintable() else " " for mark in text[:1_000]).split()
    line = " ".join(words)
    return line if len(line) <= 80 else line[:79] + "…"


def _is_page(text: str) -> bool:
    start = text[:_LOOKED_AT].lstrip(_BLANK)
    return start.startswith("<") and (_HTML.match(start) or _ROOT.match(start)) is not None


def _is_binary(body: Body, charset: str | None) -> bool:
    wide = body[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    if wide or (charset or "").lower().startswith(("utf-16", "utf-32")):
        return False
    return body.startswith(tuple(_MAGIC)) or b"\0" in body[:_LOOKED_AT]


def _is_json(text: str) -> bool:
    """Return whether a text is an array or object of JSON: a list, or an error, that a server sends as CSV."""
    if text.lstrip(_BLANK)[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def may_be_json(text: str) -> bool:
    """Return whether a text begins as JSON does, however it goes on."""
    start = text.lstrip(_BLANK)
    return start[:1] in ("{", "[", '"') or start[:1].isdecimal() or start[:1] == "-" or start.startswith(_LITERALS)
