"""Labels beside their points, where they touch neither each other nor another point."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from harness.views.palette import PAPER

# Points away from the point: beside, above and below first, then further off.
_PLACES = [
    (dx * far, dy * far)
    for far in (1.0, 2.0, 3.2)
    for dx, dy in ((8, 0), (-8, 0), (7, 7), (7, -7), (-7, 7), (-7, -7), (0, 9), (0, -9))
]


def place_labels(figure: Figure, axes: Axes, points: Sequence[tuple[float, float]], labels: Sequence[str]) -> None:
    """Write labels[i] beside points[i], the first ones first; an empty label is left out, as is one without room."""
    canvas = FigureCanvasAgg(figure)
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    figure.draw_without_rendering()
    inside = axes.get_window_extent()
    marks = [axes.transData.transform(point) for point in points]
    taken = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in marks]
    for at, label in enumerate(labels):
        if not label:
            continue
        others = [box for number, box in enumerate(taken) if number != at]
        for place in _PLACES:
            note = _note(axes, label, points[at], place)
            box = note.get_window_extent(renderer)
            if _within(box, inside) and not any(box.overlaps(other) for other in others):
                taken.append(box)
                break
            note.remove()


def _within(box: Bbox, other: Bbox) -> bool:
    return bool(other.x0 <= box.x0 and box.x1 <= other.x1 and other.y0 <= box.y0 and box.y1 <= other.y1)


def _note(axes: Axes, label: str, point: tuple[float, float], place: tuple[float, float]) -> Annotation:
    dx, dy = place
    far = abs(dx) + abs(dy) > 12
    return axes.annotate(
        label,
        point,
        place,
        textcoords="offset points",
        ha="left" if dx > 0 else "right" if dx < 0 else "center",
        va="bottom" if dy > 0 else "top" if dy < 0 else "center",
        fontsize=8.5,
        bbox={"facecolor": PAPER, "edgecolor": "none", "alpha": 0.8, "pad": 0.5},
        arrowprops={"arrowstyle": "-", "linewidth": 0.6, "shrinkA": 0, "shrinkB": 3} if far else None,
    )
