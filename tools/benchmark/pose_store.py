"""How fast and how small the data side is: converting, opening, reading, sharing, cropping.

    python tools/benchmark/pose_store.py ../shared/data/wlasl_hands

The folder holds ``wlasl_hands_{train,val}.npz`` and ``wlasl_class_list.txt``. All is measured in
one run and printed as a table; times are medians, with the machine's load beside them. Nothing is
kept unless ``--keep`` names a folder for the stores.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from masa_mm.datasets import SignPoseDataset
from masa_mm.errors import UserError
from masa_mm.pose.crop import BOX_SCALE, MIN_VISIBLE, VISIBLE_THR, crop_parts
from masa_mm.pose.store import PoseStore
from masa_mm.preparation.convert import joints_in_image, split_clips
from masa_mm.sources.wlasl import read_wlasl_hands

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
SPLITS = ("train", "val")
CROPPED_FRAMES = 4096


class Row(NamedTuple):
    """A line of the table; ``met`` is None where there is no target."""

    what: str
    measured: str
    target: str = ""
    met: bool | None = None


def main(argv: list[str] | None = None) -> int:
    """Measure and print."""
    args = parse_args(argv)
    torch.set_num_threads(1)
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {_load()} at the beginning")
    try:
        with tempfile.TemporaryDirectory() as scratch:
            folder = args.keep or Path(scratch)
            rows = []
            for row in measure(args.data, folder, args.repeats, args.workers):
                print(f"  {row.what}: {row.measured}", flush=True)
                rows.append(row)
    except (OSError, UserError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"\n{table(rows)}\n\nload {_load()} at the end")
    return 0


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of wlasl_hands_*.npz")
    parser.add_argument("--keep", type=Path, help="folder to leave the stores in")
    parser.add_argument("--repeats", type=int, default=15, help="of each short measurement")
    parser.add_argument("--workers", type=int, default=8, help="that share one store")
    return parser.parse_args(argv)


def measure(data: Path, folder: Path, repeats: int, workers: int) -> Iterator[Row]:
    """All rows, one after the other."""
    yield from converting(data, folder)
    path = folder / "wlasl_hands_train.safetensors"
    yield opening(path, repeats)
    yield from reading(path, repeats)
    yield from sharing(path, workers)
    yield cropping(data, repeats)


# ---- converting --------------------------------------------------------------------------------


def converting(data: Path, folder: Path) -> Iterator[Row]:
    """Run the converter for both splits, each in a process of its own."""
    for path in (data / f"wlasl_hands_{split}.npz" for split in SPLITS):
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file; give the folder that holds it")
    done = [_convert(data, folder, split) for split in SPLITS]
    stores = [PoseStore(folder / f"wlasl_hands_{split}.safetensors") for split in SPLITS]
    clips = sum(map(len, stores))
    frames = sum(len(store.keypoint) for store in stores)
    seconds, busy, peaks = zip(*done)
    seconds, busy, peak = sum(seconds), sum(busy), max(peaks) / 1e6
    what = f"converting {clips:,} clips, {frames:,} frames"
    measured = f"{seconds:.1f} s ({busy:.1f} s of CPU)"
    yield Row(what, measured, "< 60 s", seconds < 60)
    yield Row("its peak memory", f"{peak:.2f} GB", "< 2 GB", peak < 2)


def _convert(data: Path, folder: Path, split: str) -> tuple[float, float, int]:
    """Seconds, seconds of CPU and peak resident kilobytes of converting a split."""
    command = [sys.executable, str(ROOT / "tools/data/convert.py"), "wlasl-hands"]
    command += [str(data / f"wlasl_hands_{split}.npz")]
    command += [str(folder / f"wlasl_hands_{split}.safetensors"), "--split", split]
    command += ["--class-list", str(data / "wlasl_class_list.txt")]
    search = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": search},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = process.stderr.read()
    # Not Popen.wait(): only wait4 tells what this one process used.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise UserError(f"tools/data/convert.py failed: {said.strip()[-500:]}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


# ---- opening and reading -----------------------------------------------------------------------


def opening(path: Path, repeats: int) -> Row:
    """Open the larger store."""
    seconds = statistics.median(_seconds(lambda: PoseStore(path)) for _ in range(repeats))
    return Row("opening a store", f"{1e3 * seconds:.2f} ms", "< 50 ms", seconds < 0.05)


def reading(path: Path, repeats: int) -> Iterator[Row]:
    """Random clips: as views of the file, and as the float32 dict that transforms get."""
    store, dataset = PoseStore(path), SignPoseDataset(str(path), pipeline=[])
    numbers = np.random.default_rng(0).permutation(len(store))[: 100 * repeats].tolist()
    actions: dict[str, Callable[[int], object]] = {
        "a random clip": store.clip,
        "a random clip, every joint of it read": lambda n: [part.sum() for part in store.clip(n)],
        "a random clip as float32 results": dataset.get_data_info,
    }
    for what, action in actions.items():
        times = [_seconds(lambda n=n, action=action: action(n)) for n in numbers]
        seconds, late = np.percentile(times, [50, 99])
        measured = f"{1e6 * seconds:.1f} us (99 %: {1e6 * late:.0f} us)"
        yield Row(what, measured, "< 100 us", seconds < 1e-4)


# ---- sharing -----------------------------------------------------------------------------------


class _Touched(Dataset):
    """Each clip read in full; gives the worker's process id."""

    def __init__(self, path: Path) -> None:
        self.store = PoseStore(path)

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, number: int) -> int:
        keypoint, score = self.store.clip(number)
        keypoint.sum(), score.sum()
        return os.getpid()


def sharing(path: Path, workers: int) -> Iterator[Row]:
    """Have workers read every clip often, and ask the kernel what of the file is their own."""
    if not Path("/proc/self/smaps").exists():
        yield Row(f"{workers} workers sharing a store", "not measured: needs Linux's /proc/*/smaps")
        return
    # More workers than cores are meant here.
    warnings.filterwarnings("ignore", message="This DataLoader will create")
    clips = _Touched(path)
    loader = DataLoader(
        clips,
        min(64, -(-len(clips) // workers)),
        shuffle=True,
        num_workers=workers,
        persistent_workers=True,
    )
    ids = {pid for _ in range(3) for batch in loader for pid in batch.tolist()}
    found = [mapped_kilobytes(pid, path) for pid in sorted(ids)]
    size = path.stat().st_size / 1e6
    resident, dirty, share = (
        [entry[key] / 1e3 for entry in found] for key in ("Rss", "Private_Dirty", "Pss")
    )
    private = [(entry["Private_Dirty"] + entry["Private_Clean"]) / 1e3 for entry in found]
    yield Row(
        f"of a store of {size:.0f} MB, resident in each of {len(found)} workers",
        f"{statistics.median(resident):.0f} MB",
    )
    yield Row(
        "of that a worker's own",
        f"{max(private):.1f} MB (changed by it: {max(dirty):.1f} MB)",
        "shared",
        max(private) < 0.01 * size and len(found) == workers,
    )
    yield Row("memory for the mapping in all workers together", f"{sum(share):.0f} MB")


def mapped_kilobytes(pid: int, path: Path) -> dict[str, int]:
    """What /proc/PID/smaps counts for the mappings of a file, in kB."""
    total: dict[str, int] = dict.fromkeys(("Rss", "Pss", "Private_Dirty", "Private_Clean"), 0)
    name, within = str(path.resolve()), False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        field, _, value = line.partition(":")
        if "-" in field.split(" ")[0]:  # a mapping's first line: its addresses, then its file
            within = line.endswith(name)
        elif within and field in total:
            total[field] += int(value.split()[0])
    return total


# ---- cropping ----------------------------------------------------------------------------------


def cropping(data: Path, repeats: int) -> Row:
    """Crop real frames at once and by the tests' loop over frames, in turns."""
    from toys.crop_loop import loop_crop

    source = read_wlasl_hands(data / "wlasl_hands_val.npz")
    clips = next(split_clips(next(iter(source.blocks))))
    joints, score = (array[:CROPPED_FRAMES] for array in joints_in_image(clips, source.layout))
    joints[score == 0] = 0
    rules = dict(
        box_scale=BOX_SCALE, min_visible=MIN_VISIBLE, visible_thr=VISIBLE_THR, fallback="absent"
    )
    ways = (
        (lambda: crop_parts(joints, score, (1, 1), **rules)),
        (lambda: loop_crop(joints, score, (1, 1), **rules)),
    )
    apart = max(np.abs(a - b).max() for a, b in zip(*(way() for way in ways)))
    turns = [[_seconds(way) for way in ways] for _ in range(max(3, repeats // 3))]
    at_once, loop = (statistics.median(times) for times in zip(*turns))
    return Row(
        f"cropping {len(joints):,} frames at once",
        f"{loop / at_once:.0f} x the loop's speed ({1e3 * at_once:.1f} and {1e3 * loop:.0f} ms, "
        f"at most {apart:.0e} apart)",
        ">= 15 x, equal",
        loop / at_once >= 15 and apart < 1e-4,
    )


# ---- common ------------------------------------------------------------------------------------


def table(rows: list[Row]) -> str:
    """A Markdown table."""
    marks = {True: "yes", False: "NO", None: ""}
    lines = ["| what | measured | target | met |", "|---|---|---|---|"]
    lines += [f"| {r.what} | {r.measured} | {r.target} | {marks[r.met]} |" for r in rows]
    return "\n".join(lines)


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _load() -> str:
    return " ".join(f"{load:.1f}" for load in os.getloadavg())


if __name__ == "__main__":
    sys.exit(main())
