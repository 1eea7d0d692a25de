"""The command line of tools/predict.py in this process."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from masa_mm.apis.predict import predict
from masa_mm.pose.crop import crop_parts
from masa_mm.pose.store_writer import PoseStoreWriter

from toys import toy_videos
from toys.inference_toys import GLOSSES, clips, save_training
from toys.own_signs import write_clip
from toys.paths import ROOT
from toys.source_toys import SIZE, pose


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(save_training(tmp_path_factory.mktemp("training") / "epoch_1.pth"))


@pytest.fixture
def call(model, capfd):
    def run(*argv):
        code = predict([model, *map(str, argv), "--device", "cpu"])
        out, err = capfd.readouterr()
        # The first releases of rich end a hidden progress bar by a blank line.
        return code, out.splitlines(), [line for line in err.splitlines() if line]

    return run


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_store(path, count=3):
    with PoseStoreWriter(path, source="toy", split="test", glosses=GLOSSES) as writer:
        for number in range(count):
            writer.add(f"c{number}", *crop_parts(*pose(seed=number), SIZE), label=number)
    return path


def test_a_store_with_glosses(call, tmp_path):
    store, out = write_store(tmp_path / "s.safetensors"), tmp_path / "made/p.jsonl"
    code, shown, errors = call(store, "--top", 2, "--out", out)
    assert (code, errors) == (0, [])
    assert [len(line["glosses"]) for line in lines_of(out)] == [2] * 3
    assert [line["true_gloss"] for line in lines_of(out)] == GLOSSES[:3]
    first = sum(line["glosses"][0]["gloss"] == line["true_gloss"] for line in lines_of(out))
    assert shown[0].startswith(f"{store}:c0: ")
    assert f"3 clips recognised, 0 failed; the true gloss is first for {first} and" in shown[-1]
    assert not list(out.parent.glob("*.part"))


def test_one_bad_input_is_named_and_the_rest_done(call, tmp_path):
    write_clip(tmp_path / "a.npz")
    video = toy_videos.make_video(tmp_path / "v/b.mp4", 4)
    (tmp_path / "v/broken.mp4").write_bytes(b"no video")
    out, draw = tmp_path / "p.jsonl", tmp_path / "drawn"
    options = ("--estimator", "square", "--out", out, "--draw", draw)
    code, shown, errors = call("gone.pose", tmp_path / "a.npz", tmp_path / "v", *options)
    assert code == 1
    # Other tests of this process may have started OpenCV, which then prints lines of its own.
    assert [line for line in errors if line.startswith("failed")] == [
        "failed: gone.pose: no such file or folder; give the file again",
        f"failed: {tmp_path}/v/broken.mp4: not a video that can be read; download it again",
    ]
    assert shown[-1] == f"2 clips recognised, 2 failed; see {out}; see {draw}"
    gone, first, second, broken = lines_of(out)
    assert "error" in gone and "error" in broken and second["clip"] == str(video)
    assert sorted(path.name for path in draw.iterdir()) == ["a.npz.gif", "b.mp4.gif"]
    assert first["drawing"] == str(draw / "a.npz.gif")


def test_many_failures_are_counted(call):
    code, shown, errors = call(*(f"gone{number}.pose" for number in range(30)))
    assert (code, len(errors)) == (1, 21)
    assert errors[-1] == "further failures are counted; --out names them"
    assert shown == ["0 clips recognised, 30 failed"]


def test_options_of_files(call, tmp_path):
    clip = clips(1)[0]
    np.save(tmp_path / "a.npy", clip.landmarks)
    assert call(tmp_path / "a.npy")[0] == 1
    code, _, _ = call(tmp_path / "a.npy", "--layout", "sign49", "--img-size", 640, 480)
    assert code == 0
    write_clip(tmp_path / "b.npz")
    assert call(tmp_path / "b.npz", "--source", "rtmlib")[0] == 0
    assert call(tmp_path / "b.npz", "--source", "openpose")[0] == 1


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["x.pose", "--estimator", "kinect"], "error: no estimator 'kinect'; there are"),
        (["x.pose", "--weights", "w.pth"], "epoch_1.pth: is no config, so w.pth cannot be"),
    ],
)
def test_wrong_options_are_one_line(call, argv, line):
    code, shown, errors = call(*argv)
    assert (code, shown, len(errors)) == (2, [], 1) and line in errors[0]


def test_wrong_models_are_one_line(capfd, tmp_path):
    (tmp_path / "other.onnx").write_bytes(b"no model")
    save_training(tmp_path / "unnamed.pth", classes=None)
    for name in ("gone.pth", "other.onnx", "unnamed.pth"):
        assert predict([str(tmp_path / name), "x.pose"]) == 2
        out, err = capfd.readouterr()
        assert out == "" and err.startswith(f"error: {tmp_path / name}: ") and err.count("\n") == 1


def test_an_output_that_cannot_be_written(call, tmp_path):
    (tmp_path / "file").touch()
    code, _, errors = call("x.pose", "--out", tmp_path / "file/p.jsonl")
    assert code == 2 and "cannot create this folder" in errors[0]


def test_a_stopped_command_keeps_its_lines(model, tmp_path):
    """Stopped while it waits for a pipe, after the first clips."""
    store, out = write_store(tmp_path / "s.safetensors"), tmp_path / "p.jsonl"
    program = (
        "import sys, time; from masa_mm.apis import predict as p; show = p._show\n"
        "def wait(result, failed):\n"
        "    show(result, failed)\n"
        "    time.sleep(60 if result.name[-1] == '1' else 0)\n"
        "p._show = wait\n"
        "sys.exit(p.predict(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, model, store, "--out", out, "--device", "cpu"]
    process = subprocess.Popen(
        [*map(str, command)], cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    part = tmp_path / "p.jsonl.part"
    for _ in range(600):
        if part.exists() and part.read_text().count("\n") == 2:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and f"the results so far are in {part}" in err
    assert len(lines_of(part)) == 2 and not out.exists()
