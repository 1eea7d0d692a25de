"""Differences between runs are found and named; times and paths are none."""

import sys

import torch
from mmengine.logging import HistoryBuffer

from toys.paths import ROOT

sys.path.insert(0, str(ROOT / "tools/benchmark/faults"))
from run_differences import describe_differences


def write(folder, name="epoch_1.pth", weight=1.0, loss=0.5, time=0.1, step=3):
    folder.mkdir(exist_ok=True)
    logs = {"train/loss": loss, "train/time": time}
    content = dict(
        state_dict=dict(weight=torch.tensor([weight, 2.0])),
        optimizer=dict(state={0: dict(step=torch.tensor(step))}, param_groups=[dict(lr=0.1)]),
        message_hub=dict(log_scalars={key: HistoryBuffer([v], [1]) for key, v in logs.items()}),
        meta=dict(epoch=1, iter=6, seed=1, time=str(time), cfg=str(folder)),
    )
    torch.save(content, folder / name)


def differences(tmp_path, **changes):
    write(tmp_path / "whole")
    write(tmp_path / "cut", **changes)
    return describe_differences(tmp_path / "cut", tmp_path / "whole")


def test_times_and_folders_are_no_differences(tmp_path):
    assert differences(tmp_path, time=0.2) == []


def test_each_number_that_differs_is_named(tmp_path):
    assert differences(tmp_path, weight=1.25, loss=0.75, step=4) == [
        "epoch_1.pth: log.train/loss.0 differs in 1 of 1 numbers, by up to 0.25",
        "epoch_1.pth: optimizer.state.0.step differs in 1 of 1 numbers, by up to 1",
        "epoch_1.pth: state_dict.weight differs in 1 of 2 numbers, by up to 0.25",
    ]


def test_files_of_one_run_only_are_named(tmp_path):
    write(tmp_path / "whole", name="best.pth")
    assert differences(tmp_path, name="epoch_2.pth") == [
        "best.pth: only in whole",
        "epoch_1.pth: only in whole",
        "epoch_2.pth: only in cut",
    ]


def test_more_numbers_and_other_values_are_differences(tmp_path):
    write(tmp_path / "whole")
    write(tmp_path / "cut")
    content = torch.load(tmp_path / "cut/epoch_1.pth", weights_only=False)
    content["message_hub"]["log_scalars"]["train/loss"].update(1.0)
    content["optimizer"]["param_groups"][0]["lr"] = 0.2
    torch.save(content, tmp_path / "cut/epoch_1.pth")
    assert describe_differences(tmp_path / "cut", tmp_path / "whole") == [
        "epoch_1.pth: log.train/loss.0 has the shape (2,), not (1,)",
        "epoch_1.pth: log.train/loss.1 has the shape (2,), not (1,)",
        "epoch_1.pth: optimizer.param_groups.0.lr is 0.2, not 0.1",
    ]
