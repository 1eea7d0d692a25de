"""Which clips are to be extracted from which videos."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from masa_mm.datasets.benchmarks import BENCHMARKS
from masa_mm.datasets.official_clip import Box, FrameRange, OfficialClip
from masa_mm.datasets.official_lists import file_id
from masa_mm.errors import UserError
from masa_mm.preparation.extraction.video import IMAGES, VIDEOS


class PlanError(UserError):
    """Videos and lists that do not fit each other; one line with the remedy."""


class ClipJob(NamedTuple):
    """A clip to extract: where it is, and what is known of it (-1 = nothing)."""

    id: str
    video: Path
    frames: FrameRange | None = None
    box: Box | None = None
    label: int = -1
    signer: int = -1


class Plan(NamedTuple):
    """The clips to extract, in order of their ids, and what the store will say of them.

    ``missing`` are the list's clips that have no video.
    """

    jobs: list[ClipJob]
    source: str
    split: str = ""
    glosses: Sequence[str] = ()
    missing: Sequence[str] = ()


def plan_videos(paths: Iterable[str | os.PathLike], source: str, split: str = "") -> Plan:
    """A clip of every video: whole, unlabelled, named as its file.

    Raises:
        FileNotFoundError: there is no such file or folder.
        PlanError: there are no videos, or two of one name.
    """
    jobs = [ClipJob(name, path) for name, path in sorted(find_videos(paths).items())]
    return Plan(jobs, source, split)


def plan_benchmark(
    paths: Iterable[str | os.PathLike],
    benchmark: str,
    split_file: str,
    split: str,
    class_list: str | None = None,
) -> Plan:
    """The clips of a benchmark's official list that have a video.

    A video named as the clip holds that clip alone. One named as the longer video that the list
    cuts it from, by its YouTube id, is cut by the list's frames.

    Args:
        paths: videos, or folders of them.
        benchmark: in :data:`masa_mm.datasets.benchmarks.BENCHMARKS`.
        split_file: its list, or lists, see :class:`masa_mm.datasets.SignBenchmark`.
        split: one of the list's splits.
        class_list: class names in the order of their labels.

    Raises:
        FileNotFoundError, ListError: a file is missing or cannot be read.
        PlanError: the benchmark's lists have no such split, or none of its clips has a video.
    """
    kind = BENCHMARKS[benchmark]
    if split not in kind.SPLITS:
        raise PlanError(
            f"the lists of {kind.NAME} have no split '{split}'; they have {', '.join(kind.SPLITS)}"
        )
    classes = kind.read_classes(class_list) if class_list is not None else None
    official = kind.official_split(split_file, split, classes)
    glosses = classes or official.classes or [str(label) for label in range(kind.NUM_CLASSES)]
    videos = find_videos(paths)
    clips = {clip.id: clip for clip in official.clips}
    jobs = {name: _job(clip, videos) for name, clip in sorted(clips.items())}
    found = [job for job in jobs.values() if job is not None]
    if not found:
        raise PlanError(
            f"none of the {len(clips)} {split} clips of {split_file} has a video: they are to be "
            f"named as the clips, such as '{next(iter(clips), '')}', or by their YouTube ids"
        )
    missing = [name for name, job in jobs.items() if job is None]
    return Plan(found, benchmark, split, glosses, missing)


def _job(clip: OfficialClip, videos: dict[str, Path]) -> ClipJob | None:
    for name in (clip.id, *clip.videos):
        if name in videos:
            frames = None if name == clip.id else clip.frames
            return ClipJob(clip.id, videos[name], frames, clip.box, clip.label, clip.signer)
    return None


def find_videos(paths: Iterable[str | os.PathLike]) -> dict[str, Path]:
    """Videos by their names, without folder and endings: files, and folders of images.

    Raises:
        FileNotFoundError: there is no such file or folder.
        PlanError: there are no videos, or two of one name.
    """
    videos: dict[str, Path] = {}
    for path in (found for given in paths for found in _videos_below(Path(given))):
        # Video ids may hold a dot nowhere; 'P09_01_00_3._color.mp4' is 'P09_01_00_3'.
        name = path.name if path.is_dir() else file_id(path.name)
        if name in videos:
            raise PlanError(
                f"{path}: is named as {videos[name]}; give each video once, by a name of its own"
            )
        videos[name] = path
    if not videos:
        raise PlanError(
            f"{', '.join(map(str, paths))}: no videos there; they end in {' '.join(VIDEOS)}, or "
            "are folders of images"
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
        endings = {Path(name).suffix.lower() for name in names}
        if endings & set(IMAGES) and not endings & set(VIDEOS):
            yield Path(folder)
        yield from (Path(folder, n) for n in sorted(names) if Path(n).suffix.lower() in VIDEOS)
