"""Checkpoints are loaded as data."""

import os
import pickle
import warnings
import zipfile

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader

from masa_mm.compat import CheckpointError, checkpoints, load_from_local


class Harmful:
    """Creates a file when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


class ByGetattr:
    """Asks for more than a statistic of HistoryBuffer, whose names mmengine pickles by getattr."""

    def __reduce__(self):
        return getattr, (HistoryBuffer, "__init__")


def checkpoint_like_mmengines():
    scores = HistoryBuffer([0.5, 0.25], [1, 1])
    numbers = {t.__name__: t(1) for t in (np.float64, np.float32, np.int64, np.bool_, np.uint8)}
    names = np.array(["hello", "thanks"])
    return dict(
        meta=dict(epoch=2, seed=1, numbers=numbers, names=names),
        message_hub=dict(log_scalars={"train/loss": scores}),
        state_dict=torch.nn.Linear(2, 3).state_dict(),
        half=torch.ones(3, dtype=torch.bfloat16),
        parameter=torch.nn.Parameter(torch.zeros(2)),
    )


def assert_same(loaded, saved):
    assert loaded["meta"]["numbers"] == saved["meta"]["numbers"]
    assert loaded["meta"]["names"].tolist() == ["hello", "thanks"]
    history = loaded["message_hub"]["log_scalars"]["train/loss"]
    assert isinstance(history, HistoryBuffer) and history.mean() == 0.375
    assert history.data[0].tolist() == [0.5, 0.25]
    for name, value in saved["state_dict"].items():
        torch.testing.assert_close(loaded["state_dict"][name], value, rtol=0, atol=0)
    assert loaded["half"].dtype == torch.bfloat16
    assert isinstance(loaded["parameter"], torch.nn.Parameter)


def test_what_mmengine_saves_is_loaded(tmp_path):
    saved = checkpoint_like_mmengines()
    torch.save(saved, tmp_path / "run.pth")
    assert_same(CheckpointLoader.load_checkpoint(str(tmp_path / "run.pth")), saved)
    torch.save(saved, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert_same(CheckpointLoader.load_checkpoint(str(tmp_path / "old.pth")), saved)


@pytest.mark.parametrize(("own", "other"), [("_core", "core"), ("core", "_core")])
def test_numpy_arrays_of_another_numpy_are_loaded(tmp_path, own, other):
    saved = checkpoint_like_mmengines()
    torch.save(saved, tmp_path / "run.pth")
    rewrite_pickle(
        tmp_path / "run.pth",
        lambda data: data.replace(
            f"cnumpy.{own}.multiarray\n".encode(), f"cnumpy.{other}.multiarray\n".encode()
        ),
    )
    assert_same(load_from_local(tmp_path / "run.pth"), saved)


def rewrite_pickle(path, change):
    with zipfile.ZipFile(path) as archive:
        entries = [(info.filename, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in entries:
            archive.writestr(name, change(data) if name.endswith("data.pkl") else data)


@pytest.mark.parametrize(
    "hidden", ["at the top", "in the meta", "in an object array", "by getattr"]
)
@pytest.mark.parametrize("new_format", [True, False])
def test_a_malicious_checkpoint_is_refused_and_not_executed(
    tmp_path, monkeypatch, hidden, new_format
):
    # The user's own switch for unsafe loading does not reach our checkpoints.
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    harmful = Harmful(tmp_path / "executed")
    content, message = {
        "at the top": (harmful, "refused.*system"),
        "in the meta": (dict(meta=dict(epoch=1, x=harmful), state_dict={}), "refused.*system"),
        "in an object array": (np.array([harmful, None], dtype=object), "refused|another kind"),
        "by getattr": (ByGetattr(), "refused.*getattr"),
    }[hidden]
    path = tmp_path / "evil.pth"
    torch.save(content, path, _use_new_zipfile_serialization=new_format)
    with pytest.raises(CheckpointError, match=f"evil.pth: .*({message})") as caught:
        CheckpointLoader.load_checkpoint(str(path))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "executed").exists()


def test_a_bare_pickle_is_refused(tmp_path):
    path = tmp_path / "evil.pth"
    path.write_bytes(pickle.dumps(Harmful(tmp_path / "executed")))
    with pytest.raises(CheckpointError, match=r"evil.pth"):
        CheckpointLoader.load_checkpoint(str(path))
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.99])
@pytest.mark.parametrize("new_format", [True, False])
def test_a_truncated_checkpoint_is_one_clear_line(tmp_path, keep, new_format):
    path = tmp_path / "half.pth"
    saved = checkpoint_like_mmengines()
    torch.save(saved, path, _use_new_zipfile_serialization=new_format)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    with pytest.raises(CheckpointError, match=r"half.pth: .*truncated") as caught:
        CheckpointLoader.load_checkpoint(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"<!DOCTYPE html>", b"hello\n", b"PK\x03\x04 no zip", pickle.dumps(dict(a=1), protocol=4)],
)
def test_a_file_of_another_kind_is_one_clear_line(tmp_path, capfd, content):
    """Not a line more, and nothing of torch's advice to load it unsafely."""
    (tmp_path / "other.pth").write_bytes(content)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with pytest.raises(CheckpointError, match=r"other.pth: cannot be read") as caught:
            CheckpointLoader.load_checkpoint(str(tmp_path / "other.pth"))
    message = str(caught.value)
    assert "\n" not in message and "weights_only" not in message and not warned
    assert len(message) < 300


def test_a_folder_is_no_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match="is a folder; give the path"):
        CheckpointLoader.load_checkpoint(str(tmp_path))


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone.pth: no such checkpoint"):
        CheckpointLoader.load_checkpoint(str(tmp_path / "gone.pth"))


def test_other_schemes_load_safely_too(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    monkeypatch.setattr(CheckpointLoader, "_schemes", dict(CheckpointLoader._schemes))
    path = tmp_path / "evil.pth"
    torch.save(Harmful(tmp_path / "executed"), path)

    def load_from_shelf(name, map_location):
        return torch.load(path, map_location=map_location)

    CheckpointLoader.register_scheme("shelf://", load_from_shelf)
    with pytest.raises(CheckpointError, match=r"shelf://evil.pth: refused"):
        CheckpointLoader.load_checkpoint("shelf://evil.pth")
    assert not (tmp_path / "executed").exists()
    assert os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] == "1"


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        ("gpu_ids = [0, 1]\nmodel = dict(type='X')", "gpu_ids = [0, 1]"),
        ("gpu_ids = __import__('os').getcwd()", ""),
        ("import os\nos.getcwd()", ""),
        ("not python at all (", ""),
        ("null\0byte", ""),
    ],
)
def test_only_literal_gpu_ids_are_taken_from_a_checkpoints_config(config, kept):
    assert checkpoints._literal_gpu_ids(config) == kept
