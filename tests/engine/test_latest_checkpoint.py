"""The newest checkpoint that loads, whatever a kill or a disk did to the others."""

import os

import pytest
import torch

from masa_mm.engine import find_latest, recorded_checkpoint
from masa_mm.errors import UserError


@pytest.fixture
def run(tmp_path):
    """A folder with the checkpoints of two epochs, of which the second is recorded."""
    for epoch in (1, 2):
        state = dict(state_dict={"a": torch.ones(99)}, optimizer={}, message_hub={})
        torch.save(state, tmp_path / f"epoch_{epoch}.pth")
        os.utime(tmp_path / f"epoch_{epoch}.pth", (epoch, epoch))
    torch.save(dict(state_dict={}), tmp_path / "best_acc_epoch_1.pth")
    (tmp_path / "last_checkpoint").write_text("/elsewhere/epoch_2.pth")
    return tmp_path


def test_the_recorded_one_wherever_the_folder_is(run, tmp_path):
    assert find_latest(run) == (str(run / "epoch_2.pth"), "")
    (run / "out").mkdir()
    (run / "epoch_2.pth").rename(run / "out/epoch_9.pth")  # the hook's out_dir
    (run / "last_checkpoint").write_text(str(run / "out/epoch_9.pth"))
    assert find_latest(run) == (str(run / "out/epoch_9.pth"), "")


@pytest.mark.parametrize("record", [b"", b"\0" * 40, b"gone.pth", b"\xff\xfe", None])
def test_a_damaged_record(run, record):
    (run / "last_checkpoint").unlink()
    if record is not None:
        (run / "last_checkpoint").write_bytes(record)
    path, reason = find_latest(run)
    assert path == str(run / "epoch_2.pth")
    assert reason.endswith("is damaged" if record is not None else "is missing")
    assert recorded_checkpoint(run) == ""


def truncated(data):
    return data[: len(data) // 2]


def flipped(data):
    place = data.index(torch.ones(99).numpy().tobytes()) + 40
    return data[:place] + b"\x01" + data[place + 1 :]


@pytest.mark.parametrize("damage", [truncated, flipped, lambda data: b""])
def test_a_damaged_checkpoint(run, damage):
    path = run / "epoch_2.pth"
    path.write_bytes(damage(path.read_bytes()))
    path, reason = find_latest(run)
    assert path == str(run / "epoch_1.pth")
    assert "epoch_2.pth is damaged (" in reason and "\n" not in reason


def test_nothing_is_no_error_but_nothing_that_loads_is(tmp_path):
    assert find_latest(tmp_path) == ("", "")
    (tmp_path / "epoch_1.pth").write_bytes(b"PK")
    with pytest.raises(UserError, match="last_checkpoint is missing, and no other"):
        find_latest(tmp_path)
