"""The format of the pose store: all clips of a split in one ``.safetensors`` file.

Tensors: ``keypoint`` float16 | float32 [F, 49, 2] part coordinates, all clips' frames end to end;
``keypoint_score`` of the same dtype [F, 49], 0 = absent; ``offset`` int64 [clips + 1], clip i is
the frames offset[i]:offset[i + 1]; ``label`` int64 [clips], -1 = none; ``signer`` int64 [clips],
-1 = unknown; ``clip_id`` int64 [clips], a hash of "source/id"; ``id_text`` uint8 [bytes], the
clips' ids end to end in UTF-8, and ``id_offset`` int64 [clips + 1], where each begins; optionally
``img_shape`` int32 [clips, 2], (h, w) of the source video.
Metadata: one entry ``masa_mm.pose_store``, a JSON object of ``version``, ``layout``,
``normalization``, ``source``, ``split`` and ``glosses`` (class names; their index is the label).
The same clips make the same bytes.

Version 1 had the ids as ``ids`` in the metadata; it is read, no longer written. Every process held
them as strings of its own, and a header takes 100 MB, which a few million names fill.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

from masa_mm.errors import UserError
from masa_mm.pose.clip_checks import BadClip

# One metadata entry: safetensors writes several in an order that changes from run to run.
FORMAT = "masa_mm.pose_store"
VERSION = 2
READABLE = (1, 2)
LAYOUT = "sign49"
NORMALIZATION = "part_crop"
DTYPES = ("float16", "float32")


class PoseStoreError(UserError):
    """A store that cannot be read or written; the message is one line naming file and remedy."""


class BadClipsError(PoseStoreError):
    """Clips that a store cannot take; ``bad`` lists them, the message has one line each."""

    def __init__(self, path: str | os.PathLike, bad: Sequence[BadClip]) -> None:
        super().__init__("\n".join(f"{path}: {clip}" for clip in bad))
        self.path, self.bad = path, tuple(bad)

    def __reduce__(self) -> tuple:
        return type(self), (self.path, self.bad)


def clip_hash(source: str, clip: str) -> int:
    """A stable 63-bit number of a clip, the same in every run and on every machine."""
    digest = hashlib.blake2b(f"{source}/{clip}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
