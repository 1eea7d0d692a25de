"""tools/data/extract_poses.py: from videos to a store, with interruptions and failures."""

import errno
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from masa_mm.datasets import CSVPose, WLASLPose
from masa_mm.pose.crop import crop_parts, select_joints
from masa_mm.pose.store import PoseStore
from masa_mm.preparation.extraction.extract import extract_clip
from masa_mm.preparation.extraction.plan import ClipJob

from toys.mediapipe_stand_in import STAND_IN, ends, image, is_alive, write_environment
from toys.paths import ROOT
from toys.toy_videos import (
    FPS,
    SquareEstimator,
    frame_of,
    make_empty_video,
    make_folder,
    make_video,
)

TOYS = ROOT / "tests" / "toys"
spec = importlib.util.spec_from_file_location("extract_tool", ROOT / "tools/data/extract_poses.py")
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "SLURM_ARRAY_TASK_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def videos(tmp_path):
    make_video(tmp_path / "v" / "a.mp4", 8)
    make_video(tmp_path / "v" / "sub" / "b.mp4", 5)
    make_folder(tmp_path / "v" / "c", 4)
    return tmp_path


def run(folder, *options):
    out = folder / "out.safetensors"
    return tool.main([str(folder / "v"), "--out", str(out), "--estimator", "square", *options])


@pytest.fixture
def counted(monkeypatch):
    """A list with one entry for each clip that is estimated."""
    clips = []

    def begin_clip(self):
        clips.append(self)

    monkeypatch.setattr(SquareEstimator, "begin_clip", begin_clip)
    return clips


def test_videos_become_a_store(videos, capsys):
    assert run(videos, "--source-name", "mine", "--split", "train", "--dtype", "float32") == 0
    out = capsys.readouterr().out
    assert "out.safetensors: 3 clips, 17 frames, 0 classes" in out
    for part in ("right hand", "left hand", "body"):
        assert f"{part}: 17 of 17 frames in the source, 17 kept" in out
    store = PoseStore(videos / "out.safetensors")
    assert store.ids == ["a", "b", "c"] and store.num_frames.tolist() == [8, 5, 4]
    assert (store.source, store.split) == ("mine", "train")
    assert store.img_shape.tolist() == [[120, 160]] * 3 and store.label.tolist() == [-1] * 3
    poses = extract_clip(SquareEstimator(), ClipJob("a", videos / "v" / "a.mp4"))
    joints, score = select_joints(poses.keypoint, poses.score, "coco_wholebody")
    want, want_score = crop_parts(joints, score, poses.img_shape)
    np.testing.assert_array_equal(store.clip(0)[0], want)
    np.testing.assert_array_equal(store.clip(0)[1], want_score)
    assert not (videos / "out.failed.txt").exists()


def test_a_finished_video_is_not_done_again(videos, counted, monkeypatch, capsys):
    save = tool.ClipFiles.save

    def stops(self, clip, poses):
        if clip == "b":
            raise KeyboardInterrupt
        save(self, clip, poses)

    monkeypatch.setattr(tool.ClipFiles, "save", stops)
    with pytest.raises(KeyboardInterrupt):
        run(videos)
    assert len(counted) == 2 and not (videos / "out.safetensors").exists()
    monkeypatch.setattr(tool.ClipFiles, "save", save)
    assert run(videos) == 0
    assert len(counted) == 4 and "3 clips, 1 are done" in capsys.readouterr().out
    first = (videos / "out.safetensors").read_bytes()
    (videos / "out.safetensors").unlink()
    assert run(videos) == 0 and len(counted) == 4  # only the store is written again
    assert (videos / "out.safetensors").read_bytes() == first


def test_failed_videos_are_listed_tried_again_and_left_out_on_request(videos, counted, capsys):
    make_empty_video(videos / "v" / "d.mp4")
    (videos / "v" / "e.mp4").write_bytes(b"no video")
    assert run(videos) == 1
    error = capsys.readouterr().err
    assert "failed: clip 'd' (" in error and "in any frame" in error
    assert "failed: clip 'e' (" in error and "not a video that can be read" in error
    assert "2 of 5 clips failed" in error and not (videos / "out.safetensors").exists()
    lines = (videos / "out.failed.txt").read_text().splitlines()
    assert [line.split("\t")[0] for line in lines] == ["d", "e"]
    assert lines[1].split("\t")[1] == str(videos / "v" / "e.mp4")
    done = len(counted)
    assert run(videos, "--skip-bad") == 0
    assert len(counted) == done + 1  # of the two failed clips, only 'd' can be opened
    out = capsys.readouterr().out
    assert "skipped: clip 'd': " in out and "in any frame" in out and "2 skipped" in out
    assert PoseStore(videos / "out.safetensors").ids == ["a", "b", "c"]
    make_video(videos / "v" / "d.mp4", 6)
    make_video(videos / "v" / "e.mp4", 6)
    assert run(videos) == 0 and not (videos / "out.failed.txt").exists()
    assert len(PoseStore(videos / "out.safetensors")) == 5


def test_an_error_of_the_estimator_fails_one_video(videos, monkeypatch, capsys):
    def breaks(self, frame):
        raise RuntimeError("the network\nbroke")

    monkeypatch.setattr(SquareEstimator, "persons", breaks)
    assert run(videos) == 1
    assert "failed: clip 'c' (" in (error := capsys.readouterr().err)
    assert "RuntimeError: the network broke" in error and "3 of 3 clips failed" in error


def test_a_full_disk_stops_the_run_and_names_the_file(videos, counted, monkeypatch, capsys):
    """It is no failure of a video."""

    def full(file, **arrays):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez_compressed", full)
    assert run(videos) == 1 and len(counted) == 1
    (line,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("error:")]
    assert "out.poses/a.npz: cannot be written (No space left on device); free" in line
    assert {path.name for path in (videos / "out.poses").iterdir()} == {"extraction.json"}


def test_a_clip_named_as_a_path_stays_in_the_folder(tmp_path, capsys):
    make_video(tmp_path / "v" / "a.mp4", 5)
    clip = dict(video_id="../../../x", split="train", url="https://youtu.be/a", fps=FPS)
    clip |= dict(frame_start=1, frame_end=-1, bbox=[15, 30, 110, 90], signer_id=5)
    (tmp_path / "list.json").write_text(json.dumps([dict(gloss="book", instances=[clip])]))
    options = ("--benchmark", "wlasl", "--list", str(tmp_path / "list.json"), "--split", "train")
    assert run(tmp_path, *options, "--no-boxes") == 0
    assert PoseStore(tmp_path / "out.safetensors").ids == ["../../../x"]
    (clip_file,) = (tmp_path / "out.poses").rglob("*.npz")
    assert clip_file.name == "x.npz"
    assert {path.name for path in tmp_path.iterdir()} == {
        "v",
        "list.json",
        "out.poses",
        "out.safetensors",
    }


def test_other_settings_are_not_mixed(videos, capsys):
    assert run(videos) == 0
    assert run(videos, "--estimator-options", "score=0.5") == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "its clips were made with options {}" in error and "--poses" in error
    assert run(videos, "--estimator-options", "score=0.5", "--poses", str(videos / "p")) == 0
    assert PoseStore(videos / "out.safetensors").keypoint_score[:].max() == np.float16(0.5)


# ---- official lists ----------------------------------------------------------------------------


@pytest.fixture
def wlasl(tmp_path):
    """Two clips of one YouTube video, one clip with its own video, one without a video."""
    cut = dict(url="https://youtu.be/abc", fps=FPS, bbox=[15, 30, 110, 90], signer_id=5)
    spans = {"01": (3, 6), "02": (10, 14), "03": (1, -1), "04": (1, -1)}
    instances = [
        dict(video_id=name, split="train", frame_start=start, frame_end=end, **cut)
        | (dict(url=f"http://x.org/{name}.mp4") if end < 0 else {})
        for name, (start, end) in spans.items()
    ]
    entries = [dict(gloss=f"g{i}", instances=[entry]) for i, entry in enumerate(instances)]
    (tmp_path / "WLASL_v0.3.json").write_text(json.dumps(entries))
    make_video(tmp_path / "v" / "abc.mp4", 20)
    make_video(tmp_path / "v" / "03.mp4", 7)
    return tmp_path


def wlasl_options(folder):
    return "--benchmark", "wlasl", "--list", str(folder / "WLASL_v0.3.json"), "--split", "train"


def test_clips_of_the_official_list_end_in_a_labelled_store(wlasl, capsys):
    assert run(wlasl, *wlasl_options(wlasl)) == 0
    assert "1 more of the list have no video, '04' first" in capsys.readouterr().out
    store = PoseStore(wlasl / "out.safetensors")
    assert store.ids == ["01", "02", "03"] and store.num_frames.tolist() == [4, 5, 7]
    assert store.label.tolist() == [0, 1, 2] and store.signer.tolist() == [5, 5, 5]
    assert (store.source, store.split) == ("wlasl", "train")
    assert store.glosses == ["g0", "g1", "g2", "g3"]
    official = dict(split="train", subset=100, split_file=str(wlasl / "WLASL_v0.3.json"))
    with pytest.raises(ValueError, match="names 4 classes, WLASL100 has 100"):
        WLASLPose(str(wlasl / "out.safetensors"), [], **official)


def test_the_lists_frames_are_the_videos_frames(wlasl):
    """The list counts frames from 1: its frames 3 to 6 are 2 to 5."""
    assert run(wlasl, *wlasl_options(wlasl)) == 0
    with np.load(wlasl / "out.poses" / "01.npz") as file:
        assert frame_of(file["keypoint"]) == [2, 3, 4, 5]
    with np.load(wlasl / "out.poses" / "03.npz") as file:
        assert frame_of(file["keypoint"]) == list(range(7))


def test_boxes_of_another_size_are_named_and_can_be_left_out(wlasl, capsys):
    entries = json.loads((wlasl / "WLASL_v0.3.json").read_text())
    entries[2]["instances"][0]["bbox"] = [385, 37, 885, 720]
    (wlasl / "WLASL_v0.3.json").write_text(json.dumps(entries))
    assert run(wlasl, *wlasl_options(wlasl)) == 1
    assert "clip '03'" in (error := capsys.readouterr().err) and "160 x 120" in error
    options = (*wlasl_options(wlasl), "--no-boxes", "--poses", str(wlasl / "whole"))
    assert run(wlasl, *options) == 0


def test_a_list_without_a_split_is_refused(wlasl, capsys):
    with pytest.raises(SystemExit) as caught:
        run(wlasl, "--benchmark", "wlasl")
    assert caught.value.code == 2 and "--list and --split together" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options, problem",
    [
        (("--estimator", "guess"), "no estimator 'guess'; there are mediapipe, mmpose, rtmlib"),
        (("--import", "no_such_module.x"), "--import no_such_module.x: no such module; correct"),
        (("--estimator-options", "colour=1"), "the estimator 'square' does not start (TypeError"),
        (("--benchmark", "wlasl", "--list", "gone.json", "--split", "train"), "no such list"),
    ],
)
def test_bad_options_are_one_line(videos, capsys, options, problem):
    assert run(videos, *options) == 1
    error = capsys.readouterr().err.strip()
    assert problem in error and len(error.splitlines()) == 1


# ---- several processes -------------------------------------------------------------------------


def command(folder, *options):
    out = str(folder / "out.safetensors")
    tool_path = str(ROOT / "tools/data/extract_poses.py")
    arguments = [str(folder / "v"), "--out", out, "--estimator", "square", "--import", "toy_videos"]
    return [tool_path, *arguments, *options]


def environment():
    paths = [str(ROOT), str(TOYS), os.environ.get("PYTHONPATH", "")]
    return os.environ | dict(PYTHONPATH=os.pathsep.join(paths), OMP_NUM_THREADS="1")


def test_torchruns_processes_share_the_clips_and_end_together(videos):
    (videos / "v" / "e.mp4").write_bytes(b"no video")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    done = subprocess.run(
        [*launcher, *command(videos)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode != 0 and "1 of 4 clips failed" in done.stderr
    assert (videos / "out.failed.txt").read_text().startswith("e\t")
    assert sorted(path.stem for path in (videos / "out.poses").glob("*.npz")) == ["a", "b", "c"]
    assert run(videos, "--skip-bad") == 0  # resumes from their files
    assert PoseStore(videos / "out.safetensors").ids == ["a", "b", "c"]


def test_any_unicode_is_a_name(videos):
    names = ["\U0001f469\u200d\U0001f680", "مرحبا\u200f", "क\u200dष"]
    for name in names:
        make_video(videos / "v" / f"{name}.mp4", 4)
    assert run(videos) == 0
    assert sorted(PoseStore(videos / "out.safetensors").ids) == sorted(["a", "b", "c", *names])


def test_names_that_a_store_refuses_fail_before_the_work(videos, counted):
    os.rename(videos / "v" / "a.mp4", videos / "v" / "a\x1b.mp4")
    os.rename(videos / "v" / "c", videos / "v" / os.fsdecode(b"caf\xe9"))  # a folder of images
    assert run(videos) == 1 and len(counted) == 1
    lines = (videos / "out.failed.txt").read_text("utf-8").splitlines()
    assert [line.split("\t")[0] for line in lines] == ["a\x1b", "caf\\udce9"]
    assert all("not UTF-8, or has control characters; rename it" in line for line in lines)


def test_the_last_task_of_a_slurm_array_writes_the_store(videos, monkeypatch, counted, capsys):
    for name, value in dict(COUNT=2, MIN=0, MAX=1).items():
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", str(value))
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "11")
    (videos / "v" / "b2.mp4").write_bytes(b"no video")  # a clip of the second task
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    assert run(videos, "--skip-bad") == 0
    assert "2 clips are left to the other processes" in capsys.readouterr().out
    assert len(counted) == 2 and not (videos / "out.safetensors").exists()
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "0")
    assert run(videos, "--skip-bad") == 0
    assert PoseStore(videos / "out.safetensors").ids == ["a", "b", "c"]
    assert (videos / "out.failed.txt").read_text().startswith("b2\t")


def test_the_clips_of_your_own_list(tmp_path):
    """Videos of one name in a folder a sign: the list names them by their folders."""
    rows = []
    for number, sign in enumerate(("thanks", "hello")):
        make_video(tmp_path / "v" / sign / "1.mp4", 5 + number)
        rows.append(f"videos/{sign}/1.mov,{sign},P{number + 3},train")
    (tmp_path / "signs.csv").write_text("\n".join(["file,word,participant,split", *rows]))
    own = ("--benchmark", "csv", "--list", str(tmp_path / "signs.csv"), "--split", "train")
    assert run(tmp_path, *own) == 0
    store = PoseStore(tmp_path / "out.safetensors")
    assert list(store.ids) == ["hello/1", "thanks/1"] and store.num_frames.tolist() == [6, 5]
    assert store.label.tolist() == [0, 1] and list(store.glosses) == ["hello", "thanks"]
    assert store.signer.tolist() == [4, 3] and store.split == "train"
    split = dict(split="train", split_file=str(tmp_path / "signs.csv"))
    assert len(CSVPose(str(tmp_path / "out.safetensors"), [], **split)) == 2


# ---- MediaPipe's process -----------------------------------------------------------------------


@pytest.fixture
def mediapipe(tmp_path, monkeypatch):
    """Three clips for the stand-in of MediaPipe, in an environment that has it."""
    monkeypatch.setenv("MASA_MEDIAPIPE_ENV", str(write_environment(tmp_path / "environment")))
    monkeypatch.setenv("PYTHONPATH", str(STAND_IN))
    for name in "abc":
        (tmp_path / "v" / name).mkdir(parents=True)
        for number in range(40):
            path = tmp_path / "v" / name / f"{number}.png"
            cv2.imwrite(str(path), image(hands=number % 4)[..., ::-1])
    return tmp_path


def mediapipe_command(folder, out):
    tool_path = str(ROOT / "tools/data/extract_poses.py")
    return [
        sys.executable, tool_path, str(folder / "v"), "--out", str(folder / out),
        "--estimator", "mediapipe", "--dtype", "float32",
    ]  # fmt: skip


def workers_of(pid):
    """Numbers of the processes that a process started."""
    ps = subprocess.run(["ps", "-A", "-o", "ppid=,pid="], stdout=subprocess.PIPE, text=True)
    pairs = [line.split() for line in ps.stdout.splitlines()]
    return [int(child) for parent, child in pairs if int(parent) == pid]


def test_a_dead_mediapipe_fails_its_clip_alone(mediapipe, capsys):
    cv2.imwrite(str(mediapipe / "v" / "b" / "5.png"), image(dies=True)[..., ::-1])
    arguments = mediapipe_command(mediapipe, "out.safetensors")[2:]
    assert tool.main(arguments) == 1
    error = capsys.readouterr().err
    reason = "MediaPipe's process stopped (exit code -9: it died of the stand-in)"
    assert f"failed: clip 'b' ({mediapipe / 'v' / 'b'}): {reason}" in error
    assert "1 of 3 clips failed" in error
    assert sorted(path.stem for path in (mediapipe / "out.poses").glob("*.npz")) == ["a", "c"]


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_killed_resumes_and_equals_an_unbroken_one(mediapipe, signal_number):
    environment = os.environ | dict(PYTHONPATH=f"{ROOT}{os.pathsep}{STAND_IN}", STAND_IN_DELAY="30")
    command = mediapipe_command(mediapipe, "broken.safetensors")
    run = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
    while not (mediapipe / "broken.poses" / "a.npz").exists():
        assert run.poll() is None
        time.sleep(0.01)
    (worker,) = workers_of(run.pid)
    run.send_signal(signal_number)
    run.communicate()
    assert run.returncode != 0 and ends(worker)
    assert not (mediapipe / "broken.safetensors").exists()
    assert not (mediapipe / "broken.poses" / "c.npz").exists()
    assert tool.main(command[2:]) == 0
    assert tool.main(mediapipe_command(mediapipe, "unbroken.safetensors")[2:]) == 0
    stores = [PoseStore(mediapipe / f"{name}.safetensors") for name in ("broken", "unbroken")]
    assert stores[0].ids == stores[1].ids == ["a", "b", "c"]
    for clip in range(3):
        for broken, unbroken in zip(stores[0].clip(clip), stores[1].clip(clip)):
            np.testing.assert_array_equal(broken, unbroken)


def test_the_tool_leaves_no_process(mediapipe):
    before = set(workers_of(os.getpid()))
    arguments = mediapipe_command(mediapipe, "out.safetensors")[2:]
    assert tool.main(arguments) == 0
    (mediapipe / "out.poses" / "extraction.json").write_text("{}")
    assert tool.main(arguments) == 1  # an error after MediaPipe started
    left = set(workers_of(os.getpid())) - before
    assert not any(is_alive(pid) for pid in left)
