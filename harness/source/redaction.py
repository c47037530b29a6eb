r"""Find secrets in what a server says, however it spells them, and redact them.

A server may repeat what it was sent as a part of JSON (`\/`, `\u002f`), of a URL (`%2F`, `+` for a space), of HTML
(`&sol;`, `&#47;`, `&#x2f;`), of several at once and one within another, character by character, or in base64. Listing
all spellings of a secret is hopeless; undoing them is not. So the text is decoded, one layer after another until
nothing is left to decode, and each layer is searched for the secret. A decoded character remembers where it came from,
so exactly the spelling is redacted and nothing else.
"""

from __future__ import annotations

import html
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Any

from harness.record.literals import Literal, dumps, loads

MARK = "***"
# Each layer that a server may add doubles backslashes or lengthens the text; nobody encodes eight times.
_MOST_LAYERS = 8
_ESCAPES = ("\\", "%", "&")
# Of secrets in ASCII only what decodes to printable ASCII matters: a text in Cyrillic, all escaped, costs nothing.
_ASCII = (
    r"\\(?:u(?:00[2-7][0-9a-fA-F]|\{0*[2-7][0-9a-fA-F]\})|x[2-7][0-9a-fA-F]|[SIGNS])",
    r"%(?:u00)?[2-7][0-9a-fA-F]",
    r"&(?:\#0*[0-9]{2,3};?|\#[xX]0*[2-7][0-9a-fA-F];?|[A-Za-z]{2,31};?)",
)
_ANY = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}|"
    r"\\u\{[0-9a-fA-F]{1,8}\}|\\x[0-9a-fA-F]{2}|\\[^a-zA-Z0-9\s]|(?:%[0-9a-fA-F]{2})+|%u[0-9a-fA-F]{4}|"
    r"&\#[0-9]{1,9};?|&\#[xX][0-9a-fA-F]{1,8};?|&[A-Za-z][A-Za-z0-9]{1,31};?"
)


class Redactor:
    """Redact `secrets` of at least `least` characters."""

    def __init__(self, secrets: Iterable[str], least: int) -> None:
        forms = {form for secret in secrets if len(secret) >= least for form in _forms(secret, least)}
        self._needles = sorted({_spaced(form) for form in forms}, key=lambda form: (-len(form), form))
        self._exact = {form for form in forms if form.isdecimal()}
        ascii_only = all(form.isascii() for form in forms)
        self._token = re.compile("|".join(_ascii_tokens(forms))) if ascii_only else _ANY
        # One pattern for each sign with which an escape begins: each by itself is found five times as fast.
        self._begins = [re.compile(token) for token in _ascii_tokens(forms)] if ascii_only else [_ANY]
        self._least = min(map(len, forms), default=0)
        self._runs = _runs(forms, self._least)

    def holds(self, text: str) -> bool:
        """Return whether `text` holds one of the secrets, in any spelling."""
        for _ in range(_MOST_LAYERS):
            plain = _spaced(text)
            for needle in self._needles:
                if needle in plain:
                    return True
            if not any(escape in text for escape in _ESCAPES):
                return False
            # Nearly all of a text is no part of any spelling, and need not be decoded.
            if not any(begins.search(text) for begins in self._begins):
                return False
            text = "\n".join(self._runs.findall(text))
            decoded = self._token.sub(_decoded, text)
            if decoded == text:
                return False
            text = decoded
        return False

    def clean(self, text: str) -> str:
        """Return `text` with MARK in place of each secret."""
        if not self.holds(text):
            return text
        pieces, at = [], 0
        for start, end in _merged(self._spans(text)):
            pieces += [text[at:start], MARK]
            at = end
        return "".join([*pieces, text[at:]])

    def clean_json(self, text: str) -> str:
        """Redact JSON text so that it stays JSON: within strings, or a number as a whole. No other number changes."""
        if not self.holds(text):
            return text
        return dumps(self._cleaned(loads(text)))

    def _cleaned(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, list):
            return [self._cleaned(inner) for inner in value]
        if isinstance(value, dict):
            return {self.clean(name): self._cleaned(inner) for name, inner in value.items()}
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        spelt = value.text if isinstance(value, Literal) else str(value)
        return MARK if is_number and self._exact and spelt in self._exact else value

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where in `text` the secrets are: (start, end) of their spellings, in any order."""
        starts, ends = list(range(len(text))), list(range(1, len(text) + 1))
        for _ in range(_MOST_LAYERS):
            plain = _spaced(text)
            for needle in self._needles:
                at = plain.find(needle)
                while at >= 0:
                    yield starts[at], ends[at + len(needle) - 1]
                    at = plain.find(needle, at + 1)
            decoded, starts, ends = _decode_with_places(self._token, text, starts, ends)
            if decoded == text:
                return
            text = decoded


def _forms(secret: str, least: int) -> Iterator[str]:
    """Yield each form in which a secret may stand in a text of which all layers are decoded, or in base64."""
    yield secret
    decoded = secret
    for _ in range(_MOST_LAYERS):
        decoded = _ANY.sub(_decoded, decoded)
        if len(decoded) >= least:
            yield decoded
    raw = secret.encode("utf-8", "replace")
    for before in range(3):  # bytes before it in its group of three, as of a user's name
        text = b64encode(bytes(before) + raw).decode().rstrip("=")
        shared = (before + len(raw)) % 3 > 0  # the last character holds bits of what follows, too
        core = text[(0, 2, 3)[before] : -1 if shared else None]
        if len(core) >= least:
            yield core
            yield core.translate(_URL_SAFE)


def _ascii_tokens(forms: Iterable[str]) -> list[str]:
    """List escapes that may belong to a spelling of `forms`, all ASCII: of `\\"` only where one holds a `"`."""
    signs = {character for form in forms for character in form if not character.isalnum()} | set("\\%&#;{}")
    return [token.replace("SIGNS", re.escape("".join(sorted(signs)))) for token in _ASCII]


def _runs(forms: Iterable[str], least: int) -> re.Pattern[str]:
    """Return the pattern of pieces of a text, as long as can be, that can be a spelling of one of `forms` and hold an
    escape.

    A spelling consists of characters of the secret and of escapes: letters, digits and some signs.
    """
    own = {character for form in forms for character in form}
    own |= set(" +") if " " in own else set()
    plain = "".join(re.escape(character) for character in sorted(own - set(_ESCAPES))) + "a-zA-Z0-9#;{}"
    escapes = re.escape("".join(_ESCAPES))
    return re.compile(f"(?<![{plain}])(?=[{plain}{escapes}]{{{least}}})[{plain}]*+[{escapes}][{plain}{escapes}]*+")


_URL_SAFE = str.maketrans("+/", "-_")


def _spaced(text: str) -> str:
    """Return `text` with spaces for `+`: forms of web pages write the one for the other. Nothing else moves."""
    return text.replace("+", " ") if "+" in text else text


def _decoded(match: re.Match[str]) -> str:
    """Return what one escape stands for; itself where it is none."""
    token = match[0]
    if token[0] == "&":
        return html.unescape(token)
    if token[0] == "%" and token[1] not in "uU":
        return bytes.fromhex(token.replace("%", "")).decode("utf-8", "replace")
    if token[1] not in "uUx":
        return token[1:]
    digits = token[2:].strip("{}")
    if "\\" in digits:  # a pair of surrogates
        high, low = (int(half, 16) for half in digits.split("\\u"))
        return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
    number = int(digits, 16)
    return chr(number) if number < 0x110000 else token


def _decode_with_places(
    token: re.Pattern[str], text: str, starts: list[int], ends: list[int]
) -> tuple[str, list[int], list[int]]:
    """Return `text` with one layer decoded, and from where to where in the first layer each character comes."""
    pieces: list[str] = []
    new_starts: list[int] = []
    new_ends: list[int] = []
    at = 0
    for match in token.finditer(text):
        decoded = _decoded(match)
        pieces += [text[at : match.start()], decoded]
        new_starts += [*starts[at : match.start()], *[starts[match.start()]] * len(decoded)]
        new_ends += [*ends[at : match.start()], *[ends[match.end() - 1]] * len(decoded)]
        at = match.end()
    return "".join([*pieces, text[at:]]), new_starts + starts[at:], new_ends + ends[at:]


def _merged(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the same places, those that overlap as one, in order."""
    last: tuple[int, int] | None = None
    for start, end in sorted(spans):
        if last is None or start >= last[1]:
            if last is not None:
                yield last
            last = (start, end)
        else:
            last = (last[0], max(last[1], end))
    if last is not None:
        yield last
