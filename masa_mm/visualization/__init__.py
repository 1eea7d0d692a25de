"""Pictures of poses, masked motion, training curves and confusion matrices."""

from masa_mm.visualization.motion import plot_masked_motion
from masa_mm.visualization.results import (
    confusion_counts,
    most_confused,
    plot_confusion,
    plot_curves,
    read_scalars,
)
from masa_mm.visualization.skeleton import assemble, draw_part, plot_clip
from masa_mm.visualization.style import save_figure

__all__ = [
    "assemble",
    "confusion_counts",
    "draw_part",
    "most_confused",
    "plot_clip",
    "plot_confusion",
    "plot_curves",
    "plot_masked_motion",
    "read_scalars",
    "save_figure",
]
