"""What was learned survives the run: per host and name of the key, and never anything else."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config import ImportConfig
from harness.pacing import parse_tiers
from harness.record.limits import FILE, remember, remembered

TIERS = parse_tiers("500/20s+2000/100s")


def test_limits_are_kept_for_each_host_and_key(tmp_path: Path) -> None:
    """What one host taught is not believed of another, and the newest word counts."""
    remember(tmp_path, "a.example.com", TIERS, 1.0)
    remember(tmp_path, "b.example.com TOKEN", parse_tiers("7/1s"), 2.0)
    remember(tmp_path, "a.example.com", parse_tiers("9/1s"), 3.0)
    assert remembered(tmp_path, "a.example.com") == parse_tiers("9/1s")
    assert remembered(tmp_path, "b.example.com TOKEN") == parse_tiers("7/1s")
    assert remembered(tmp_path, "b.example.com") == remembered(tmp_path, None) == ()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 5}', '{"a": {"limits": "no"}}', '{"a": {"limits": 5}}'])
def test_a_file_that_cannot_be_read_is_no_reason_not_to_import(tmp_path: Path, text: str) -> None:
    """Nonsense is as if nothing had been learned, and is written over."""
    (tmp_path / FILE).write_text(text)
    assert remembered(tmp_path, "a") == ()
    remember(tmp_path, "a", TIERS, 1.0)
    assert remembered(tmp_path, "a") == TIERS


def test_the_key_is_a_name_and_never_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Host, and the name of the variable or header; the test API of our own is another one each time."""
    monkeypatch.setenv("MY_TOKEN", "s3cret-value")
    url = "https://api.example.com/orders"
    assert ImportConfig(url=url).source.learned_for == "api.example.com"
    assert ImportConfig(url=url, token_env="MY_TOKEN").source.learned_for == "api.example.com MY_TOKEN"
    header = ImportConfig(url=url, header=("X-Api-Key: s3cret-value",))
    assert header.source.learned_for == "api.example.com x-api-key"
    assert ImportConfig().source.learned_for is None
    remember(tmp_path, header.source.learned_for or "", TIERS, 1.0)
    assert "s3cret" not in (tmp_path / FILE).read_text()
