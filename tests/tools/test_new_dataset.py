"""tools/new_dataset.py and the commands of docs/your_own_signs.md, on toy signs."""

import csv
import importlib.util
import re
import shlex
import tarfile

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.logging import MessageHub

from masa_mm.apis import cli
from masa_mm.datasets import PoseStore

from toys.own_signs import write_clip, write_frames, write_table
from toys.paths import ROOT, SHARED
from toys.source_toys import tool as convert_tool
from toys.toy_videos import make_video

spec = importlib.util.spec_from_file_location("new_dataset_tool", ROOT / "tools/new_dataset.py")
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)
PAGE = ROOT / "docs/your_own_signs.md"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["tools/new_dataset.py"])
    monkeypatch.setenv("LOCAL_RANK", "0")
    for name in ("RANK", "WORLD_SIZE", "SLURM_ARRAY_TASK_ID"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def make(*words, code=0):
    assert tool.main([*map(str, words), "--out", "configs/my_signs.py"]) == code


def rows():
    with open("data/my_signs/my_signs.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_takes(folder, takes=5):
    for seed in range(2 * takes):
        sign = ("hello", "thanks")[seed % 2]
        write_frames(folder / "my_signs" / sign / str(seed // 2), seed, 8)


def in_process(*words):
    """Options that load data in this process, in a run with a name of its own."""
    settings = ("num_workers=0", "persistent_workers=False", "pin_memory=False")
    loaders = [f"{part}_dataloader.{s}" for part in ("train", "val", "test") for s in settings]
    name = f"experiment_name=own_{len(MessageHub._instance_dict)}"
    return [*words, "--cfg-options", name, *loaders]


def page_commands():
    """The commands of the page's first example, without the installation."""
    block = re.findall(r"```bash\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for text in block[:2] for line in text.splitlines() if line.startswith("python")]
    return [shlex.split(line, comments=True) for line in lines]


needs_installation = pytest.mark.skipif(
    not (ROOT / "masa_mm/.mim/configs").exists(), reason="masa_mm:: needs an installed masa_mm"
)


@needs_installation
def test_the_pages_commands_lead_to_a_confusion_picture(folder, capsys):
    write_takes(folder)
    makes, trains, tests = page_commands()[:3]
    assert makes[1] == "tools/new_dataset.py" and tool.main(makes[2:]) == 0
    told = capsys.readouterr().out
    for command in (trains, tests):  # the tool proposes what the page says
        assert " ".join(command) in told
    assert trains[1] == "tools/train.py" and cli.train(in_process(*trains[2:])) == 0
    assert tests[1] == "tools/test.py" and cli.test(in_process(*tests[2:])) == 0
    assert (folder / tests[-1]).read_bytes().startswith(b"\x89PNG")
    assert "CSV: 2 of 2 listed test clips" in capsys.readouterr().out


@needs_installation
def test_the_config_is_the_tiny_networks(folder):
    write_takes(folder)
    make("my_signs")
    cfg = Config.fromfile("configs/my_signs.py")
    assert cfg.model.type == "SignRecognizer" and cfg.model.cls_head.num_classes == 2
    assert cfg.train_cfg.max_epochs == tool._EPOCHS
    for part in ("train", "val", "test"):
        data = cfg[f"{part}_dataloader"].dataset
        assert (data.type, data.split) == ("CSVPose", part)
        assert data.ann_file == "data/my_signs/my_signs.safetensors"


def test_videos_in_a_folder_a_sign(folder, capsys):
    for number, sign in enumerate(("hello", "thanks")):
        for take in range(4):
            make_video(folder / f"v/{sign}/s{take}_1.mp4", 5 + number)
    make("v", "--estimator", "square", "--signer", r"/s(\d+)_")
    told = capsys.readouterr().out
    assert "none of the 4 signers is in two parts" in told and "8 videos, 0 are done" in told
    assert {row["id"] for row in rows()} >= {"hello/s0_1", "thanks/s0_1"}
    part_of = {row["signer"]: row["split"] for row in rows()}
    assert all(part_of[row["signer"]] == row["split"] for row in rows())
    assert sorted(part_of.values()) == ["test", "train", "train", "val"]


def test_a_table_keeps_its_parts(folder):
    parts = ("train", "train", "val")
    clips = [
        dict(path=f"{sign}{n}.npz", gloss=sign, signer="Ann", split=part)
        for sign in ("hello", "thanks")
        for n, part in enumerate(parts)
    ]
    for seed, clip in enumerate(clips):
        write_clip(folder / clip["path"], seed)
    table = write_table(folder / "clips.csv", *clips)
    make(table, "--source", "rtmlib")
    assert [row["split"] for row in rows()] == [*parts, *parts]
    assert {row["signer"] for row in rows()} == {"Ann"}
    assert 'test_dataloader = dict(dataset=dict(split="val"' in config_text()


def config_text():
    with open("configs/my_signs.py", encoding="utf-8") as file:
        return file.read()


def test_stores_that_exist_are_not_copied(folder):
    write_takes(folder)
    make("my_signs")
    before = rows()
    store = folder / "data/my_signs/my_signs.safetensors"
    store.rename(folder / "mine.safetensors")
    make("mine.safetensors", "--force")
    assert 'ann_file="mine.safetensors"' in config_text() and not store.exists()
    assert [row["id"] for row in rows()] == [row["id"] for row in before]
    assert PoseStore("mine.safetensors").glosses == ["hello", "thanks"]


def test_nothing_is_replaced_without_force(folder, capsys):
    write_takes(folder)
    make("my_signs")
    (folder / "configs/my_signs.py").write_text("# edited")
    make("my_signs", code=1)
    error = capsys.readouterr().err.strip()
    assert "configs/my_signs.py" in error and "--force" in error and "\n" not in error
    assert config_text() == "# edited"
    make("my_signs", "--force")
    assert config_text() != "# edited"


def test_bad_clips_are_named_and_left_out_on_request(folder, capsys):
    write_takes(folder)
    (folder / "my_signs/hello/0/3.npy").write_bytes(b"damaged")
    make("my_signs", code=1)
    assert "clip 'hello/0'" in (error := capsys.readouterr().err) and "--skip-bad" in error
    assert not list((folder / "data").rglob("my_signs.*")) and not (folder / "configs").exists()
    make("my_signs", "--skip-bad")
    assert "skipped: clip 'hello/0'" in capsys.readouterr().out and len(rows()) == 9
    assert "hello/0" in (folder / "data/my_signs/my_signs.skipped.csv").read_text()


def test_folders_without_files_are_named(folder, capsys):
    write_takes(folder)
    (folder / "my_signs/later").mkdir()
    make("my_signs")
    assert "no clips in my_signs/later: it is left out" in capsys.readouterr().out


def test_what_makes_no_dataset_is_refused_before_the_work(folder, capsys):
    write_takes(folder, 1)
    make("my_signs", code=1)
    assert "no clips are left to test on; record more takes" in capsys.readouterr().err
    assert not list(folder.rglob("*.safetensors"))


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["gone"], "gone: no such folder or file"),
        (["my_signs", "my_signs"], "give one folder or one CSV file"),
        (["my_signs", "--source", "wlasl-hands"], "convert other files with tools/data/convert.py"),
        (["a.safetensors", "my_signs"], "pose stores come alone"),
        (["a.safetensors"], "a.safetensors"),
        (["signs.csv", "--signer", "(.)"], "give the CSV file a column 'signer'"),
        (["my_signs/hello"], "two signs or more"),
    ],
)
def test_mistakes_are_one_line(folder, capsys, words, problem):
    write_takes(folder, 1)
    write_table(folder / "signs.csv", dict(path="my_signs/hello/0", gloss="hello"))
    make(*words, code=1)
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert problem in line and line.startswith("error: ")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["my_signs", "--out", "x.yaml"], "ends in .py"),
        (["my_signs", "--out", "x.py", "--signer", "("], "is no regular expression"),
        (["my_signs", "--out", "x.py", "--signer", "s"], "needs one group"),
        (["my_signs", "--out", "x.py", "--units", "pixels"], "unrecognized arguments: --units"),
    ],
)
def test_unknown_options_are_refused(folder, capsys, words, problem):
    write_takes(folder, 1)
    with pytest.raises(SystemExit) as caught:
        tool.main(words)
    assert caught.value.code == 2 and problem in capsys.readouterr().err


@needs_installation
def test_files_of_hands_alone_train_too(folder):
    for seed in range(4):
        hands = np.random.default_rng(seed).uniform(0.3, 0.6, (2, 6, 21, 3))
        place = folder / f"signs/{('hello', 'thanks')[seed % 2]}/{seed}.npz"
        place.parent.mkdir(parents=True, exist_ok=True)
        np.savez(place, left_hand=hands[0], right_hand=hands[1])
    make("signs", "--source", "mediapipe-hands")
    words = in_process("configs/my_signs.py", "--work-dir", "work")
    assert cli.train([*words, "train_cfg.max_epochs=1"]) == 0


def test_options_of_the_source_are_taken(folder):
    for seed in range(4):
        path = folder / f"signs/{('hello', 'thanks')[seed % 2]}/{seed}.npz"
        write_clip(path, seed)
    make("signs", "--source", "rtmlib", "--img-size", "640", "480")
    assert len(rows()) == 4


# ---- real data ---------------------------------------------------------------------------------

DATA = SHARED / "data"


def real(path):
    if not (DATA / path).exists():
        pytest.skip(f"../shared/data/{path} is not here")
    return DATA / path


def test_the_tutorials_recordings(folder, capsys):
    """Three signs by one person, 30 takes each; takes without hands are left out."""
    with tarfile.open(real("real_files/renotte/three_signs.tar.gz")) as archive:
        archive.extractall(folder / "real", filter="data")
    signs = next((folder / "real").rglob("0.npy")).parents[2]
    make(signs, "--skip-bad")
    told = capsys.readouterr().out
    takes = len({file.parent for file in signs.rglob("*.npy")})
    assert len(rows()) + told.count("skipped: clip") == takes
    assert len({row["gloss"] for row in rows()}) == 3 and "by clip, since" in told


def test_a_table_of_pose_files(folder, capsys):
    """MediaPipe's .pose files of two programs; some lack the nose."""
    files = real("real_files/pose_format")
    names = ("mediapipe", "autsl_signer0_sample1000", "asl_citizen_LIBRARY", "pizza")
    clips = [
        dict(path=files / f"{name}.pose", gloss="ab"[n % 2], signer=f"s{n}", split=part)
        for n, (name, part) in enumerate(zip(names, ("train", "train", "val", "val")))
    ]
    table = write_table(folder / "clips.csv", *clips)
    make(table, code=1)
    assert "lacks nose" in (told := capsys.readouterr().err) and "--allow-missing" in told
    make(table, "--allow-missing")
    assert [row["id"] for row in rows()] == list(names)
    assert PoseStore("data/my_signs/my_signs.safetensors").num_frames.sum() == 303


def test_wlasl50_keeps_its_makers_parts(folder, capsys):
    source = real("wlasl50_upper_body")
    for split in ("train", "val"):
        files = source / f"wlasl50_upper_body_{split}.npz", f"{split}.safetensors"
        classes = ("--classes", source / "classes.txt", "--split", split)
        assert convert_tool.main([str(w) for w in ("wlasl-upper-body", *files, *classes)]) == 0
    make("train.safetensors", "val.safetensors")
    parts = [row["split"] for row in rows()]
    assert (parts.count("train"), parts.count("val")) == (315, 65)
    assert "val: 65 clips, 40 signs, 26 signers (62 clips by signers of train)" in (
        capsys.readouterr().out
    )
    assert 'test_dataloader = dict(dataset=dict(split="val"' in config_text()
    assert "num_classes=50" in config_text()
