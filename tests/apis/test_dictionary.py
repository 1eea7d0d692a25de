"""The command line of the dictionary, on a small network with random weights."""

from pathlib import Path

import pytest
import torch

from masa_mm.apis.dictionary import dictionary
from masa_mm.inference.dictionary_file import read_dictionary, write_dictionary

from toys.inference_toys import save_training
from toys.own_signs import write_clip
from toys.pose_toys import make_store

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(save_training(tmp_path_factory.mktemp("model") / "epoch_1.pth"))


@pytest.fixture
def built(model, tmp_path, capsys):
    """A dictionary of a store, and the store: four clips of three glosses."""
    store = make_store(tmp_path / "store.safetensors")
    path = str(tmp_path / "signs.safetensors")
    assert dictionary(["build", path, model, store]) == 0
    assert capsys.readouterr().out == f"{path}: 4 examples of 3 signs\n"
    return path, store


def failure(capsys, *argv, code=2):
    """Run a command that fails and return its one line."""
    assert dictionary([str(word) for word in argv]) == code
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]


def test_a_store_is_built_and_searched(built, capsys):
    path, store = built
    assert dictionary(["search", path, store, "--top", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 * 3 and lines[0] == f"{store}:clip0:"
    # Each clip finds itself.
    assert lines[1] == f"  1. book (1.000, {store}:clip0)"
    assert lines[4].startswith("  1. drink (1.000")


def test_folders_are_glosses(model, tmp_path, capsys):
    for seed, name in enumerate(["hello/a.npz", "hello/b.npz", "thanks/a.npz"]):
        write_clip(tmp_path / "signs" / name, seed)
    path = tmp_path / "signs.safetensors"
    argv = ["build", str(path), model, str(tmp_path / "signs")]
    assert dictionary([*argv, "--per-gloss", "1"]) == 0
    assert read_dictionary(path).glosses == ["hello", "thanks"]
    assert "exists; give another file, or --force" in failure(capsys, *argv)
    assert dictionary([*argv, "--force"]) == 0
    assert read_dictionary(path).glosses == ["hello", "hello", "thanks"]
    write_clip(tmp_path / "new.npz", 9)
    assert dictionary(["add", str(path), "good morning", str(tmp_path / "new.npz")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{path}: 4 examples of 3 signs"
    assert "good morning" in read_dictionary(path).glosses


def test_labelled_clips_are_evaluated(built, tmp_path, capsys):
    path, _ = built
    other = make_store(tmp_path / "other.safetensors")
    assert dictionary(["evaluate", path, other]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "4 queries; 4 examples of 3 signs"
    assert lines[1].split() == ["recall@1", "recall@5", "recall@10", "mrr", "dcg"]
    assert lines[2].startswith("embedding     1.000 [1.000, 1.000]")
    assert lines[3].startswith("time warping  1.000 [1.000, 1.000]")


def test_the_page_shows_each_sign(built, tmp_path, capsys):
    assert dictionary(["page", built[0], str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("<article") == 3 and "2 examples" in page and "<h1>signs</h1>" in page
    assert capsys.readouterr().out.endswith("page.html: 3 signs\n")


def test_what_cannot_be_used_is_named_and_the_rest_done(model, built, tmp_path, capsys):
    path, store = built
    write_clip(tmp_path / "loose.npz")
    argv = ["build", tmp_path / "b.safetensors", model, store, tmp_path / "loose.npz"]
    assert "loose.npz: has no gloss" in failure(capsys, *argv, code=1)
    assert len(read_dictionary(tmp_path / "b.safetensors").names) == 4
    line = failure(capsys, "search", path, tmp_path / "none.mp4", store, code=1)
    assert "none.mp4: no such file or folder" in line


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5"])
def test_wrong_numbers_are_refused(number, capsys):
    with pytest.raises(SystemExit):
        dictionary(["build", "n", "model.onnx", "clips", "--per-gloss", number])
    assert "--per-gloss: " in capsys.readouterr().err


def test_user_errors_are_one_line(model, built, tmp_path, capsys):
    path, store = built
    (tmp_path / "cut.safetensors").write_bytes(Path(path).read_bytes()[:500])
    assert "no such dictionary" in failure(capsys, "search", tmp_path / "none", store)
    assert "complete safetensors" in failure(capsys, "search", tmp_path / "cut.safetensors", store)
    assert "no sign dictionary" in failure(capsys, "page", store, tmp_path / "p.html")
    other = save_training(tmp_path / "other.pth", seed=3)
    line = failure(capsys, "search", path, store, "--model", other)
    assert "built with another model (epoch_1.pth)" in line
    no_gloss = make_store(tmp_path / "none.safetensors", label=[-1] * 4)
    assert dictionary(["build", str(tmp_path / "n"), model, no_gloss]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert (
        len(lines) == 5
        and lines[-1] == "error: the dictionary is empty; add an example of a sign first"
    )


def test_a_model_that_moved_is_named(built, model, tmp_path, capsys):
    path, store = built
    content = read_dictionary(path)
    write_dictionary(path, content._replace(model_name="gone.onnx"))
    assert "its model gone.onnx is not there; give it by --model" in failure(
        capsys, "search", path, store
    )
    assert dictionary(["search", path, store, "--model", model]) == 0
