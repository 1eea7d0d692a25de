"""Kill conversions and extractions, fill their disk, and check what they leave.

    python tools/benchmark/faults/writers.py      # the figures of docs/reliability.md
    python tools/benchmark/faults/writers.py --conversions 5 --every 4 --extractions 3 --pairs 2

A conversion writes a store and a pickle over older ones; an extraction writes clip files and a
store. Each is killed (SIGKILL) at random moments, the conversion also at each of its system calls
around the renames, then started again until it ends. Every file must be the old or the new one at
all times; after the next start nothing is left over, and the files equal those of an unbroken run.
The runs are forked from a process that has imported everything. Needs Linux; a full disk and a
read-only folder are file systems in memory, which need root.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import pickle
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from masa_mm.pose.store import PoseStore
from masa_mm.preparation.audit import audit, open_clips, write_report
from masa_mm.preparation.extraction import ESTIMATORS, Persons, PoseEstimator
from masa_mm.visualization.style import new_figure, save_figure

_CALLS = ("open", "fsync", "link", "replace", "unlink", "chmod")
Run = Callable[[], object]


@ESTIMATORS.register_module(name="brightest", force=True)
class _Brightest(PoseEstimator):
    """Puts the joints around the brightest pixel of a frame."""

    layout = "coco_wholebody"

    def __init__(self, device: str = "cpu") -> None:
        self._spread = np.random.default_rng(0).uniform(-3, 3, (133, 2)).astype(np.float32)

    def persons(self, frame: np.ndarray) -> Persons:
        row, column = divmod(int(frame.sum(2).argmax()), frame.shape[1])
        return Persons(self._spread[None] + (column, row), np.full((1, 133), 0.9, np.float32))


def _tool(name: str) -> types.ModuleType:
    path = Path(__file__).resolve().parents[2] / "data" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_poses(path: Path, seed: int, clips: int) -> Path:
    """Write a pickle of MMAction2's annotations."""
    rng = np.random.default_rng(seed)
    annotations = [
        dict(
            frame_dir=f"clip{index}",
            total_frames=40,
            img_shape=(480, 640),
            label=index % 10,
            keypoint=rng.uniform(0, 400, (1, 40, 133, 2)).astype(np.float32),
            keypoint_score=rng.uniform(0.5, 1, (1, 40, 133)).astype(np.float32),
        )
        for index in range(clips)
    ]
    path.write_bytes(pickle.dumps(annotations))
    return path


def make_videos(folder: Path, videos: int) -> Path:
    """Make folders of images, which are videos without a codec."""
    for video in range(videos):
        place = folder / f"sign{video % 3}" / f"{video}"
        place.mkdir(parents=True)
        for frame in range(8):
            image = np.zeros((48, 64, 3), np.uint8)
            image[10 + video % 8, 10 + 3 * frame] = 255
            cv2.imwrite(str(place / f"{frame}.png"), image)
    return folder


def start(run: Run, log: Path) -> int:
    """Start a run in a forked process; return its id."""
    process = os.fork()
    if process:
        return process
    code = 70  # of an exception
    try:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        code = int(run() or 0)
    except BaseException as error:
        print(f"Traceback: {error!r}", file=sys.stderr)
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def finish(process: int) -> int:
    """Wait for a process; return its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def killed_at(run: Run, number: int) -> Run:
    """Return a run that kills itself at one of its system calls, before or after it is done."""
    left = [number]

    def call(real: Callable) -> Callable:
        def counted(*args, **kwargs):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        return counted

    def killed() -> object:
        for name in _CALLS:
            setattr(os, name, call(getattr(os, name)))
        return run()

    return killed


def contents(folder: Path) -> dict[str, bytes]:
    """Return the content of all files below a folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def leftovers(folder: Path) -> list[Path]:
    """Return the files below a folder whose names begin with a dot, or are a library's."""
    return [path for path in folder.rglob("*") if path.name.startswith((".", "tmp"))]


class Campaign:
    """Runs in a folder, and counts of what they left.

    Args:
        folder (Path): An empty folder.
        rng (np.random.Generator): Chooses the moments.
    """

    def __init__(self, folder: Path, rng: np.random.Generator) -> None:
        self.folder, self.rng, self.log = folder, rng, folder / "log"
        self.convert, self.extract = _tool("convert"), _tool("extract_poses")
        self.failed = 0

    def report(self, name: str, **counts: int | str) -> None:
        """Print counts; those named `bad_...` must be 0."""
        self.failed += sum(int(count) for key, count in counts.items() if key.startswith("bad_"))
        print(f"{name}: " + ", ".join(f"{key.replace('_', ' ')} {n}" for key, n in counts.items()))

    def conversions(self, kills: int, every: int, clips: int) -> None:
        """Kill conversions of a store and a pickle at random moments and at each system call."""
        out = self.folder / "converted"
        runs = [self._conversion(out, seed, clips) for seed in (0, 1)]
        versions, seconds = [], 0.0
        for run in runs:
            begin = time.perf_counter()
            assert finish(start(run, self.log)) == 0, self.log.read_text()
            seconds = time.perf_counter() - begin
            versions.append(contents(out))
        counts = dict.fromkeys(("bad_files", "bad_leftovers", "bad_results", "mixed_pairs"), 0)
        died = 0
        while died < kills:
            process = start(runs[0], self.log)
            time.sleep(self.rng.uniform(0, seconds))
            os.kill(process, signal.SIGKILL)
            died += self._after_kill(process, out, runs, versions, counts)
        in_time, number = 0, every
        while self._after_kill(
            start(killed_at(runs[0], number), self.log), out, runs, versions, counts
        ):
            in_time, number = in_time + 1, number + every
        self.report("conversion", random_kills=died, kills_at_calls=in_time, **counts)

    def _after_kill(
        self,
        process: int,
        out: Path,
        runs: list[Run],
        versions: list[dict[str, bytes]],
        counts: dict[str, int],
    ) -> bool:
        """Check the files and those of the next run; return whether the process was killed."""
        was_killed = finish(process) == -signal.SIGKILL
        self._check_pair(out, versions, counts)
        assert finish(start(runs[0], self.log)) == 0, self.log.read_text()
        counts["bad_results"] += contents(out) != versions[0]
        counts["bad_leftovers"] += len(leftovers(out))
        assert finish(start(runs[1], self.log)) == 0  # the old files of the next kill
        return was_killed

    def _conversion(self, out: Path, seed: int, clips: int) -> Run:
        poses = self.folder / f"poses{seed}.pkl"
        if not poses.exists():
            make_poses(poses, seed, clips)
        options = [f"{out}/a.safetensors", "--pickle", f"{out}/a.pkl"]
        options += ["--layout", "coco_wholebody"]
        return lambda: self.convert.main(["mmaction", str(poses), *options])

    def _check_pair(
        self, out: Path, versions: list[dict[str, bytes]], counts: dict[str, int]
    ) -> None:
        found = {name: value for name, value in contents(out).items() if not name.startswith(".")}
        which = {name: [value == old[name] for old in versions] for name, value in found.items()}
        counts["bad_files"] += sum(not any(known) for known in which.values())
        counts["bad_files"] += len(versions[0]) - len(found)
        counts["mixed_pairs"] += len({known.index(True) for known in which.values()}) > 1

    def extractions(self, kills: int, videos: int) -> None:
        """Kill extractions at random moments; each goes on with the files of the one before."""
        videos_folder, out = make_videos(self.folder / "videos", videos), self.folder / "extracted"
        run = self._extraction(videos_folder, out)
        begin = time.perf_counter()
        assert finish(start(run, self.log)) == 0, self.log.read_text()
        seconds, unbroken = time.perf_counter() - begin, contents(out)
        counts = dict.fromkeys(("bad_files", "bad_leftovers", "bad_results"), 0)
        died = runs = 0
        while died < kills:
            shutil.rmtree(out)
            code = -signal.SIGKILL
            while code == -signal.SIGKILL:
                process = start(run, self.log)
                if died < kills:
                    time.sleep(self.rng.uniform(0, seconds))
                    os.kill(process, signal.SIGKILL)
                code = finish(process)
                died += code == -signal.SIGKILL
                found = {k: v for k, v in contents(out).items() if "/." not in f"/{k}"}
                counts["bad_files"] += sum(unbroken.get(k) != v for k, v in found.items())
            assert code == 0, self.log.read_text()
            counts["bad_results"] += contents(out) != unbroken
            counts["bad_leftovers"] += len(leftovers(out))
            runs += 1
        self.report("extraction", random_kills=died, runs=runs, **counts)

    def _extraction(self, videos: Path, out: Path) -> Run:
        options = ["--out", f"{out}/a.safetensors", "--estimator", "brightest", "--device", "cpu"]
        return lambda: self.extract.main([str(videos), *options])

    def two_writers(self, pairs: int, clips: int) -> None:
        """Let two conversions write one target at the same time."""
        out = self.folder / "both"
        runs, versions = [self._conversion(out, seed, clips) for seed in (0, 1)], []
        for run in runs:
            assert finish(start(run, self.log)) == 0, self.log.read_text()
            versions.append(contents(out))
        counts = dict.fromkeys(("bad_files", "bad_leftovers", "bad_exits", "mixed_pairs"), 0)
        for _ in range(pairs):
            both = [start(run, self.folder / f"log{i}") for i, run in enumerate(runs)]
            counts["bad_exits"] += sum(finish(process) != 0 for process in both)
            self._check_pair(out, versions, counts)
            counts["bad_leftovers"] += len(leftovers(out))
        self.report("two writers", pairs=pairs, **counts)

    def faults(self, clips: int) -> None:
        """Write every kind of file to a full disk, a read-only folder, and beyond a limit."""
        for name, place in (("full disk", full_disk), ("read-only folder", read_only)):
            with place(self.folder / "disk") as prepared:
                if prepared is None:
                    print(f"{name}: not run, it needs root")
                    continue
                self._fault(name, self.folder / "disk", prepared, clips)
        limited = self.folder / "limited"
        limited.mkdir()
        self._fault("file-size limit", limited, lambda: _limit(4000), clips)

    def _fault(self, name: str, place: Path, prepare: Run, clips: int) -> None:
        counts = dict.fromkeys(("bad_exits", "bad_messages", "bad_old_files", "bad_leftovers"), 0)
        writers = self._writers(place, clips)
        before = {target: b"old" for names in writers for target in names.split()}
        for target, old in before.items():
            (place / target).parent.mkdir(exist_ok=True)
            (place / target).write_bytes(old)
        for names, run in writers.items():
            process = start(lambda run=run: (prepare(), run())[1], self.log)
            counts["bad_exits"] += finish(process) != 1
            lines = self.log.read_text().splitlines()
            errors = [line for line in lines if line.startswith("error: ")]
            known = [str(place / Path(target).parts[0]) for target in names.split()]
            good = len(errors) == 1 and any(path in errors[0] for path in known)
            good = good and not any("Traceback" in line for line in lines)
            counts["bad_messages"] += not good
            if not good:
                print(*lines[-5:], sep="\n")
        counts["bad_old_files"] += not before.items() <= contents(place).items()
        counts["bad_leftovers"] += len(leftovers(place))
        self.report(name, writers=len(writers), **counts)

    def _writers(self, place: Path, clips: int) -> dict[str, Run]:
        """Return the writers by the names of their files."""
        conversion = self._conversion(place, 0, clips)
        videos = self.folder / "videos"
        store = self.folder / "converted" / "a.safetensors"
        audited = open_clips([store])
        results = audit(audited, num_samples=0)
        figure = new_figure(4, 4, "a picture")
        pickled = ["store", str(store), str(place / "b.pkl")]
        return {
            "a.safetensors a.pkl": conversion,
            "b.pkl": lambda: self.convert.main(pickled),
            "e.poses/x.npz": self._extraction(videos, place / "e.poses"),
            "audit.html audit.json": _one_line(lambda: write_report(audited, results, place)),
            "picture.png": _one_line(lambda: save_figure(figure, place / "picture.png")),
        }


def _one_line(run: Run) -> Run:
    """Report errors as the command lines do."""

    def reported() -> int:
        try:
            run()
        except ValueError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        return 0

    return reported


def _limit(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@contextlib.contextmanager
def _memory_disk(folder: Path) -> Iterator[bool]:
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(folder)]
    mounted = shutil.which("mount") and not subprocess.run(command, capture_output=True).returncode
    try:
        yield bool(mounted)
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


@contextlib.contextmanager
def full_disk(folder: Path) -> Iterator[Run | None]:
    """Yield a function that fills a small disk at the folder; None without the right to."""
    with _memory_disk(folder) as mounted:

        def fill() -> None:
            with contextlib.suppress(OSError), open(folder / "filling", "ab", 0) as file:
                while True:
                    file.write(bytes(4096))

        if mounted:
            (folder / "filling").touch()
        yield fill if mounted else None


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[Run | None]:
    """Yield a function that makes a disk at the folder read-only; None without the right to."""
    command = ["mount", "-o", "remount,ro", str(folder)]
    with _memory_disk(folder) as mounted:
        yield (lambda: subprocess.run(command, check=True)) if mounted else None


def main(argv: Sequence[str] | None = None) -> int:
    """Run the campaign; return 1 if something was lost or left over."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--conversions", type=int, default=100, help="kills at random moments")
    parser.add_argument("--every", type=int, default=1, help="kill at each Nth system call")
    parser.add_argument("--extractions", type=int, default=50, help="kills at random moments")
    parser.add_argument("--pairs", type=int, default=20, help="two writers on one target")
    parser.add_argument("--clips", type=int, default=100, help="clips of a conversion")
    parser.add_argument("--videos", type=int, default=20, help="videos of an extraction")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign(Path(folder), np.random.default_rng(args.seed))
        campaign.conversions(args.conversions, args.every, args.clips)
        campaign.extractions(args.extractions, args.videos)
        campaign.two_writers(args.pairs, args.clips)
        campaign.faults(args.clips)
        PoseStore(campaign.folder / "converted" / "a.safetensors").check()
    return int(campaign.failed > 0)


if __name__ == "__main__":
    sys.exit(main())
