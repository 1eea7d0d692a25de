"""Data that gives no batch is refused before training starts."""

import pytest

from masa_mm.apis import batch_checks, cli
from masa_mm.errors import UserError

from toys.training_task import write_task


@pytest.mark.parametrize(
    ("part", "options", "message"),
    [
        (
            "train_dataloader",
            dict(batch_size=100, drop_last=True),
            "24 clips in 1 process(es)",
        ),
        (
            "train_dataloader",
            dict(dataset=dict(type="ToyDataset", size=0)),
            "its dataset has no",
        ),
        (
            "val_dataloader",
            dict(dataset=dict(type="ToyDataset", size=0)),
            "its dataset has no",
        ),
    ],
    ids=["drop_last", "no clip", "no clip to validate"],
)
def test_no_batch(tmp_path, monkeypatch, capsys, part, options, message):
    write_task(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("LOCAL_RANK", "0")
    (tmp_path / "c.py").write_text(f"_base_ = 'toy_config.py'\n{part} = dict({options})")
    if "dataset" in options and part == "train_dataloader":
        (tmp_path / "c.py").write_text(
            "_base_ = 'toy_config.py'\ntrain_dataloader = dict(dataset=dict(size=0),"
            "sampler=dict(shuffle=False))"
        )
    assert cli.train(["c.py"]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith(f"error: {part}: ") and message in line


def test_a_config_without_training(tmp_path, monkeypatch, capsys):
    write_task(tmp_path, train_dataloader=None, train_cfg=None, optim_wrapper=None)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("LOCAL_RANK", "0")
    assert cli.train(["toy_config.py", "--cfg-options", "param_scheduler=None"]) == 2
    assert "has no train_dataloader, train_cfg, optim_wrapper" in capsys.readouterr().err


def test_more_workers_than_the_system_allows(monkeypatch):
    monkeypatch.setattr(batch_checks.resource, "getrlimit", lambda kind: (1024, 4096))
    batch_checks._check_workers(341, "train_dataloader")
    with pytest.raises(UserError, match=r"num_workers=342 needs more open files .*1024, ulimit"):
        batch_checks._check_workers(342, "train_dataloader")
