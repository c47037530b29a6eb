"""Name the flags that would follow a field which looks like a way to the next page, from its name alone.

A list whose way on nothing follows fails, and the failure says what would follow it. The name of the parameter is that
of the field without its `next`: APIs that answer `nextPageToken` take `pageToken`. It is a proposal, to be tried.
"""

from __future__ import annotations

import re

from harness.spec.paths import HEADER, shell_quoted

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_LINKS = {"link", "url", "uri", "href", "links"}
_MORE = {"more", "truncated", "incomplete"}
# What is sent for cursors that are not called by the parameter's name.
_USUAL = {"endcursor": "after", "aftercursor": "after", "cursormark": "cursorMark", "lastevaluatedkey": "startKey"}


def flags_for(names: str) -> str:
    """Return the flags that would follow the first of `names`, which are joined by ", "; quoted for the shell."""
    name = names.split(", ")[0]
    header = name.removeprefix("header ") if name.startswith("header ") else None
    path = name if header is None else f"{HEADER}{header}"
    own = (header or name).rpartition(".")[2]
    words = [word.lower() for word in _WORDS.findall(own)]
    if header is not None and words[:1] == ["x"]:
        own, words = own[2:], words[1:]
    if header == "Link":
        return "--paging link"
    if set(words) & _MORE or words == ["has", "next"] or words[:2] == ["has", "next"]:
        return f"--paging keyset --more {shell_quoted(path)} --cursor-param starting_after (or what this API calls it)"
    if words[:1] == ["done"] or set(words) >= {"is", "last"}:
        return f"--paging keyset --more {shell_quoted('!' + path)} --cursor-param starting_after (or what it is called)"
    if set(words) & _LINKS or (words in (["next"], ["next", "page"]) and header is None):
        return f"--next {shell_quoted(path)}"
    return f"--next {shell_quoted(path)} --cursor-param {shell_quoted(_parameter(own, words))}"


def _parameter(own: str, words: list[str]) -> str:
    if "".join(words) in _USUAL:
        return _USUAL["".join(words)]
    left = [word for word in words if word != "next"] or words
    if "_" in own or own.islower():
        return "_".join(left)
    if "-" in own:  # a header: its parameter is one word
        return left[-1]
    return left[0] + "".join(word.capitalize() for word in left[1:])
