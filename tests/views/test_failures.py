"""Every attempt at one item, as people read it."""

from __future__ import annotations

from harness.record.attempts import Attempt
from harness.record.events import linked
from harness.views.screen import Screen
from harness.views.show import attempts_lines
from tests.views.samples import NOW

FIRST = Attempt(
    "item", 17, 1, 1, NOW - 60.0, 0.35, 503, "status 503", "Service Unavailable", True, NOW - 30.0,
    "retry-after: soon\nserver: nginx", '{"message":"' + "x" * 150 + '"}',
)  # fmt: skip
SECOND = Attempt("item", 17, 2, 1, NOW - 30.0, 30.0, None, "timed out", "", True, None, None, None)
NEVER = Attempt(
    "list", linked("a/b"), 1, 1, NOW, 0.0, None, "could not connect", "[red]\x1b[1mno", False, None, None, None
)


def test_every_attempt_with_what_the_server_said() -> None:
    """When, why, how long it took and when it was tried again; then headers and body, within the screen."""
    screen = Screen(60)
    lines = screen.render(*attempts_lines([FIRST, SECOND], screen, NOW)).splitlines()
    assert lines[:5] == [
        "item 17",
        "  1.    18:03:24  status 503: Service Unavailable (503),",
        "        after 350 ms; again 18:03:54",
        "        retry-after: soon",
        "        server: nginx",
    ]
    assert lines[5].startswith('  body  {"message":"xxx')
    assert lines[-1] == "  2.    18:03:54  timed out, after 30.0 s"
    assert max(map(len, lines)) <= 60
    assert "".join(line.strip() for line in lines[5:-1]).removeprefix("body  ").count("x") == 150


def test_what_a_server_says_steers_no_terminal() -> None:
    """A page is one, a request that never left says so, and control characters and markup are shown, not obeyed."""
    screen = Screen(80)
    assert screen.render(*attempts_lines([NEVER], screen, NOW)).splitlines() == [
        "page a/b",
        "  1.    18:04:24  could not connect: [red]?[1mno, never sent",
    ]
