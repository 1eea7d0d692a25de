"""DeferredCheckHook through real runs: a bad loss stops them a step later, and nothing is saved."""

import pytest
import torch
from mmengine.hooks import Hook

from masa_mm.engine import DeferredCheckHook, MomentumAlignmentHook
from masa_mm.errors import UserError


class Poison(Hook):
    def __init__(self, iteration):
        self.iteration, self.steps = iteration, 0

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.iteration:
            data_batch["inputs"]["keypoint"][0, ..., 0] = torch.nan

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.steps += 1


@pytest.mark.parametrize("iteration, steps", [(3, 4), (4, 5), (5, 6)])
def test_a_bad_batch_stops_the_run_before_anything_is_saved(
    make_runner, tmp_path, iteration, steps
):
    """3 iterations an epoch: one more step is begun, or the epoch's end is reached."""
    poison = Poison(iteration)
    hooks = [MomentumAlignmentHook(), DeferredCheckHook(), poison]
    with pytest.raises(FloatingPointError, match=r"loss_motion.* is not finite"):
        make_runner(tmp_path, hooks).train()
    assert poison.steps == steps
    assert [path.name for path in tmp_path.glob("*.pth")] == ["epoch_1.pth"]
    state = torch.load(tmp_path / "epoch_1.pth", weights_only=False)["state_dict"]
    assert all(value.isfinite().all() for value in state.values())


def test_no_checkpoint_by_iteration_is_saved_either(make_runner, tmp_path):
    checkpoint = dict(type="CheckpointHook", interval=2, by_epoch=False)
    hooks = [MomentumAlignmentHook(), DeferredCheckHook(), Poison(1)]
    with pytest.raises(FloatingPointError):
        make_runner(tmp_path, hooks, default_hooks=dict(checkpoint=checkpoint)).train()
    assert not list(tmp_path.glob("*.pth"))


def test_a_good_run_is_the_same_with_it(make_runner, tmp_path):
    states = []
    for name, hooks in (("with", [DeferredCheckHook()]), ("without", [])):
        runner = make_runner(tmp_path / name, [MomentumAlignmentHook(), *hooks], epochs=1)
        states.append(runner.train().state_dict())
    assert all(value.equal(states[1][name]) for name, value in states[0].items())


def test_it_is_for_models_that_check(make_runner, encoder_config, tmp_path):
    model = dict(
        type="RecognizerGCN",
        backbone=encoder_config,
        cls_head=dict(type="GCNHead", num_classes=3, in_channels=8),
    )
    with pytest.raises(UserError, match="RecognizerGCN checks no losses: remove the hook"):
        make_runner(tmp_path, [DeferredCheckHook()], model=model).train()
