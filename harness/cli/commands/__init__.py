"""The commands as they are typed: each one's name, help, arguments and flags.

Nothing here imports what a command works with, so that help, `--version` and a typo answer at once. A command imports
the module that carries it out when it is called, and `tests/test_cli_light.py` holds that.
"""

from __future__ import annotations

import click

from harness.cli.commands.items import audit_command, export_command, failed_command
from harness.cli.commands.know import calibration_command, limits_command, presets_command
from harness.cli.commands.look import (
    compare_command,
    dashboard_command,
    explain_command,
    report_command,
    runs_command,
    show_command,
    watch_command,
)
from harness.cli.commands.run import (
    check_command,
    import_command,
    infer_command,
    pause_command,
    prune_command,
    recommend_command,
    resume_command,
    server_command,
    set_command,
    simulate_command,
    stop_command,
    sweep_command,
)

# In the order in which `--help` lists them.
SECTIONS: dict[str, tuple[click.Command, ...]] = {
    "Run": (
        import_command,
        resume_command,
        simulate_command,
        sweep_command,
        server_command,
    ),
    "Look": (
        runs_command,
        show_command,
        watch_command,
        dashboard_command,
        failed_command,
        explain_command,
        audit_command,
        report_command,
        compare_command,
        export_command,
    ),
    "Decide": (recommend_command, infer_command, check_command),
    "Know": (presets_command, limits_command, calibration_command),
    "Manage": (pause_command, set_command, stop_command, prune_command),
}
