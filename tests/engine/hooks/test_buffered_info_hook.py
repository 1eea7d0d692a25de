"""BufferedInfoHook: the log of mmengine's own hook, with one transfer for many steps."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import Hook

from masa_mm.engine import BufferedInfoHook, MomentumAlignmentHook
from masa_mm.engine.hooks.buffered_info_hook import to_host


class Reads(Hook):
    """Notes the length of a history after each iteration."""

    priority = "VERY_LOW"

    def __init__(self):
        self.lengths = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        history = runner.message_hub.log_scalars.get("train/loss_motion")
        self.lengths.append(0 if history is None else len(history.data[0]))


def run(make_runner, folder, kind, interval, by_epoch=True, save_every=1):
    reads = Reads()
    runner = make_runner(
        folder,
        [MomentumAlignmentHook(), reads],
        epochs=2,
        default_hooks=dict(
            runtime_info=dict(type=kind),
            logger=dict(type="LoggerHook", interval=interval),
            checkpoint=dict(type="CheckpointHook", interval=save_every, by_epoch=by_epoch),
        ),
    )
    runner.train()
    return runner, reads.lengths


def histories(hub):
    return {name: history.data[0].tolist() for name, history in hub.log_scalars.items()}


def test_the_log_is_mmengines(make_runner, tmp_path):
    """3 iterations an epoch, a line every 2: after the 2nd, and what is left at the end."""
    found, lengths = run(make_runner, tmp_path / "a", "BufferedInfoHook", 2)
    plain, every = run(make_runner, tmp_path / "b", "RuntimeInfoHook", 2)
    timeless = {name for name in histories(plain.message_hub) if "time" not in name}
    assert {"train/loss", "train/loss_align", "train/lr"} <= timeless
    for name in timeless:
        assert histories(found.message_hub)[name] == histories(plain.message_hub)[name], name
    assert every == [1, 2, 3, 4, 5, 6]
    assert lengths == [0, 2, 3, 3, 5, 6]


def test_a_checkpoint_between_two_lines_has_the_whole_log(make_runner, tmp_path):
    run(make_runner, tmp_path, "BufferedInfoHook", 50, by_epoch=False, save_every=4)
    saved = torch.load(tmp_path / "iter_4.pth", weights_only=False)["message_hub"]
    assert len(saved["log_scalars"]["train/loss_motion"].data[0]) == 4


def test_all_steps_come_in_one_transfer():
    steps = [dict(loss=torch.tensor(0.1), acc=1), dict(loss=torch.tensor([2.5])), {}]
    with torch.profiler.profile() as profile:
        found = to_host(steps)
    assert found == [dict(loss=pytest.approx(0.1), acc=1), dict(loss=2.5), {}]
    assert found[0]["loss"] == torch.tensor(0.1).item()
    reads = [event for event in profile.events() if event.name == "aten::_local_scalar_dense"]
    assert not reads


def test_what_is_kept_holds_no_graph():
    hook, weight = BufferedInfoHook(), torch.ones((), requires_grad=True)
    runner = SimpleNamespace(train_dataloader=range(3))
    hook.after_train_iter(runner, 0, None, dict(loss=2 * weight, note=3))
    assert not hook._steps[0]["loss"].requires_grad
    assert hook._steps[0]["note"] == 3
