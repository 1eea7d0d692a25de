"""The plan of an extraction: its clips and their videos."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from masa_mm.datasets.benchmarks import BENCHMARKS
from masa_mm.datasets.official_clip import Box, FrameRange, OfficialClip
from masa_mm.errors import UserError
from masa_mm.pose.clip_ids import ids_of_paths, path_end
from masa_mm.preparation.extraction.video import IMAGES, VIDEOS


class PlanError(UserError):
    """Videos are missing, ambiguous, or do not match the official lists."""


class ClipJob(NamedTuple):
    """A clip to extract: its video, frames, box, label and signer (-1 = unknown)."""

    id: str
    video: Path
    frames: FrameRange | None = None
    box: Box | None = None
    label: int = -1
    signer: int = -1


class Plan(NamedTuple):
    """The clips to extract, sorted by id, and the metadata of their store."""

    jobs: list[ClipJob]
    source: str
    split: str = ""
    glosses: Sequence[str] = ()
    missing: Sequence[str] = ()  # ids of the official list that have no video


def plan_videos(paths: Iterable[str | os.PathLike], source: str, split: str = "") -> Plan:
    """Plan one unlabelled clip for each video, named by the rule of masa_mm.pose.clip_ids."""
    found = find_videos(paths)
    videos: dict[str, Path] = {}
    for name, path in zip(ids_of_paths(found), found):
        _add_video(videos, name, path)
    return Plan([ClipJob(name, videos[name]) for name in sorted(videos)], source, split)


def _add_video(videos: dict[str, Path], name: str, path: Path) -> None:
    if name in videos:
        raise PlanError(
            f"{path}: has the same name as {videos[name]}; give each video a name of its own"
        )
    videos[name] = path


def plan_benchmark(
    paths: Iterable[str | os.PathLike],
    benchmark: str,
    split_file: str,
    split: str,
    class_list: str | None = None,
) -> Plan:
    """Plan the clips of a benchmark's official list that have a video.

    A video named as the clip holds that clip alone. A video named by its YouTube id is longer; the
    official list says which of its frames are the clip.

    Args:
        paths (Iterable[str | os.PathLike]): Videos, or folders of videos.
        benchmark (str): A name in :data:`masa_mm.datasets.benchmarks.BENCHMARKS`.
        split_file (str): Its list or lists, see :class:`masa_mm.datasets.SignBenchmark`.
        split (str): A split of the list.
        class_list (str | None): File of class names in the order of their labels.

    Raises:
        ListError: If a list cannot be read.
        PlanError: If the list has no such split, or none of its clips has a video.
    """
    kind = BENCHMARKS[benchmark]
    if split not in kind.SPLITS:
        raise PlanError(
            f"the lists of {kind.NAME} have no split '{split}'; they have {', '.join(kind.SPLITS)}"
        )
    classes = kind.read_classes(class_list) if class_list is not None else None
    official = kind.official_split(split_file, split, classes)
    glosses = classes or official.classes or [str(label) for label in range(kind.NUM_CLASSES)]
    clips = {clip.id: clip for clip in official.clips}
    if not clips:
        raise PlanError(f"{split_file}: has no {split} clips; give the list of that split")
    videos = _videos_named(find_videos(paths), clips.values())
    candidates = [(name, _job(clip, videos)) for name, clip in sorted(clips.items())]
    jobs = [job for _, job in candidates if job is not None]
    if not jobs:
        raise PlanError(
            f"none of the {len(clips)} {split} clips of {split_file} has a video: name the videos "
            f"as the clips, such as '{next(iter(clips), '')}', or by their YouTube ids"
        )
    missing = [name for name, job in candidates if job is None]
    return Plan(jobs, benchmark, split, glosses, missing)


def _job(clip: OfficialClip, videos: dict[str, Path]) -> ClipJob | None:
    for name in (clip.id, *clip.videos):
        if name in videos:
            frames = None if name == clip.id else clip.frames
            return ClipJob(clip.id, videos[name], frames, clip.box, clip.label, clip.signer)
    return None


def _videos_named(found: Iterable[Path], clips: Iterable[OfficialClip]) -> dict[str, Path]:
    """Return the videos that are named as clips, or as the videos that contain them."""
    names = {name for clip in clips for name in (clip.id, *clip.videos)}
    lengths = {1 + name.count("/") for name in names}
    videos: dict[str, Path] = {}
    for path in found:
        for name in names.intersection(path_end(path, length) for length in lengths):
            _add_video(videos, name, path)
    return videos


def find_videos(paths: Iterable[str | os.PathLike]) -> list[Path]:
    """Find videos and folders of images.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        PlanError: If there are no videos.
    """
    videos = list(chain.from_iterable(_videos_below(Path(path)) for path in paths))
    if not videos:
        raise PlanError(
            f"{', '.join(map(str, paths))}: no videos found; videos are folders of images, or "
            f"files that end in {' '.join(VIDEOS)}"
        )
    return videos


def _videos_below(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: no such file or folder")
    for folder, folders, names in os.walk(path):
        folders.sort()
        extensions = {Path(name).suffix.lower() for name in names}
        if extensions & set(IMAGES) and not extensions & set(VIDEOS):
            yield Path(folder)
        yield from (Path(folder, n) for n in sorted(names) if Path(n).suffix.lower() in VIDEOS)
