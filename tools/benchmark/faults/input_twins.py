"""Small valid inputs of every kind that the commands read, and the command that reads each."""

from __future__ import annotations

import csv
import importlib
import importlib.util
import json
import pickle
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[3]
sys.path.append(str(ROOT / "tests"))  # the makers of toys

from masa_mm.apis import cli  # noqa: E402
from masa_mm.datasets.benchmarks import BENCHMARKS  # noqa: E402
from masa_mm.datasets.sign_pose_dataset import SignPoseDataset  # noqa: E402
from masa_mm.pose.skeleton import NAMED_LAYOUTS  # noqa: E402

from toys import toy_videos  # noqa: E402
from toys.list_toys import LIST_TWINS  # noqa: E402
from toys.pose_toys import GLOSSES, annotations, make_store  # noqa: E402
from toys.source_toys import SIZE, in_layout, pose  # noqa: E402


class Kind(NamedTuple):
    """A kind of input.

    Args:
        name (str): Its name in the table of results.
        make (Callable): Writes a valid input into a folder, below ``given``.
        command (Callable): Reads it, in that folder as working directory; returns the exit code.
    """

    name: str
    make: Callable[[Path], None]
    command: Callable[[], int]


def load_tool(path: str) -> ModuleType:
    """Import a command of ``tools/``."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / "tools" / path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CONVERT, AUDIT, EXTRACT, FUSE = map(
    load_tool, ("data/convert.py", "data/audit.py", "data/extract_poses.py", "fuse_scores.py")
)
OUT = "made/out.safetensors"


def convert(source: str, given: str = "given", *options: str) -> Callable[[], int]:
    """Return the call of ``tools/data/convert.py`` for a source."""
    return partial(CONVERT.main, [source, given, OUT, *options])


def build(dataset: Callable[..., Any], **options: Any) -> Callable[[], int]:
    """Return the building of a dataset and the reading of its clips, as training does it."""

    def run() -> None:
        made = dataset("store.safetensors", [], **options)
        for index in range(len(made)):
            made.get_data_info(index)

    return partial(cli.exit_code_of, run)


def _text(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _json(path: Path, content: Any) -> None:
    _text(path, json.dumps(content))


def _clip(layout: str, seed: int = 0, frames: int = 3) -> tuple[np.ndarray, np.ndarray]:
    return in_layout(*pose(frames, seed), layout)


def _landmarks(seed: int = 0) -> np.ndarray:
    joints = _clip("mediapipe_holistic", seed)[0] / SIZE[::-1]
    return np.concatenate([joints, np.ones_like(joints[..., :1])], axis=-1).astype(np.float32)


# ---- files of other tools ----------------------------------------------------------------------


def _mmpose_json(folder: Path) -> None:
    for seed, name in enumerate("ab"):
        frames = [
            dict(
                frame_id=number,
                instances=[dict(keypoints=k.tolist(), keypoint_scores=s.tolist(), track_id=1)],
            )
            for number, (k, s) in enumerate(zip(*_clip("coco_wholebody", seed, 2)))
        ]
        _json(folder / "given" / f"{name}.json", frames)


def _openpose(folder: Path) -> None:
    parts = (("pose", 0, 25), ("hand_left", 25, 46), ("hand_right", 46, 67))
    for number, (joints, score) in enumerate(zip(*_clip("openpose_body25_hands"))):
        rows = np.concatenate([joints, score[:, None]], axis=1).astype(float)
        person = {f"{part}_keypoints_2d": rows[a:b].ravel().tolist() for part, a, b in parts}
        _json(folder / "given" / f"clip_{number:012}_keypoints.json", dict(people=[person]))


def _parts(whole: np.ndarray) -> dict[str, np.ndarray]:
    return dict(pose=whole[:, :33], left_hand=whole[:, 33:54], right_hand=whole[:, 54:])


def _holistic(folder: Path) -> None:
    (folder / "given").mkdir()
    np.save(folder / "given/a.npy", _landmarks())
    shape = np.array(SIZE)
    np.savez(folder / "given/b.npz", img_shape=shape, **_parts(_landmarks(1)))


def _packed(folder: Path) -> None:
    (folder / "given").mkdir()
    clips = [_landmarks(seed) for seed in range(3)]
    packed = dict(num_frames=np.array([3] * 3), id=np.array(list("abc")))
    np.savez(folder / "given/packed.npz", **_parts(np.concatenate(clips)), **packed)


def _hands(folder: Path) -> None:
    (folder / "given").mkdir()
    np.savez(folder / "given/a.npz", hands=_landmarks()[:, 33:].reshape(-1, 2, 21, 3))


def _frame_folders(folder: Path) -> None:
    for number in range(3):
        path = folder / "given/hello/0" / f"{number}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, np.random.default_rng(number).uniform(0.3, 0.6, 258))


def _pose_format(folder: Path) -> None:
    from pose_format import Pose
    from pose_format.numpy import NumPyPoseBody
    from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions

    parts: dict[str, list[str]] = {}
    names = NAMED_LAYOUTS["pose_format_holistic"]
    for name in names:
        part, point = name.split("/")
        parts.setdefault(part, []).append(point)
    order = [names.index(f"{part}/{point}") for part, points in parts.items() for point in points]
    components = [PoseHeaderComponent(part, p, [], [], "XYC") for part, p in parts.items()]
    joints, score = pose(3)
    body = NumPyPoseBody(25, joints[:, None, order].copy(), score[:, None, order].copy())
    (folder / "given").mkdir()
    with open(folder / "given/a.pose", "wb") as file:
        Pose(PoseHeader(0.2, PoseHeaderDimensions(SIZE[1], SIZE[0]), components), body).write(file)


def _rtmlib(folder: Path) -> None:
    joints, score = _clip("coco_wholebody")
    clip = dict(keypoints=joints[:, None], scores=score[:, None])
    (folder / "given").mkdir()
    np.savez(folder / "given/a.npz", **clip)
    _json(folder / "given/b.json", {name: value.tolist() for name, value in clip.items()})
    lists: dict[str, Any] = {name: list(value) for name, value in clip.items()}
    (folder / "given/c.pkl").write_bytes(pickle.dumps(dict(lists, start=0, end=3)))


def _spoter(folder: Path) -> None:
    row: dict[str, Any] = dict(labels=0, video_size_width=640, video_size_height=480, video="a")
    for joint, name in enumerate(NAMED_LAYOUTS["spoter"]):
        for axis, letter in enumerate("XY"):
            values = pose(3)[0][:, joint, axis] / SIZE[::-1][axis]
            row[f"{name}_{letter}"] = str(values.tolist())
    (folder / "given").mkdir()
    with open(folder / "given/a.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerows([row, dict(row, labels=1, video="b")])


def _wlasl_hands(folder: Path) -> None:
    rng = np.random.default_rng(0)
    (folder / "given").mkdir()
    np.savez(
        folder / "given/hands.npz",
        keypoint=rng.integers(2000, 8000, (9, 42, 2)).astype(np.int16),
        num_frames=np.array([4, 2, 3], np.int32),
        video_id=np.array(["00011", "00022", "00033"]),
        label=np.array([0, 2, 1], np.int32),
        signer=np.array([4, -1, 5], np.int32),
    )
    _text(folder / "given/classes.txt", *(f"{n}\t{name}" for n, name in enumerate(GLOSSES)))


def _mmaction(folder: Path) -> None:
    clips = annotations(3)
    content = dict(split=dict(train=["clip0", "clip2"], val=["clip1"]), annotations=clips)
    (folder / "given").mkdir()
    (folder / "given/a.pkl").write_bytes(pickle.dumps(content))


def _openhands(folder: Path) -> None:
    joints, scores = _clip("mediapipe_holistic")
    place = np.concatenate([joints / SIZE[::-1], joints[..., :1]], axis=2)
    (folder / "given").mkdir()
    content = dict(keypoints=place, confidences=scores, vid_shape=SIZE)
    (folder / "given/a.pkl").write_bytes(pickle.dumps(content))


def _mmpose_pickles(folder: Path) -> None:
    (folder / "given").mkdir(exist_ok=True)
    for seed, name in enumerate("ab"):
        joints, score = _clip("coco_wholebody", seed)
        content = dict(keypoints=joints, keypoint_scores=score, img_shape=SIZE)
        (folder / "given" / f"{name}.pkl").write_bytes(pickle.dumps(content))


def _labelled(folder: Path, list_name: str) -> None:
    """Pickles beside ``given``, which holds only their list and classes."""
    _mmpose_pickles(folder)
    (folder / "given").rename(folder / "poses")
    rows = [
        dict(id="a", label=1, gloss="hat", signer="7", split="train", width=640, height=480),
        dict(id="b", label=0, gloss="book", signer="8", split="train", width=640, height=480),
    ]
    _text(folder / "given/classes.txt", "book", "hat")
    if list_name.endswith(".json"):
        _json(folder / "given" / list_name, rows)
    else:
        lines = [",".join(map(str, row.values())) for row in rows]
        _text(folder / "given" / list_name, ",".join(rows[0]), *lines)


def _label_options(list_name: str) -> tuple[str, ...]:
    return ("--labels", f"given/{list_name}", "--class-list", "given/classes.txt")


# ---- stores, lists of benchmarks, videos, scores -----------------------------------------------


def _store(folder: Path) -> None:
    (folder / "given").mkdir()
    (folder / "store.safetensors").symlink_to("given/store.safetensors")
    make_store(folder / "given/store.safetensors")


def _store_of(folder: Path, ids: list[str]) -> None:
    """A store beside ``given``, of clips that a list in it names."""
    make_store(
        folder / "store.safetensors",
        ids=ids,
        num_frames=(4,) * len(ids),
        label=None,
        keypoint=np.full((4 * len(ids), 49, 2), 0.5, np.float32),
        keypoint_score=np.ones((4 * len(ids), 49), np.float32),
        glosses=[],
    )


def _nslt(folder: Path) -> None:
    entries = {f"0{n}": dict(subset="train", action=[n, 1, 50]) for n in range(4)}
    _json(folder / "given/nslt_100.json", entries)
    _store_of(folder, list(entries))


def _wlasl(folder: Path) -> None:
    common = dict(split="train", bbox=[1, 2, 30, 40], fps=25, signer_id=7)
    entries = [
        dict(gloss=g, instances=[dict(video_id=g, frame_start=1, frame_end=-1, url="x", **common)])
        for g in (f"sign{n}" for n in range(100))
    ]
    _json(folder / "given/WLASL_v0.3.json", entries)
    _store_of(folder, [f"sign{n}" for n in range(3)])


def _msasl(folder: Path) -> None:
    url = "www.youtube.com/watch?v=wX"
    entries = [
        dict(url=f"{url}{n}", start=0, end=4, label=n, fps=29.97, signer_id=3, box=[0, 0, 1, 1])
        for n in range(3)
    ]
    _json(folder / "given/MSASL_train.json", entries)
    _json(folder / "given/classes.json", [f"sign{n}" for n in range(1000)])
    _store_of(folder, [f"wX{n}" for n in range(3)])


def _rows(folder: Path) -> None:
    names = [f"P0{n}_01_00_{n}" for n in range(1, 5)]
    lines = [f"00/{name}._color.mp4,{n % 2}" for n, name in enumerate(names)]
    _text(folder / "given/train.csv", "video_path,class_name", *lines)
    _text(folder / "given/exclude.txt", names[0])
    _store_of(folder, names)


def _twin(folder: Path, name: str) -> None:
    twin = LIST_TWINS[name](folder / "given")
    split = "train" if name != "include" else "test"
    _store_of(folder, twin.ids[split])


_FILES = dict(
    csv=("given/signs.csv", None),
    asl_citizen=("given/splits/{split}.csv", None),
    autsl=("given/{split}_labels.csv", "given/SignList_ClassId_TR_EN.csv"),
    gsl=("given/{split}_greek_iso.csv", "given/iso_classes.csv"),
    include=("given/{split}_include.csv", None),
    bosphorus=("given/BosphorusSign22k.csv", None),
    devisign=("given/split.{split}.csv", None),
    lsa64=("given/lsa64_signs.md", None),
)


def _table(name: str) -> Kind:
    path, class_list = _FILES[name]
    split = "train" if name != "include" else "test"
    options = dict(split=split, split_file=path, class_list=class_list)
    return Kind(f"list {name}", partial(_twin, name=name), build(BENCHMARKS[name], **options))


def _video(folder: Path) -> None:
    toy_videos.make_video(folder / "given/a.mp4", 5)
    toy_videos.make_folder(folder / "given/b", 3)


_EXTRACT = ["given", "--out", OUT, "--estimator", "square", "--device", "cpu"]


def _resume(folder: Path) -> None:
    """The clip files of an extraction, below ``given``, and its videos."""
    _video(folder)
    (folder / "given").rename(folder / "videos")
    poses = folder / "given"
    poses.mkdir()
    settings = dict(
        estimator="square", options={}, layout="coco_wholebody", benchmark=None, box_margin=None
    )
    _json(poses / "extraction.json", dict(settings, fps=None))
    joints, score = _clip("coco_wholebody")
    np.savez(poses / "a.npz", keypoint=joints, score=score, img_shape=np.array(SIZE))
    (poses / "b.failed").write_text(json.dumps(dict(reason="it was cut; copy it", run="1")))


def _scores(folder: Path) -> None:
    rng = np.random.default_rng(0)
    ids = [f"clip{n}" for n in range(6)]
    (folder / "given").mkdir()
    for name in ("a", "b"):
        scores = rng.random((6, 3))
        np.savez(folder / f"given/{name}.npz", ids=ids, scores=scores, labels=np.arange(6) % 3)
        lines = [",".join(map(str, (i, n % 3, *scores[n]))) for n, i in enumerate(ids)]
        _text(folder / f"given/{name}.csv", "id,label,0,1,2", *lines)


_FUSE = ["--weights", "1", "1", "1", "1", "--test"]
_FUSE += [f"given/{name}" for name in ("a.npz", "a.csv", "b.npz", "b.csv")]
_LIST = dict(split="train")
SIZES = ("--img-size", "640", "480")

KINDS: tuple[Kind, ...] = (
    Kind("mmpose-json", _mmpose_json, convert("mmpose-json")),
    Kind("openpose", _openpose, convert("openpose", "given", *SIZES)),
    Kind("mediapipe-holistic", _holistic, convert("mediapipe-holistic")),
    Kind("mediapipe packed", _packed, convert("mediapipe-holistic")),
    Kind("mediapipe-hands", _hands, convert("mediapipe-hands")),
    Kind("mediapipe-frames", _frame_folders, convert("mediapipe-frames")),
    Kind("pose-format", _pose_format, convert("pose-format")),
    Kind("rtmlib", _rtmlib, convert("rtmlib")),
    Kind("openhands", _openhands, convert("openhands")),
    Kind("mmpose", _mmpose_pickles, convert("mmpose")),
    Kind("mmaction", _mmaction, convert("mmaction", "given/a.pkl", "--layout", "coco_wholebody")),
    Kind("spoter", _spoter, convert("spoter", "given/a.csv", "--id-column", "video")),
    Kind(
        "wlasl-hands",
        _wlasl_hands,
        convert("wlasl-hands", "given/hands.npz", "--class-list", "given/classes.txt"),
    ),
    *(
        Kind(
            f"clip list{ending}",
            partial(_labelled, list_name=f"list{ending}"),
            convert("mmpose", "poses", *_label_options(f"list{ending}")),
        )
        for ending in (".csv", ".json")
    ),
    Kind("store, dataset", _store, build(SignPoseDataset)),
    Kind(
        "store, to pickle", _store, partial(CONVERT.main, ["store", "store.safetensors", "a.pkl"])
    ),
    Kind("store, audit", _store, partial(AUDIT.main, ["store.safetensors", "--out", "made"])),
    Kind(
        "list nslt",
        _nslt,
        build(BENCHMARKS["wlasl"], split_file="given/nslt_100.json", **_LIST),
    ),
    Kind(
        "list WLASL_v0.3",
        _wlasl,
        build(BENCHMARKS["wlasl"], split_file="given/WLASL_v0.3.json", subset=None, **_LIST),
    ),
    Kind(
        "list MSASL",
        _msasl,
        build(
            BENCHMARKS["msasl"],
            split_file="given/MSASL_{split}.json",
            class_list="given/classes.json",
            **_LIST,
        ),
    ),
    Kind(
        "list of lines, exclude",
        _rows,
        build(
            BENCHMARKS["slr500"],
            split_file="given/{split}.csv",
            exclude="given/exclude.txt",
            **_LIST,
        ),
    ),
    *map(_table, LIST_TWINS),
    Kind("videos", _video, partial(EXTRACT.main, _EXTRACT)),
    Kind(
        "extraction, resumed",
        _resume,
        partial(EXTRACT.main, ["videos", *_EXTRACT[1:], "--poses", "given", "--skip-bad"]),
    ),
    Kind("scores", _scores, partial(FUSE.main, _FUSE)),
)
