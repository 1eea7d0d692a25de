"""Measure extract_poses.py --estimator mediapipe on real videos: agreement, speed, resumption.

    python tools/benchmark/extraction.py compare VIDEO REFERENCE.pose
    python tools/benchmark/extraction.py compare VIDEO.mp4 wlasl_hands_train.npz
    python tools/benchmark/extraction.py compare VIDEO OPENPOSE_FOLDER
    python tools/benchmark/extraction.py speed VIDEO VIDEO
    python tools/benchmark/extraction.py resume VIDEO VIDEO
    python tools/benchmark/extraction.py environment

compare extracts a video and compares the joints with those of another extraction: a .pose file,
packed WLASL hands, where the clip has the name of the video, or OpenPose's JSON files. If the
lengths differ, the shorter one is moved along the longer one to where they agree best. speed counts
frames per second; for one core run it as taskset -c 0 python. resume kills the tool again and
again, or only MediaPipe's process, and compares the store with that of an unbroken run. environment
makes MediaPipe's environment in a temporary folder.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import common
import numpy as np
from common import Row

from masa_mm.errors import UserError
from masa_mm.option_checks import count, option, seed, whole
from masa_mm.pose.crop import select_joints
from masa_mm.pose.files import read_json
from masa_mm.pose.skeleton import BODY, LEFT_HAND, NAMED_LAYOUTS, PARTS, RIGHT_HAND
from masa_mm.pose.store import PoseStore
from masa_mm.preparation.extraction import ClipJob, extract_clip, read_frames
from masa_mm.preparation.extraction.estimators import PoseEstimator, build
from masa_mm.preparation.extraction.mediapipe_environment import (
    VARIABLE,
    environment_folder,
    python_with_holistic,
)
from masa_mm.sources.wlasl import ABSENT, HANDS, UNIT

TOOL = common.ROOT / "tools" / "data" / "extract_poses.py"
OPENPOSE_PARTS = dict(pose_keypoints_2d=25, hand_left_keypoints_2d=21, hand_right_keypoints_2d=21)
# Mean distances of the joints of two hands in sizes of the hand: two estimates of one hand are
# nearer than FOUND_HAND, and one hand given as both is nearer to itself than SAME_HAND.
FOUND_HAND, SAME_HAND = 0.5, 0.15


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark."""
    args = parse_args(argv)
    return common.run(args.measure, args)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    compare_parser = commands.add_parser("compare")
    compare_parser.add_argument("video")
    compare_parser.add_argument("reference")
    compare_parser.set_defaults(measure=compare)
    speed_parser = commands.add_parser("speed")
    speed_parser.add_argument("videos", nargs="+")
    speed_parser.add_argument("--runs", type=count, default=3)
    speed_parser.set_defaults(measure=speed)
    resume_parser = commands.add_parser("resume")
    resume_parser.add_argument("videos", nargs="+")
    resume_parser.add_argument("--kills", type=option(whole(0)), default=4)
    resume_parser.add_argument("--seed", type=seed, default=0)
    resume_parser.set_defaults(measure=resume)
    commands.add_parser("environment").set_defaults(measure=environment)
    return parser.parse_args(argv)


def mediapipe() -> PoseEstimator:
    """Build the estimator."""
    return build("mediapipe", "cpu", {})


# ---- agreement ---------------------------------------------------------------------------------


class Poses(NamedTuple):
    """The 49 joints of a clip: keypoint [T, 49, 2], score [T, 49], and the image's (w, h)."""

    keypoint: np.ndarray
    score: np.ndarray
    size: np.ndarray


def compare(args: argparse.Namespace) -> None:
    """Print a table of how well two extractions of a video agree."""
    ours = extracted(args.video)
    ours, theirs = align(ours, reference(args.video, args.reference, ours.size))
    common.print_table(part_rows(ours, theirs), HEAD)
    common.print_table(side_rows(ours, theirs))


def extracted(video: str) -> Poses:
    """Extract the poses of a video, in pixels."""
    with closing(mediapipe()) as estimator:
        clip = extract_clip(estimator, ClipJob(Path(video).stem, Path(video)))
        joints = select_joints(clip.keypoint, clip.score, estimator.layout)
    return Poses(*joints, clip.img_shape[::-1])


def reference(video: str, path: str, size: np.ndarray) -> Poses:
    """Read the other extraction of a video of a size (w, h) in pixels, in its own units."""
    if Path(path).is_dir():
        return read_openpose(path, size)
    return read_pose(path) if path.endswith(".pose") else read_hands(path, Path(video).stem)


def read_openpose(folder: str, size: np.ndarray) -> Poses:
    """Read the first person of OpenPose's files of one video, in pixels; hands may be missing."""
    people = [read_json(file)["people"] for file in sorted(Path(folder).glob("*_keypoints.json"))]
    joints = np.zeros((len(people), sum(OPENPOSE_PARTS.values()), 3), np.float32)
    for frame, persons in zip(joints, people):
        start = 0
        for key, width in OPENPOSE_PARTS.items():
            if persons and persons[0][key]:
                frame[start : start + width] = np.reshape(persons[0][key], (width, 3))
            start += width
    return Poses(*select_joints(joints[..., :2], joints[..., 2], "openpose_body25_hands"), size)


def read_pose(path: str) -> Poses:
    """Read a ``.pose`` file of MediaPipe Holistic."""
    from pose_format import Pose

    pose = Pose.read(Path(path).read_bytes())
    names = [f"{part.name}/{point}" for part in pose.header.components for point in part.points]
    indices = [names.index(name) for name in NAMED_LAYOUTS["pose_format_holistic"]]
    data = np.ma.filled(pose.body.data, np.nan)[:, 0, indices, :2]
    score = np.where(np.isnan(data).any(-1), 0, np.asarray(pose.body.confidence)[:, 0, indices])
    size = pose.header.dimensions
    return Poses(np.nan_to_num(data), score, np.array([size.width, size.height]))


def read_hands(path: str, clip: str) -> Poses:
    """Read one clip of packed WLASL hands."""
    arrays = np.load(path)
    ids, ends = arrays["video_id"].astype(str).tolist(), np.cumsum(arrays["num_frames"])
    if clip not in ids:
        raise UserError(f"{path}: has no clip '{clip}'; give the file of its split")
    number = ids.index(clip)
    frames = slice(ends[number] - arrays["num_frames"][number], ends[number])
    keypoint = arrays["keypoint"][frames]
    score = (keypoint != ABSENT).all(-1).astype(np.float32)
    joints, score = select_joints(keypoint * UNIT, score, HANDS)
    score[:, BODY.joints] = 0  # the wrists of the hands, no other joints
    return Poses(joints, score, np.ones(2))


def align(ours: Poses, theirs: Poses) -> tuple[Poses, Poses]:
    """Bring the other extraction to our pixels and both to the frames where they agree best."""
    scaled = theirs.keypoint * (ours.size / theirs.size)
    lengths = len(ours.score), len(scaled)
    print(f"frames: ours {lengths[0]}, theirs {lengths[1]}", end="")
    overlap = min(lengths)
    candidates = []
    for offset in range(max(lengths) - overlap + 1):
        starts = [offset if length > overlap else 0 for length in lengths]
        a, b = (slice(start, start + overlap) for start in starts)
        pair = (
            Poses(ours.keypoint[a], ours.score[a], ours.size),
            Poses(scaled[b], theirs.score[b], ours.size),
        )
        candidates.append((mismatch(*pair), offset, pair))
    _, offset, pair = min(candidates, key=lambda candidate: candidate[0])
    print(f"; the shorter one begins at frame {offset} of the other\n")
    return pair


def mismatch(ours: Poses, theirs: Poses) -> tuple[float, float]:
    """Share of hands that only one has, then the mean distance of the others."""
    seen, expected = has_parts(ours), has_parts(theirs)
    both = (ours.score > 0) & (theirs.score > 0)
    apart = distances(ours, theirs)[both]
    return float((seen != expected)[:, :2].mean()), float(apart.mean()) if apart.size else np.inf


def has_parts(poses: Poses) -> np.ndarray:
    """Whether each part is visible, bool [T, 3]."""
    return np.stack([(poses.score[:, part.joints] > 0).any(1) for part in PARTS], axis=1)


def distances(ours: Poses, theirs: Poses) -> np.ndarray:
    """Distances of the joints in pixels, [T, 49]."""
    return np.linalg.norm(ours.keypoint - theirs.keypoint, axis=-1)


HEAD = ("part", "frames with it: both, only ours, only theirs, none", "distance, median (90 %)",
        "in sizes of the part")  # fmt: skip


def part_rows(ours: Poses, theirs: Poses) -> Iterator[Row]:
    """Agreement of each part."""
    seen, expected = has_parts(ours), has_parts(theirs)
    for number, part in enumerate(PARTS):
        a, b = seen[:, number], expected[:, number]
        counts = [(a & b).sum(), (a & ~b).sum(), (~a & b).sum(), (~a & ~b).sum()]
        both = ((ours.score > 0) & (theirs.score > 0))[:, part.joints]
        apart = distances(ours, theirs)[:, part.joints]
        if not both.any():
            yield part.name, " ".join(map(str, counts)), "-", "-"
            continue
        extent = np.ptp(theirs.keypoint[:, part.joints], axis=1).max(-1, keepdims=True)
        relative = (apart / np.maximum(extent, 1e-6))[both]
        median, high = np.quantile(apart[both], (0.5, 0.9))
        yield (
            part.name,
            " ".join(map(str, counts)),
            f"{median:.2f} ({high:.2f}) px of {max(ours.size)}",
            f"{np.median(relative):.3f}",
        )


def side_rows(ours: Poses, theirs: Poses) -> Iterator[Row]:
    """Agreement of the hands' presence and sides."""
    seen, expected = has_parts(ours)[:, :2], has_parts(theirs)[:, :2]
    yield "frames with the same hands", f"{(seen == expected).all(1).mean():.1%} of {len(seen)}"
    same_number = seen.sum(1) == expected.sum(1)
    yield "frames with as many hands", f"{same_number.mean():.1%}"
    sides = np.concatenate([found_sides(ours, theirs, side) for side in range(2)])
    agreed = sides[sides >= 0] == np.repeat([0, 1], len(seen))[sides >= 0]
    share = f"{agreed.mean():.1%} of {agreed.size}" if agreed.size else "-"
    yield "their hands that ours has, with the same side", share
    same_place = hand_distances(ours, ours, 1)[:, 0] < SAME_HAND
    yield "frames where both of our hands are one", f"{same_place.sum()} of {seen.all(1).sum()}"


def found_sides(ours: Poses, theirs: Poses, side: int) -> np.ndarray:
    """Side (0 right, 1 left) of our hand where they have one of a side, -1 without one, [T]."""
    apart = hand_distances(ours, theirs, side)
    return np.where(apart.min(1) < FOUND_HAND, apart.argmin(1), -1)


def hand_distances(ours: Poses, theirs: Poses, side: int) -> np.ndarray:
    """Mean distance of our two hands from one of theirs in sizes of it [T, 2], inf = absent."""
    hands = (RIGHT_HAND.joints, LEFT_HAND.joints)
    hand = theirs.keypoint[:, hands[side]]
    apart = [np.linalg.norm(ours.keypoint[:, joints] - hand, axis=-1).mean(1) for joints in hands]
    extent = np.maximum(np.ptp(hand, axis=1).max(-1, keepdims=True), 1e-6)
    present = has_parts(ours)[:, :2] & has_parts(theirs)[:, [side]]
    return np.where(present, np.stack(apart, axis=1) / extent, np.inf)


# ---- speed, resumption, environment ------------------------------------------------------------


def speed(args: argparse.Namespace) -> None:
    """Print frames per second for each video, by the clock and by CPU time."""
    common.print_table(speed_rows(args), ("video", "frames/s", "frames per second of CPU time"))


def speed_rows(args: argparse.Namespace) -> Iterator[Row]:
    """Frames per second for each video, reading included; starting MediaPipe is not."""
    start_up = np.median([cost(lambda estimator: None) for _ in range(args.runs)], axis=0)
    for video in args.videos:
        job = ClipJob("clip", Path(video))
        frames = sum(1 for _ in read_frames(video))
        costs = [cost(lambda e: extract_clip(e, job)) for _ in range(args.runs)]  # noqa: B023
        rates = frames / (np.array(costs) - start_up)
        columns = (f"{np.median(rate):.1f}, {common.spread(rate)}" for rate in rates.T)
        yield (f"{Path(video).name}, {frames} frames", *columns)
    yield ("starting MediaPipe, seconds", *(f"{seconds:.2f}" for seconds in start_up))


def cost(action: Callable[[PoseEstimator], object]) -> np.ndarray:
    """Seconds that an action with a new estimator takes, by the clock and of CPU time."""

    def now() -> np.ndarray:
        return np.array([time.perf_counter(), sum(os.times()[:4])])

    begin = now()
    with closing(mediapipe()) as estimator:
        action(estimator)
    return now() - begin


def resume(args: argparse.Namespace) -> None:
    """Kill runs of the tool until one ends, and compare its store with that of an unbroken run."""
    chance = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        unbroken, broken = (Path(folder, f"{name}.safetensors") for name in ("unbroken", "broken"))
        duration = common.seconds(lambda: finish(start(args.videos, unbroken)))
        for number in range(args.kills):
            run = start(args.videos, broken)
            time.sleep(chance.uniform(0.2, 0.6) * duration)
            killed = kill(run, only_mediapipe=number % 2 == 1)
            if run.wait() == 0:
                break  # it had no clip left
            done = len(list(broken.with_suffix(".poses").glob("*.npz")))
            print(f"killed {killed}: exit code {run.returncode}, {done} clips are done")
        print("run until the end")
        finish(start(args.videos, broken))
        report(PoseStore(unbroken), PoseStore(broken))


def start(videos: list[str], out: Path) -> subprocess.Popen:
    """Start the tool."""
    command = [sys.executable, str(TOOL), *videos, "--out", str(out), "--estimator", "mediapipe"]
    paths = [str(common.ROOT), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | dict(PYTHONPATH=os.pathsep.join(filter(None, paths)))
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def finish(run: subprocess.Popen) -> None:
    """Wait for a run of the tool.

    Raises:
        UserError: If it fails.
    """
    if run.wait():
        raise UserError(f"extract_poses.py ended with exit code {run.returncode}; run it alone")


def kill(run: subprocess.Popen, only_mediapipe: bool) -> str:
    """Kill the tool, or only the process of MediaPipe that it started; return which."""
    ps = subprocess.run(["ps", "-A", "-o", "ppid=,pid="], stdout=subprocess.PIPE, text=True)
    pairs = [tuple(map(int, line.split())) for line in ps.stdout.splitlines()]
    workers = [pid for parent, pid in pairs if parent == run.pid]
    if only_mediapipe and workers:
        os.kill(workers[0], 9)
        return "MediaPipe's process"
    run.kill()
    return "the tool"


def report(unbroken: PoseStore, broken: PoseStore) -> None:
    """Print whether two stores are equal.

    Raises:
        UserError: If they differ.
    """
    same = unbroken.ids == broken.ids and all(
        np.array_equal(a, b)
        for number in range(len(unbroken.ids))
        for a, b in zip(unbroken.clip(number), broken.clip(number))
    )
    if not same:
        raise UserError("the resumed store differs from that of the unbroken run; this is a bug")
    print(f"the resumed store equals that of the unbroken run: {len(broken.ids)} clips")


def environment(args: argparse.Namespace) -> None:
    """Print time and size of MediaPipe's environment."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ[VARIABLE] = str(Path(folder, "environment"))
        duration = common.seconds(python_with_holistic)
        files = [path for path in environment_folder().rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files if not path.is_symlink())
        free = shutil.disk_usage(folder).free
        print(f"{duration:.0f} s, {size / 1e6:.0f} MB of {free / 1e9:.0f} GB free")


if __name__ == "__main__":
    sys.exit(main())
