"""The small grammar all settings share: `HEAD:word:name=value`, read into words and named options."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness_test_api.errors import BadConfig


@dataclass
class Spec:
    """One setting's text taken apart; options are taken, and none may be left. where: what it is, for messages."""

    where: str
    words: list[str]
    options: dict[str, str]

    def take(self, name: str) -> str | None:
        """The option's text, removed from those still to be read; None if it was not written."""
        return self.options.pop(name, None)

    def word(self) -> str:
        """The next word, removed from those still to be read; BadConfig where there is none."""
        if not self.words:
            raise BadConfig(f"the {self.where} does not say what; write that before any option")
        return self.words.pop(0)

    def label(self, name: str) -> str:
        """How messages name an option of this setting."""
        return f"{name}= in the {self.where}"

    def end(self, known: Iterable[str]) -> None:
        """Nothing may be left over; BadConfig names what is, and `known` options."""
        left = self.words + list(self.options)
        if left:
            names = ", ".join(known) or "nothing more"
            raise BadConfig(f"{left[0]!r} in the {self.where} is unknown; it takes {names}")


def read_spec(what: str, text: str) -> Spec:
    """Take `text` apart at colons; what: what the setting is called, such as `fault`."""
    words: list[str] = []
    options: dict[str, str] = {}
    for part in text.strip().split(":"):
        name, equals, value = part.partition("=")
        if not equals:
            words.append(part)
        elif name in options:
            raise BadConfig(f"{name}= is written twice in the {what} {text!r}; write it once")
        else:
            options[name] = value
    return Spec(f"{what} {text!r}", words, options)
