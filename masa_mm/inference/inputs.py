"""From what a user has (videos, pose files, arrays, stores, folders, lists) to clips."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, cast

import numpy as np
import torch

from masa_mm.errors import UserError, describe, in_one_line
from masa_mm.inference.clip_quality import clip_warnings, hand_frames
from masa_mm.inference.clips import PoseClip
from masa_mm.inference.input_kinds import (
    ARRAY,
    KINDS,
    LIST,
    STORE,
    VIDEO,
    inputs_below,
    kind_of_file,
    kind_of_folder,
)
from masa_mm.pose.clip_checks import BadClip
from masa_mm.pose.files import SourceError, read_arrays, read_table, read_text
from masa_mm.pose.skeleton import source_layout
from masa_mm.pose.store import PoseStore
from masa_mm.preparation.convert import joints_in_image
from masa_mm.preparation.extraction.estimators import ESTIMATORS, PoseEstimator, build
from masa_mm.preparation.extraction.extract import extract_clip
from masa_mm.preparation.extraction.plan import ClipJob, find_videos
from masa_mm.sources import SOURCES
from masa_mm.sources.base import Source, SourceClips, bad_clip
from masa_mm.sources.estimator_arrays import estimator_clip
from masa_mm.sources.folder import Entry, clip_blocks

# A path, an array [T, V, 3], a clip, or any iterable of these.
Input = str | os.PathLike | np.ndarray | PoseClip | Iterable[Any]

_SOURCES = {source.name: source for source in SOURCES}
# Median of the coordinates from which on they cannot be parts of a crop.
_LEAST_PIXELS = 8.0


class InputClip(NamedTuple):
    """A clip to be recognised, and what is known of it.

    Attributes:
        clip (PoseClip): Its landmarks, in the layout 'sign49'.
        shows_hand (np.ndarray): The frames with a hand, bool [T]; one at least.
        warnings (tuple[str, ...]): What makes a result doubtful, a sentence each.
        video (Path, optional): The video that it comes from.
        gloss (str): Its true gloss, '' = not known.
        aspect (float): Width over height of the image.
    """

    clip: PoseClip
    shows_hand: np.ndarray
    warnings: tuple[str, ...] = ()
    video: Path | None = None
    gloss: str = ""
    aspect: float = 1.0


class Located(NamedTuple):
    """One input that was found, not read yet: a path, an array or a clip, and its true gloss."""

    value: Path | np.ndarray | PoseClip
    gloss: str = ""


class InputReader:
    """Reads clips from inputs, lazily and one after the other.

    An input is

    - a video or a folder of images, whose poses are extracted, frame by frame;
    - a file or folder of any source of :mod:`masa_mm.sources`;
    - a pose store;
    - a text file with a path a line, or a CSV file with a column ``path`` and, if known, ``gloss``;
      paths are relative to the list's folder;
    - a folder of such files. If it holds videos, its other files are left out;
    - an array [T, V, 3] (x, y, score) in pixels or divided by the image size, or a ``PoseClip``;
    - a list or a generator of inputs.

    An input or a clip that cannot be used becomes a :class:`~masa_mm.pose.clip_checks.BadClip`; the
    others are read.

    Args:
        source (str, optional): Kind of all files, one of
            :data:`masa_mm.inference.input_kinds.KINDS`. None: as their names and content tell.
        layout (str, optional): Joint layout of arrays, and of files that do not tell theirs.
        image_size (tuple[float, float], optional): Width and height in pixels, where neither file
            nor array tells. None: guessed. Arrays of the layout 'sign49' are then in part
            coordinates.
        estimator (str): Pose estimator of videos, a name in
            :data:`masa_mm.preparation.extraction.ESTIMATORS`. It starts with the first video.
        joints (str, optional): Layout of the poses that the model was trained on, if they lacked
            joints, such as 'mediapipe_hands'. All other joints are left out.

    Raises:
        UserError: If there is no such source, layout or estimator.

    Example:
        >>> with InputReader() as reader:
        ...     for each in reader.read(["book.mp4", "poses/", "test.safetensors"]):
        ...         print(each if isinstance(each, BadClip) else each.clip.name)
    """

    def __init__(
        self,
        source: str | None = None,
        layout: str | None = None,
        image_size: tuple[float, float] | None = None,
        estimator: str = "mediapipe",
        joints: str | None = None,
    ) -> None:
        if source is not None and source not in KINDS:
            raise UserError(f"no source '{source}'; there are {', '.join(KINDS)}")
        if estimator not in ESTIMATORS:
            known = ", ".join(sorted(ESTIMATORS.module_dict))
            raise UserError(f"no estimator '{estimator}'; there are {known}")
        for name in filter(None, (layout, joints)):
            source_layout(name)
        if image_size is not None and not min(image_size) > 0:
            raise UserError(f"the image size is (width, height), above 0, got {image_size}")
        self.source, self.layout, self.image_size = source, layout, image_size
        self.joints = joints
        self._estimator_name = estimator
        self._estimator: PoseEstimator | None = None
        self._num_arrays = 0

    def __enter__(self) -> InputReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the pose estimator, if one was started."""
        if self._estimator is not None:
            self._estimator.close()
            self._estimator = None

    def read(self, inputs: Input) -> Iterator[InputClip | BadClip]:
        """Read the clips of inputs.

        Raises:
            EstimatorError: If there is a video, and the estimator does not start.
        """
        for single in self.locate(inputs):
            if isinstance(single, BadClip):
                yield single
            else:
                yield from self._read_single(*single)

    def locate(self, inputs: Input) -> Iterator[Located | BadClip]:
        """Expand lists, folders and generators; :meth:`read` takes the result.

        Nothing but names and lists is read.
        """
        if isinstance(inputs, (Located, BadClip)):
            yield inputs
        elif isinstance(inputs, (PoseClip, np.ndarray)):
            yield Located(inputs)
        elif isinstance(inputs, (str, os.PathLike)):
            try:
                yield from self._locate_path(Path(inputs))
            except (UserError, OSError) as error:
                yield _refused(str(inputs), error)
        elif isinstance(inputs, Iterable):
            yield from chain.from_iterable(map(self.locate, cast(Iterable[Any], inputs)))
        else:
            raise UserError(
                f"an input is a path, an array, a PoseClip or a list of these, got {type(inputs)}"
            )

    def _read_single(
        self, value: Path | np.ndarray | PoseClip, gloss: str
    ) -> Iterator[InputClip | BadClip]:
        if isinstance(value, PoseClip):
            name, clips = value.name, partial(iter, [InputClip(value, np.empty(0))])
        elif isinstance(value, np.ndarray):
            self._num_arrays += 1
            name = f"array {self._num_arrays}"
            clips = partial(self._array, value, name)
        else:
            name, clips = str(value), partial(self._path, value)
        try:
            for clip in clips():
                yield self._complete(clip, gloss) if isinstance(clip, InputClip) else clip
        except (UserError, OSError) as error:
            yield _refused(name, error)

    def _locate_path(self, path: Path) -> Iterator[Located | BadClip]:
        if self.source == VIDEO:
            yield from map(Located, find_videos([path]))
        elif path.is_dir() and self.source is None:
            yield from map(Located, inputs_below(path))
        elif self.source == LIST or (self.source is None and _is_list(path)):
            yield from _locate_listed(path)
        else:
            yield Located(path)

    def _complete(self, each: InputClip, gloss: str) -> InputClip | BadClip:
        """Bring a clip into the layout 'sign49' and check it; one without hands is refused."""
        clip = each.clip.in_layout("sign49")
        shows_hand = hand_frames(clip)
        if not shows_hand.any():
            problem = f"no hand in its {len(shows_hand)} frames"
            return BadClip(clip.name, problem, "show the hands, larger and in better light")
        warnings = (*each.warnings, *clip_warnings(clip, shows_hand))
        aspect = each.aspect if clip.image_size is None else clip.image_size[0] / clip.image_size[1]
        clip = clip if self.joints is None else clip.with_joints_of(self.joints)
        return each._replace(
            clip=clip,
            shows_hand=shows_hand,
            warnings=warnings,
            gloss=gloss or each.gloss,
            aspect=aspect,
        )

    def _path(self, path: Path) -> Iterator[InputClip | BadClip]:
        kind = self.source or (kind_of_folder(path) if path.is_dir() else None)
        if kind in (None, LIST):
            is_array = path.suffix == ".npy" and self.layout is not None
            kind = ARRAY if is_array else kind_of_file(path)
        if kind == VIDEO:
            yield self._video(path)
        elif kind == STORE:
            yield from _store_clips(path)
        elif kind == ARRAY:
            array = read_arrays(path)
            if not isinstance(array, np.ndarray):
                raise SourceError(f"{path}: has several arrays; give an .npy file")
            yield from self._array(array, str(path))
        elif kind == LIST:
            raise SourceError(f"{path}: is a list within a list; give its paths")
        else:
            yield from self._source(_SOURCES[kind], path)

    def _video(self, path: Path) -> InputClip:
        if self._estimator is None:
            kind = ESTIMATORS.get(self._estimator_name)
            device = "cuda" if kind.on_gpu and torch.cuda.is_available() else "cpu"
            self._estimator = build(self._estimator_name, device, {})
        layout = self._estimator.layout
        try:
            found = extract_clip(self._estimator, ClipJob(str(path), path))
        except UserError:
            raise
        # A decoder or a network may raise anything; one video must not stop the others.
        except Exception as error:
            raise UserError(in_one_line(error, 300)) from error
        height, width = found.img_shape.tolist()
        landmarks = np.concatenate([found.keypoint, found.score[..., None]], -1)
        return InputClip(PoseClip(str(path), landmarks, (width, height), layout), _LATER, (), path)

    def _array(self, array: np.ndarray, name: str) -> Iterator[InputClip | BadClip]:
        if self.layout is None:
            raise UserError(f"{name}: an array needs its layout; give layout='coco_wholebody', ...")
        if array.dtype.kind not in "fiu" or array.ndim != 3 or array.shape[2] != 3:
            raise UserError(f"{name}: is {array.dtype} {list(array.shape)}, not [T, V, 3] numbers")
        array = np.where(np.isfinite(array).all(-1, keepdims=True), array, 0).astype(np.float32)
        if self.layout == "sign49" and self.image_size is None:
            yield _part_clip(name, array)
            return
        entry = Entry(name, partial(estimator_clip, array, self.layout))
        blocks = clip_blocks([entry], self._img_shape())
        for block in blocks:
            yield from _clips_of(block, self.layout, False, lambda _: name)

    def _source(self, source: Source, path: Path) -> Iterator[InputClip | BadClip]:
        opened = source.open(self._options(source, path))
        for block in opened.blocks:
            name_of = partial(_clip_name, path)
            yield from _clips_of(block, opened.layout, opened.cropped, name_of, opened.glosses)

    def _options(self, source: Source, path: Path) -> argparse.Namespace:
        """Return the options that the source would have on the command line."""
        options: dict[str, Any] = dict(
            source=source.name, source_name=None, split=None, allow_missing=True, input=str(path)
        )
        for flag, settings in source.options:
            name = settings.get("dest", flag.removeprefix("--").replace("-", "_"))
            options[name] = settings.get("default", None if "action" not in settings else False)
        if "layout" in options and self.layout is not None:
            options["layout"] = self.layout
        if self.image_size is not None:
            options["img_size"] = [round(side) for side in self.image_size]
        return argparse.Namespace(**options)

    def _img_shape(self) -> tuple[int, int] | None:
        if self.image_size is None:
            return None
        width, height = self.image_size
        return round(height), round(width)


_LATER = np.empty(0, bool)  # filled in by _complete


def _clips_of(
    block: SourceClips | BadClip,
    layout: str,
    cropped: bool,
    name_of: Callable[[str], str],
    glosses: Sequence[str] = (),
) -> Iterator[InputClip | BadClip]:
    """Split a block of a source into clips of the 49 joints, their scores on the common scale."""
    if isinstance(block, BadClip):
        yield block._replace(id=name_of(block.id))
        return
    keypoint, score = joints_in_image(block, layout)
    landmarks = np.concatenate([keypoint, score[..., None]], -1)
    ends = np.asarray(block.num_frames).cumsum()
    for index, clip in enumerate(np.split(landmarks, ends[:-1])):
        height, width = map(float, block.img_shape[index])
        label = -1 if block.label is None else int(block.label[index])
        is_guess = block.size is None and not cropped
        warnings = (f"the image size is not known, {width:g} x {height:g} was assumed",) * is_guess
        gloss = glosses[label] if 0 <= label < len(glosses) else ""
        # Sources without names of classes give their numbers.
        gloss = "" if gloss == str(label) else gloss
        size = None if cropped else (width, height)
        name = name_of(block.ids[index])
        yield InputClip(PoseClip(name, clip, size), _LATER, warnings, gloss=gloss)


def _store_clips(path: Path) -> Iterator[InputClip | BadClip]:
    store = PoseStore(path)
    for index in range(len(store)):
        name = f"{path}:{store.ids[index]}"
        try:
            info = store.info(index)
        except UserError as error:
            yield _refused(name, error)
            continue
        landmarks = np.concatenate([info["keypoint"][0], info["keypoint_score"][0, ..., None]], -1)
        height, width = (1, 1) if store.img_shape is None else store.img_shape[index].tolist()
        aspect = width / height if height > 0 else 1.0
        clip = PoseClip(name, landmarks, None)
        yield InputClip(clip, _LATER, gloss=info["gloss"], aspect=aspect)


def _part_clip(name: str, array: np.ndarray) -> InputClip:
    """Make a clip of an array in part coordinates."""
    seen = np.abs(array[array[..., 2] > 0][:, :2])
    if seen.size and np.median(seen) >= _LEAST_PIXELS:
        raise UserError(f"{name}: is in pixels; give the image size too")
    return InputClip(PoseClip(name, array, None), _LATER)


def _locate_listed(path: Path) -> Iterator[Located | BadClip]:
    """Find the inputs of a list; a folder that has none does not end it."""
    for place, gloss in _listed(path):
        try:
            is_folder = place.is_dir() and kind_of_folder(place) is None
            found = inputs_below(place) if is_folder else [place]
            yield from (Located(each, gloss) for each in found)
        except (UserError, OSError) as error:
            yield _refused(str(place), error)


def _is_list(path: Path) -> bool:
    return path.suffix.lower() in (".txt", ".csv") and kind_of_file(path) == LIST


def _listed(path: Path) -> list[tuple[Path, str]]:
    """Read paths and glosses of a list."""
    if path.suffix.lower() == ".csv":
        rows = [(row.get("path", ""), row.get("gloss", "")) for row in read_table(path)]
    else:
        rows = [(line.strip(), "") for line in read_text(path).splitlines()]
    found = [(path.parent / place, gloss) for place, gloss in rows if place]
    if not found:
        raise SourceError(f"{path}: an empty list; give a path a line")
    return found


def _clip_name(path: Path, clip: str) -> str:
    """Return a name for a clip: its file or folder if named like the clip, or that and its id."""
    is_whole = clip == path.stem or f"/{path.as_posix()}".endswith(f"/{clip}")
    return str(path) if is_whole else f"{path}:{clip}"


def _refused(name: str, error: Exception) -> BadClip:
    bad = bad_clip(name, UserError(describe(error)))
    return bad._replace(problem=bad.problem.removeprefix(f"{name}: "))
