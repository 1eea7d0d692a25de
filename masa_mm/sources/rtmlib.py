"""What rtmlib's whole-body models give, saved as one ``.npz``, ``.pkl`` or ``.json`` a clip.

``Wholebody()(frame)`` returns ``keypoints`` [N, 133, 2] in pixels and ``scores`` [N, 133] of the
frame's N persons. Accepted are ``keypoints`` [T, N, 133, 2] or [T, 133, 2] with ``scores``
([T, N, 133] or [T, 133]) as arrays of an npz or entries of a dict; or, as N may change, a list with
a frame's ``{"keypoints", "scores"}`` or (keypoints, scores) an entry. Optionally ``img_shape``
(h, w). Joints with scores of 0 or less are absent, as rtmlib marks them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from masa_mm.pose.files import read_arrays, read_json
from masa_mm.pose.safe_pickle import load_pickle
from masa_mm.sources.base import PoseSource, Source
from masa_mm.sources.folder import Entry, RawClip, add_folder_options, files_below, open_folder
from masa_mm.sources.persons import one_clip

LAYOUT = "coco_wholebody"
_READERS = {".npz": read_arrays, ".pkl": load_pickle, ".json": read_json}


def read_rtmlib(path: Path) -> RawClip:
    """The signer of a clip.

    Raises:
        FileNotFoundError, SourceError, UnsafePickleError: the file is missing or damaged.
        ClipError: it holds something else than a clip of 133 joints.
    """
    return one_clip(_READERS[Path(path).suffix](path), LAYOUT)


def _entries(path: str) -> Iterator[Entry]:
    return ((file.stem, partial(read_rtmlib, file)) for file in files_below(path, *_READERS))


def _open(args: argparse.Namespace) -> PoseSource:
    return open_folder(args, LAYOUT, _entries(args.input))


SOURCE = Source("rtmlib", "rtmlib's whole-body arrays, one file a clip", add_folder_options, _open)
