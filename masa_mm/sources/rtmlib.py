"""Output of rtmlib's whole-body models, saved as one ``.npz``, ``.pkl`` or ``.json`` per clip.

``Wholebody()(frame)`` returns ``keypoints`` [N, 133, 2] in pixels and ``scores`` [N, 133] of N
persons. A file has the frames stacked or in a list, see
:func:`masa_mm.sources.estimator_arrays.estimator_clip`.
"""

from __future__ import annotations

from masa_mm.sources.estimator_arrays import read_estimator_file
from masa_mm.sources.folder import file_source

LAYOUT = "coco_wholebody"

SOURCE = file_source(
    "rtmlib",
    "rtmlib's whole-body arrays, one file per clip",
    LAYOUT,
    lambda path, args: read_estimator_file(path, LAYOUT),
    *(".npz", ".pkl", ".json"),
)
