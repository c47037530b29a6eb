"""The number of workers, as the browser's own slider with a label: the toolkit's has none for screen readers."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets

HERE = Path(__file__).parent


class Workers(anywidget.AnyWidget):
    """`value` is what was chosen last, 1 to 1000; the slider itself ends at `most`."""

    _esm = HERE / "workers.js"
    _css = HERE / "panel.css"
    value = traitlets.Int(10).tag(sync=True)
    most = traitlets.Int(100).tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)
