"""Pictures of poses, motion reconstruction, training and mistakes; functions return figures."""

from .confusion import confusion_counts, most_confused, plot_confusion
from .curves import plot_curves, read_scalars
from .motion import plot_masked_motion
from .skeleton import assemble, draw_part, plot_clip
from .style import save_figure

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
