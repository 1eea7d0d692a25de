"""The pose store: all clips of a split in one memory-mapped ``.safetensors`` file.

Tensors: ``keypoint`` float16 | float32 [F, 49, 2] part coordinates, all clips' frames end to end;
``keypoint_score`` of the same dtype [F, 49], 0 = absent; ``offset`` int64 [clips + 1], clip i is
the frames offset[i]:offset[i + 1]; ``label`` int64 [clips], -1 = none; ``signer`` int64 [clips],
-1 = unknown; ``clip_id`` int64 [clips], a hash of "source/id"; optionally ``img_shape`` int32
[clips, 2], (h, w) of the source video.
Metadata: one entry ``masa_mm.pose_store``, a JSON object of ``version``, ``layout``,
``normalization``, ``source``, ``split``, ``ids`` (a name a clip) and ``glosses`` (class names;
their index is the label). The same clips make the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from masa_mm.errors import UserError
from masa_mm.skeleton import BODY, LEFT_HAND, NUM_JOINTS, RIGHT_HAND

from .beside import written_beside

# One metadata entry: safetensors writes several in an order that changes from run to run.
FORMAT = "masa_mm.pose_store"
VERSION = 1
LAYOUT = "sign49"
NORMALIZATION = "part_crop"
DTYPES = ("float16", "float32")
# A wrist ten images away is not a pose but a pixel coordinate that was never normalised.
MAX_BODY_COORDINATE = 10.0
_HANDS = slice(RIGHT_HAND.start, LEFT_HAND.start + LEFT_HAND.num_joints)


class PoseStoreError(UserError):
    """A store that cannot be read or written; the message is one line naming file and remedy."""


class BadClip(NamedTuple):
    """A clip that a store cannot take: what is wrong with it and what mends it."""

    id: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"clip '{self.id}': {self.problem}; {self.remedy}"


class BadClipsError(PoseStoreError):
    """Clips that a store cannot take; ``bad`` lists them, the message has one line each."""

    def __init__(self, path: str | os.PathLike, bad: Sequence[BadClip]) -> None:
        super().__init__("\n".join(f"{path}: {clip}" for clip in bad))
        self.path, self.bad = path, tuple(bad)

    def __reduce__(self) -> tuple:
        return type(self), (self.path, self.bad)


class WriteReport(NamedTuple):
    """What was written, and the clips that were left out."""

    num_clips: int
    num_frames: int
    skipped: tuple[BadClip, ...]


def clip_hash(source: str, clip: str) -> int:
    """A stable 63-bit number of a clip, the same in every run and on every machine."""
    digest = hashlib.blake2b(f"{source}/{clip}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


# ---- reading -----------------------------------------------------------------------------------


class PoseStore:
    """An open store. Its arrays are views of the file, shared by all processes that map it.

    Opening reads the header and the per-clip arrays and checks them; the joints themselves are
    only mapped (:meth:`check` reads them all). Pickling keeps the path: a worker opens it again.

    Args:
        path (str): the ``.safetensors`` file.

    Raises:
        FileNotFoundError: there is no such file.
        PoseStoreError: it is no pose store, is cut short, or is of another version or layout.

    Example:
        >>> store = PoseStore('wlasl_train.safetensors')
        >>> keypoint, score = store.clip(0)  # [T, 49, 2], [T, 49]
    """

    keypoint: np.ndarray
    keypoint_score: np.ndarray
    offset: np.ndarray
    label: np.ndarray
    signer: np.ndarray
    clip_id: np.ndarray
    img_shape: np.ndarray | None
    source: str
    split: str
    ids: list[str]
    glosses: list[str]

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = str(path)
        if not Path(path).is_file():
            raise FileNotFoundError(
                f"{path}: no such pose store; make it with tools/data/convert.py"
            )
        try:
            with safe_open(self.path, framework="pt") as file:
                self._read_metadata(file.metadata() or {})
                self._read_tensors(file)
        except SafetensorError as error:
            raise self._error(
                f"not a complete safetensors file ({error})", "write or copy it again"
            ) from None
        self._check_clips()
        self._bounds = self.offset.tolist()

    def __reduce__(self) -> tuple:
        return type(self), (self.path,)

    def __deepcopy__(self, memo: dict) -> PoseStore:
        return self  # read-only

    def __len__(self) -> int:
        return len(self._bounds) - 1

    def __repr__(self) -> str:
        return f"PoseStore({self.path!r}: {len(self)} clips, {self._bounds[-1]} frames)"

    @property
    def num_frames(self) -> np.ndarray:
        """Frames of each clip, int64 [clips]."""
        return np.diff(self.offset)

    def clip(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Views of one clip in the stored dtype: ``keypoint`` [T, 49, 2], ``score`` [T, 49].

        Raises:
            IndexError: there is no such clip.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"{self.path}: no clip {index}, it has {len(self)}")
        frames = slice(self._bounds[index], self._bounds[index + 1])
        return self.keypoint[frames], self.keypoint_score[frames]

    def info(self, index: int) -> dict[str, Any]:
        """One clip as MMAction2's ``results``: see :class:`SignPoseDataset`.

        Raises:
            PoseStoreError: a joint of it is NaN or infinite.
        """
        keypoint, score = self.clip(index)
        # One NaN or infinity anywhere makes the sum one; the arrays are small and in the cache.
        keypoint, score = keypoint.astype(np.float32), score.astype(np.float32)
        if not np.isfinite(keypoint.sum() + score.sum()):
            raise self._error(
                f"clip '{self.ids[index]}' has joints that are NaN or infinite", _CONVERT_AGAIN
            )
        label = int(self.label[index])
        return dict(
            frame_dir=self.ids[index],
            keypoint=keypoint[None],
            keypoint_score=score[None],
            total_frames=len(keypoint),
            label=label,
            gloss=self.glosses[label] if label >= 0 else "",
            clip_id=int(self.clip_id[index]),
            signer=int(self.signer[index]),
            layout=LAYOUT,
            normalization=NORMALIZATION,
            img_shape=(1, 1),  # coordinates are in units of the crop's side
        )

    def check(self) -> None:
        """Read every joint and refuse what :func:`write_store` would refuse.

        Raises:
            BadClipsError: names the clips.
        """
        _, bad = clip_problems(
            self.keypoint,
            self.keypoint_score,
            self.num_frames,
            self.ids,
            self.label,
            len(self.glosses),
        )
        if bad:
            raise BadClipsError(self.path, bad)

    def _error(self, problem: str, remedy: str) -> PoseStoreError:
        return PoseStoreError(f"{self.path}: {problem}; {remedy}")

    def _read_metadata(self, metadata: dict[str, str]) -> None:
        try:
            values = json.loads(metadata[FORMAT])
        except (KeyError, json.JSONDecodeError):
            values = None
        if not isinstance(values, dict):
            raise self._error(
                "a safetensors file, but not a pose store", "make one with tools/data/convert.py"
            )
        wanted = dict(version=VERSION, layout=LAYOUT, normalization=NORMALIZATION)
        for key, value in wanted.items():
            if values.get(key) != value:
                raise self._error(
                    f"{key} is {values.get(key)!r}, this release of masa_mm reads {value!r}",
                    _CONVERT_AGAIN,
                )
        for key, kind in dict(source=str, split=str, ids=list, glosses=list).items():
            if not isinstance(values.get(key), kind):
                raise self._error(f"its metadata has no {kind.__name__} '{key}'", _CONVERT_AGAIN)
            setattr(self, key, values[key])
        if not all(isinstance(name, str) for name in (*self.ids, *self.glosses)):
            raise self._error("its ids and glosses are not all strings", _CONVERT_AGAIN)

    def _read_tensors(self, file: Any) -> None:
        names = set(file.keys())
        clips, frames = len(self.ids), None
        if "keypoint" in names:
            frames = file.get_slice("keypoint").get_shape()[0]
        shapes = dict(
            keypoint=[frames, NUM_JOINTS, 2],
            keypoint_score=[frames, NUM_JOINTS],
            offset=[clips + 1],
            label=[clips],
            signer=[clips],
            clip_id=[clips],
        )
        for name, shape in shapes.items():
            setattr(self, name, self._tensor(file, names, name, shape))
        self.img_shape = (
            self._tensor(file, names, "img_shape", [clips, 2]) if "img_shape" in names else None
        )

    def _tensor(self, file: Any, names: set[str], name: str, shape: list) -> np.ndarray:
        if name not in names:
            raise self._error(f"it has no tensor '{name}'", _CONVERT_AGAIN)
        # safetensors' torch tensors are views of the mapped file; its numpy arrays are copies.
        array = file.get_tensor(name).numpy()
        dtypes = dict(keypoint=DTYPES, keypoint_score=DTYPES, img_shape=("int32",))
        allowed = dtypes.get(name, ("int64",))
        if list(array.shape) != shape or array.dtype.name not in allowed:
            raise self._error(
                f"'{name}' is {array.dtype.name} {list(array.shape)}, "
                f"expected {' or '.join(allowed)} {shape}",
                _CONVERT_AGAIN,
            )
        array.flags.writeable = False
        return array

    def _check_clips(self) -> None:
        frames = len(self.keypoint)
        if self.offset[0] != 0 or self.offset[-1] != frames or (self.num_frames <= 0).any():
            raise self._error(
                f"its offsets do not divide its {frames} frames into clips", _CONVERT_AGAIN
            )
        outside = (self.label < -1) | (self.label >= len(self.glosses))
        if outside.any():
            index = int(outside.argmax())
            raise self._error(
                f"clip '{self.ids[index]}' has label {self.label[index]}, outside the store's "
                f"{len(self.glosses)} classes",
                _CONVERT_AGAIN,
            )


_CONVERT_AGAIN = "make the store again with tools/data/convert.py"


# ---- writing -----------------------------------------------------------------------------------


def write_store(
    path: str | os.PathLike,
    keypoint: np.ndarray,
    keypoint_score: np.ndarray,
    num_frames: Sequence[int] | np.ndarray,
    ids: Sequence[str],
    *,
    source: str,
    split: str = "",
    glosses: Sequence[str] = (),
    label: Sequence[int] | np.ndarray | None = None,
    signer: Sequence[int] | np.ndarray | None = None,
    img_shape: Sequence[Sequence[int]] | np.ndarray | None = None,
    dtype: str = "float16",
    skip_bad: bool = False,
) -> WriteReport:
    """Check whole arrays of clips and write them as a store, all or nothing.

    Args:
        path: the ``.safetensors`` file to make.
        keypoint: [F, 49, 2] part coordinates (:func:`masa_mm.datasets.crop.crop_parts`), clips end
            to end.
        keypoint_score: [F, 49], 0 = absent.
        num_frames: frames of each clip [clips].
        ids: a name a clip, unique within the store.
        source: name of the data set; with the id it makes the clip's ``clip_id``.
        split: name of the split, '' for none.
        glosses: class names; their index is the label.
        label: [clips], -1 = unlabelled; None: none is labelled.
        signer: [clips], -1 = unknown; None: none is known.
        img_shape: [clips, 2], (h, w) of the videos, if known.
        dtype: 'float16' (errors of a sixteenth of a crop pixel at most) or 'float32'.
        skip_bad: leave bad clips out and report them, instead of refusing.

    Returns:
        What was written and what was left out.

    Raises:
        BadClipsError: there are bad clips (NaN or infinite joints, no frame, not one visible hand,
            a label outside the class list, a duplicate id, coordinates in pixels), with
            ``skip_bad``: all are. Nothing is written.
        PoseStoreError: arrays that do not fit each other.
    """
    with PoseStoreWriter(
        path, source=source, split=split, glosses=glosses, dtype=dtype, skip_bad=skip_bad
    ) as writer:
        writer.add_clips(keypoint, keypoint_score, num_frames, ids, label, signer, img_shape)
    return writer.report


class PoseStoreWriter:
    """Takes clips as they come and writes them as a store when the ``with`` block ends well.

    Joints wait in a nameless file beside ``path``, so that memory does not grow with the data.

    Args:
        path: the ``.safetensors`` file to make. Nothing is left there if the block fails.
        source, split, glosses, dtype, skip_bad: see :func:`write_store`, whose errors the end of
            the block raises.

    Example:
        >>> with PoseStoreWriter('train.safetensors', source='mine', glosses=['hello']) as writer:
        ...     writer.add('clip_1', keypoint, score, label=0)  # [T, 49, 2], [T, 49]
        >>> writer.report
    """

    def __init__(
        self,
        path: str | os.PathLike,
        *,
        source: str,
        split: str = "",
        glosses: Sequence[str] = (),
        dtype: str = "float16",
        skip_bad: bool = False,
    ) -> None:
        if dtype not in DTYPES:
            raise PoseStoreError(f"{path}: dtype must be {' or '.join(DTYPES)}, got {dtype!r}")
        if Path(path).suffix != ".safetensors":
            raise PoseStoreError(f"{path}: a pose store's name ends in .safetensors; name it so")
        self.path, self.source, self.split = path, source, split
        self.glosses = [str(gloss) for gloss in glosses]
        self.dtype, self.skip_bad = dtype, skip_bad
        self.report: WriteReport | None = None
        self._keypoint = _Frames(path, dtype, (NUM_JOINTS, 2))
        self._score = _Frames(path, dtype, (NUM_JOINTS,))
        self._ids: list[str] = []
        self._seen: set[str] = set()
        self._per_clip: dict[str, list[np.ndarray]] = {}
        self._without_size = False
        self._bad: list[BadClip] = []

    def add(
        self,
        clip: str,
        keypoint: np.ndarray,
        score: np.ndarray,
        label: int = -1,
        signer: int = -1,
        img_shape: Sequence[int] | None = None,
    ) -> None:
        """Take a clip: part coordinates [T, 49, 2] and scores [T, 49].

        Raises:
            PoseStoreError: the arrays have other shapes; names the clip.
        """
        keypoint, score = np.asarray(keypoint), np.asarray(score)
        if keypoint.shape != (len(keypoint), NUM_JOINTS, 2) or score.shape != keypoint.shape[:2]:
            raise PoseStoreError(
                f"{self.path}: clip '{clip}' has keypoint {list(keypoint.shape)} and score "
                f"{list(score.shape)}, expected [T, {NUM_JOINTS}, 2] and [T, {NUM_JOINTS}]; "
                "bring its joints into the sign49 layout first (masa_mm.datasets.crop)"
            )
        self.add_clips(
            keypoint,
            score,
            [len(keypoint)],
            [clip],
            [int(label)],
            [int(signer)],
            None if img_shape is None else [img_shape],
        )

    def add_clips(
        self,
        keypoint: np.ndarray,
        keypoint_score: np.ndarray,
        num_frames: Sequence[int] | np.ndarray,
        ids: Sequence[str],
        label: Sequence[int] | np.ndarray | None = None,
        signer: Sequence[int] | np.ndarray | None = None,
        img_shape: Sequence[Sequence[int]] | np.ndarray | None = None,
    ) -> np.ndarray:
        """Take several clips, end to end; arguments as of :func:`write_store`.

        Returns:
            bool [clips], True = good. The bad ones are named at the end.

        Raises:
            PoseStoreError: arrays that do not fit each other.
        """
        clips, num_frames = len(ids), np.asarray(num_frames)
        per_clip = dict(
            num_frames=num_frames,
            label=np.full(clips, -1) if label is None else np.asarray(label),
            signer=np.full(clips, -1) if signer is None else np.asarray(signer),
        )
        if img_shape is not None:
            per_clip["img_shape"] = np.asarray(img_shape)
        _check_arrays(self.path, keypoint, keypoint_score, per_clip, clips)
        # What counts is what will be stored: float16 turns large numbers into infinities.
        with np.errstate(over="ignore"):
            keypoint = np.ascontiguousarray(keypoint, self.dtype)
            keypoint_score = np.ascontiguousarray(keypoint_score, self.dtype)
        ids = [str(name) for name in ids]
        is_bad, bad = clip_problems(
            keypoint,
            keypoint_score,
            num_frames,
            ids,
            per_clip["label"],
            len(self.glosses),
            earlier=self._seen,
        )
        self._seen.update(ids)
        self._bad += bad
        keep = ~is_bad
        if bad:
            frames = np.repeat(keep, num_frames)
            keypoint, keypoint_score = keypoint[frames], keypoint_score[frames]
            per_clip = {name: array[keep] for name, array in per_clip.items()}
        if keep.any():
            self._keypoint.append(keypoint)
            self._score.append(keypoint_score)
            self._ids += [name for name, kept in zip(ids, keep) if kept]
            self._without_size |= img_shape is None
            for name, array in per_clip.items():
                self._per_clip.setdefault(name, []).append(array)
        return keep

    def refuse(self, clip: BadClip) -> None:
        """Note a clip that could not even be read: it counts as a bad one."""
        self._bad.append(clip)

    def close(self) -> WriteReport:
        """Write the store; see :func:`write_store` for what it raises."""
        if self._bad and not (self.skip_bad and self._ids):
            raise BadClipsError(self.path, self._bad)
        if not self._ids:
            raise PoseStoreError(f"{self.path}: no clips to write")
        per_clip = {name: np.concatenate(arrays) for name, arrays in self._per_clip.items()}
        num_frames = per_clip.pop("num_frames")
        if self._without_size:
            per_clip.pop("img_shape", None)
        tensors = dict(
            keypoint=self._keypoint.mapped(),
            keypoint_score=self._score.mapped(),
            offset=np.concatenate([[0], num_frames.cumsum()]).astype(np.int64),
            clip_id=np.array([clip_hash(self.source, name) for name in self._ids], np.int64),
            **{
                name: array.astype(np.int32 if name == "img_shape" else np.int64)
                for name, array in per_clip.items()
            },
        )
        metadata = dict(
            version=VERSION,
            layout=LAYOUT,
            normalization=NORMALIZATION,
            source=self.source,
            split=self.split,
            ids=self._ids,
            glosses=self.glosses,
        )
        _save_whole(self.path, tensors, metadata)
        self.report = WriteReport(len(self._ids), int(num_frames.sum()), tuple(self._bad))
        return self.report

    def __enter__(self) -> PoseStoreWriter:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: Any) -> None:
        if kind is None:
            self.close()


class _Frames:
    """Rows of one shape, kept in a file without a name, which the system frees in any case."""

    def __init__(self, path: str | os.PathLike, dtype: str, shape: tuple[int, ...]) -> None:
        self.folder, self.dtype, self.shape = Path(path).parent, dtype, shape
        self.file, self.rows = None, 0

    def append(self, rows: np.ndarray) -> None:
        if self.file is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.file = tempfile.TemporaryFile(dir=self.folder)  # noqa: SIM115 - lives on
        self.file.write(rows.data)
        self.rows += len(rows)

    def mapped(self) -> np.ndarray:
        self.file.flush()
        return np.memmap(self.file, self.dtype, "r", shape=(self.rows, *self.shape))


def _check_arrays(
    path: str | os.PathLike,
    keypoint: np.ndarray,
    score: np.ndarray,
    per_clip: dict[str, np.ndarray],
    clips: int,
) -> None:
    if not clips:
        raise PoseStoreError(f"{path}: no clips to write")
    for name, array in per_clip.items():
        if len(array) != clips:
            raise PoseStoreError(f"{path}: {clips} ids but {len(array)} entries in {name}")
        if array.dtype.kind not in "iu":
            raise PoseStoreError(f"{path}: {name} must be whole numbers, got {array.dtype}")
    num_frames = per_clip["num_frames"]
    frames = int(num_frames.sum())
    if keypoint.shape != (frames, NUM_JOINTS, 2) or score.shape != (frames, NUM_JOINTS):
        raise PoseStoreError(
            f"{path}: the clips have {frames} frames, which need keypoint "
            f"[{frames}, {NUM_JOINTS}, 2] and score [{frames}, {NUM_JOINTS}]; got "
            f"{list(keypoint.shape)} and {list(score.shape)}"
        )
    if (num_frames < 0).any():
        raise PoseStoreError(f"{path}: a clip cannot have {num_frames.min()} frames")


def _save_whole(
    path: str | os.PathLike, tensors: dict[str, np.ndarray], metadata: dict[str, Any]
) -> None:
    try:
        with written_beside(path) as beside:
            save_file(tensors, beside, {FORMAT: json.dumps(metadata)})
    except SafetensorError as error:
        raise PoseStoreError(f"{path}: cannot be written ({error}); is the disk full?") from None


# ---- what makes a clip bad ---------------------------------------------------------------------


def clip_problems(
    keypoint: np.ndarray,
    score: np.ndarray,
    num_frames: np.ndarray,
    ids: Sequence[str],
    label: np.ndarray,
    num_classes: int,
    part_coordinates: bool = True,
    earlier: Collection[str] = (),
) -> tuple[np.ndarray, list[BadClip]]:
    """Which clips nothing can be learnt from, whole arrays at once.

    Args:
        keypoint: [F, 49, 2], clips end to end.
        score: [F, 49].
        num_frames: frames of each clip [clips].
        ids: a name a clip.
        label: [clips].
        num_classes: of the class list.
        part_coordinates: whether ``keypoint`` is to be in part coordinates; else it is in pixels.
        earlier: names that clips before these have taken.

    Returns:
        bool [clips], True = bad, and the bad clips in order, each named once, with its first
        problem.
    """
    some_frame = _SomeFrame(num_frames)
    checks = [
        (num_frames == 0, "it has no frames", "leave it out"),
        (
            some_frame(~np.isfinite(keypoint).all((1, 2)) | ~np.isfinite(score).all(1)),
            "it has joints that are NaN or infinite",
            "mark missing joints by score 0 or leave it out",
        ),
        (some_frame((score < 0).any(1)), "it has scores below 0", "scores are 0 (absent) or more"),
        (
            ~some_frame((score[:, _HANDS] > 0).any(1)),
            "it has not one visible hand in any frame",
            "leave it out or extract its poses again",
        ),
        (
            (label < -1) | (label >= num_classes),
            f"its label is outside the class list of {num_classes}",
            "give the class list it was labelled with; -1 stands for no label",
        ),
        (
            _repeated(ids, earlier),
            "an earlier clip has the same id",
            "give every clip an id of its own",
        ),
    ]
    if part_coordinates:
        far = np.abs(keypoint[:, BODY.joints]) > MAX_BODY_COORDINATE
        checks.append(
            (
                some_frame(far.any((1, 2))),
                f"its body lies more than {MAX_BODY_COORDINATE:g} image sizes away: pixels?",
                "bring pixels into part coordinates with masa_mm.datasets.crop.crop_parts",
            )
        )
    found: dict[int, BadClip] = {}
    for mask, problem, remedy in checks:
        for index in np.flatnonzero(mask).tolist():
            found.setdefault(index, BadClip(ids[index], problem, remedy))
    bad = np.zeros(len(ids), bool)
    bad[list(found)] = True
    return bad, [found[index] for index in sorted(found)]


class _SomeFrame:
    """Whether each clip has one of the marked frames; also right for clips without frames."""

    def __init__(self, num_frames: np.ndarray) -> None:
        self.offset = np.concatenate([[0], num_frames.cumsum()])

    def __call__(self, marked: np.ndarray) -> np.ndarray:
        before = np.concatenate([[0], marked.cumsum()])[self.offset]
        return before[1:] > before[:-1]


def _repeated(ids: Sequence[str], earlier: Collection[str]) -> np.ndarray:
    _, first = np.unique(np.asarray(ids, dtype=str), return_index=True)
    repeated = np.ones(len(ids), bool)
    repeated[first] = False
    return repeated | np.array([name in earlier for name in ids], bool)
