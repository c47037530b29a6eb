"""The one definition of every setting of an import.

`ImportConfig` has five parts, by what a person would look for: the source, the pacing, what counts as a failure, the
run, and the test API that stands in where there is no source. Each part is a frozen model.

People write settings by flat names: `--retry-delays`, `HARNESS_IMPORT_RETRY_DELAYS`, `retry_delays = "30,60"` in TOML,
`ImportConfig(retry_delays="30,60")`. The table in `harness.flags` says in which part each name is kept. Only `whole`
translates between the two; other code reads `config.retry.delays`.

Validation is pure: it looks at the values alone. What depends on this machine (a token in the environment, a file that
must exist) is looked up by `harness.settings.resolve`, before the first request.
"""

from harness.config.parts import PacingSpec, RetrySpec, RunSpec, TestApiSpec
from harness.config.source import SourceSpec, sent_as, settings_of
from harness.config.whole import SETTINGS, ImportConfig

__all__ = [
    "SETTINGS", "ImportConfig", "PacingSpec", "RetrySpec", "RunSpec", "SourceSpec", "TestApiSpec", "sent_as",
    "settings_of",
]  # fmt: skip
