"""MomentumAlignmentHook through real runs: its schedules, its average, and an interruption."""

import math

import pytest
import torch
from mmengine.hooks import Hook

from masa_mm.engine import EpochSeedHook, MomentumAlignmentHook
from masa_mm.engine.hooks.momentum_alignment_hook import half_cosine
from masa_mm.errors import UserError


def floats(module):
    return {n: v.clone() for n, v in module.state_dict().items() if v.dtype.is_floating_point}


class Recorder(Hook):
    """Notes, each iteration, what the hook under test has set."""

    priority = "VERY_LOW"

    def __init__(self):
        self.lambda_s, self.mu, self.queries, self.keys = [], [], [], []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if not self.keys:
            self._note(runner.model)
        alignment = runner.model.alignment
        self.lambda_s.append(alignment.loss_weight * alignment.warmup)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.mu.append(1 - runner.model.key_encoder.momentum)
        self._note(runner.model)

    def _note(self, model):
        self.queries.append(floats(model.query_branch()))
        self.keys.append(floats(model.key_encoder.module))


@pytest.fixture
def record(make_runner, tmp_path):
    def run(**arguments):
        recorder = Recorder()
        make_runner(tmp_path, [MomentumAlignmentHook(**arguments), recorder]).train()
        return recorder

    return run


def test_lambda_s_rises_linearly_then_stays(record):
    """3 iterations an epoch, 2 epochs of warm-up: sixths of 0.06."""
    found = record(loss_weight=0.06, warmup_epochs=2).lambda_s
    assert found == pytest.approx([0, 0.01, 0.02, 0.03, 0.04, 0.05] + [0.06] * 6)


def test_without_warm_up_lambda_s_is_there_from_the_start(record):
    assert record(loss_weight=0.06, warmup_epochs=0).lambda_s == [0.06] * 12


def test_mu_and_lambda_s_are_the_models_unless_the_hook_has_its_own(
    make_runner, masa_config, tmp_path
):
    alignment = {**masa_config["alignment"], "loss_weight": 0.3}
    model = {**masa_config, "momentum": 0.9, "alignment": alignment}
    for own, mu, lambda_s in (({}, 0.9, 0.3), (dict(momentum=0.8, loss_weight=0.2), 0.8, 0.2)):
        recorder = Recorder()
        hooks = [MomentumAlignmentHook(warmup_epochs=1, **own), recorder]
        make_runner(tmp_path / str(mu), hooks, epochs=2, model=model).train()
        assert recorder.mu == pytest.approx([mu] * 6)
        rise = [0, lambda_s / 3, lambda_s * 2 / 3]
        assert recorder.lambda_s == pytest.approx(rise + [lambda_s] * 3)


def test_mu_is_constant_by_default(record):
    assert record().mu == pytest.approx([0.996] * 12)


def test_mu_follows_a_half_cosine_if_asked(record):
    found = record(momentum=0.9, end_momentum=1.0).mu
    expected = [0.9 + 0.1 * (1 - math.cos(math.pi * i / 12)) / 2 for i in range(12)]
    assert found == pytest.approx(expected)
    assert found[0] == pytest.approx(0.9)
    assert found[6] == pytest.approx(0.95)


def test_half_cosine_reaches_both_ends():
    assert [half_cosine(0.9, 1.0, p) for p in (0, 0.5, 1)] == pytest.approx([0.9, 0.95, 1.0])


def test_the_copy_starts_equal_and_averages_weights_and_statistics(record):
    """Statistics are a plain mean at first: rates 1/2, 1/3, 1/4, 1/5, and 0.2 as weights."""
    recorder = record(momentum=0.8)
    expected = recorder.queries[0]
    for step, (query, key) in enumerate(zip(recorder.queries, recorder.keys)):
        if step > 0:
            rates = {n: max(0.2, 1 / (step + 1)) if "running" in n else 0.2 for n in expected}
            expected = {n: (1 - r) * expected[n] + r * query[n] for n, r in rates.items()}
        for name, value in key.items():
            torch.testing.assert_close(value, expected[name], atol=1e-5, rtol=1e-5)
    statistics = [name for name in expected if name.endswith("running_var")]
    assert statistics
    moved = (key[statistics[0]] != recorder.keys[0][statistics[0]]).any()
    assert moved


def test_the_copy_starts_from_loaded_weights(make_runner, masa_config, encoder_config, tmp_path):
    pretrained = make_runner(tmp_path / "first", epochs=1).model
    torch.save(dict(state_dict=pretrained.state_dict()), tmp_path / "first.pth")
    init_cfg = dict(
        type="StrictPretrained", checkpoint=str(tmp_path / "first.pth"), prefix="backbone."
    )
    model = {**masa_config, "backbone": {**encoder_config, "init_cfg": init_cfg}}
    recorder = Recorder()
    hooks = [MomentumAlignmentHook(), recorder]
    make_runner(tmp_path / "second", hooks, epochs=1, model=model).train()
    for name, value in floats(pretrained.backbone).items():
        assert recorder.keys[0][f"backbone.{name}"].equal(value), name


@pytest.mark.parametrize("num_workers", [0, 1])
def test_an_interrupted_and_resumed_run_ends_as_an_uninterrupted_one(
    make_runner, interrupt_at, tmp_path, num_workers
):
    """Crops, masks, views, augmentation, dropout, shuffling: all random, all the same again."""

    def hooks():
        return [MomentumAlignmentHook(end_momentum=1.0, warmup_epochs=3), EpochSeedHook()]

    whole = make_runner(tmp_path / "whole", hooks(), num_workers=num_workers)
    whole.train()
    broken = make_runner(
        tmp_path / "broken", [*hooks(), interrupt_at(iteration=7)], num_workers=num_workers
    )
    with pytest.raises(KeyboardInterrupt):
        broken.train()
    resumed = make_runner(tmp_path / "broken", hooks(), num_workers=num_workers, resume=True)
    resumed.train()

    assert resumed.iter == whole.iter == 12
    for name, value in whole.model.state_dict().items():
        assert resumed.model.state_dict()[name].equal(value), name
    names = set(whole.model.state_dict())
    assert {"alignment.bank.keys", "alignment.bank.pointer", "key_encoder.steps"} <= names
    assert any(name.startswith("key_encoder.module.backbone.") for name in names)
    moments = whole.optim_wrapper.optimizer.state_dict()["state"]
    for number, state in resumed.optim_wrapper.optimizer.state_dict()["state"].items():
        assert state["exp_avg_sq"].equal(moments[number]["exp_avg_sq"])


def test_two_runs_of_one_seed_are_one(make_runner, tmp_path):
    states = []
    for name in ("a", "b"):
        runner = make_runner(tmp_path / name, [MomentumAlignmentHook()], epochs=1)
        states.append(runner.train().state_dict())
    assert all(value.equal(states[1][name]) for name, value in states[0].items())


def test_a_bad_batch_leaves_the_last_checkpoint_clean(make_runner, tmp_path):
    """The run stops with the reason; what was saved before can be resumed."""

    class Poison(Hook):
        def before_train_iter(self, runner, batch_idx, data_batch=None):
            if runner.iter == 4:
                data_batch["inputs"]["keypoint"][0, ..., 0] = torch.nan

    with pytest.raises(FloatingPointError, match="loss_motion"):
        make_runner(tmp_path, [MomentumAlignmentHook(), Poison()]).train()
    checkpoints = sorted(tmp_path.glob("*.pth"))
    assert [path.name for path in checkpoints] == ["epoch_1.pth"]
    state = torch.load(checkpoints[0], weights_only=False)["state_dict"]
    assert all(value.isfinite().all() for value in state.values())


def test_forgetting_the_hook_is_not_silent(make_runner, tmp_path):
    with pytest.raises(UserError, match="add dict\\(type='MomentumAlignmentHook'\\)"):
        make_runner(tmp_path).train()


@pytest.mark.parametrize("kind", ["SignRecognizer", "MASA without alignment"])
def test_another_model_is_refused(make_runner, masa_config, encoder_config, tmp_path, kind):
    model = {**masa_config, "alignment": None}
    if kind == "SignRecognizer":
        model = dict(
            type="SignRecognizer",
            backbone=encoder_config,
            cls_head=dict(type="MASAHead", num_classes=3, in_channels=8),
            data_preprocessor=dict(type="SignDataPreprocessor"),
        )
    runner = make_runner(tmp_path, [MomentumAlignmentHook()], model=model)
    with pytest.raises(UserError, match=f"{model['type']} has none: remove the hook"):
        runner.train()


def test_finds_the_model_behind_a_wrapper(make_runner, tmp_path):
    runner = make_runner(tmp_path)
    model = runner.model
    runner.model = torch.nn.DataParallel(model)
    assert MomentumAlignmentHook._aligned_model(runner)[0] is model


@pytest.mark.parametrize("wrong", [dict(momentum=1.1), dict(end_momentum=-0.1)])
def test_a_momentum_outside_0_to_1_is_refused(wrong):
    with pytest.raises(UserError, match=str(*wrong.values())):
        MomentumAlignmentHook(**wrong)
