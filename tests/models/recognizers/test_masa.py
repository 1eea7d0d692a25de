"""MASA: what trains, what does not, and what a bad batch cannot spoil."""

import os
import subprocess
import sys
from copy import deepcopy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmaction.registry import TRANSFORMS
from mmengine.dataset import Compose
from torch import nn

from masa_mm.datasets.collate import pad_clips
from masa_mm.errors import UserError
from masa_mm.frame_plan import plan_batch
from masa_mm.models.recognizers.masa import joints_of_parts

from toys.paths import ROOT


def loss(model, batch):
    inputs, samples = batch
    return model(inputs, samples, mode="loss")


def key_of(model, inputs):
    return model.forward_key(inputs, plan_batch(inputs))


def snapshot(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def assert_unchanged(module, before):
    for name, value in module.state_dict().items():
        assert value.equal(before[name]), name


def test_names_its_losses(make_masa, make_batch):
    losses = loss(make_masa(), make_batch())
    assert set(losses) == {
        "loss_motion",
        "motion_error",
        "loss_align",
        "align_acc",
        "masked_share",
    }
    alone = loss(make_masa(alignment=False), make_batch())
    assert set(alone) == {"loss_motion", "motion_error", "masked_share"}


def test_the_total_is_l_m_plus_lambda_s_l_s(make_masa, make_batch):
    model = make_masa().eval()
    model.alignment.bank.enqueue(torch.randn(5, 8), torch.arange(5))
    model.alignment.loss_weight = 1.0
    whole = loss(model, make_batch())
    model.alignment.loss_weight = 0.05
    weighted = loss(model, make_batch())
    total, _ = model.parse_losses(weighted)
    expected = whole["loss_motion"] + 0.05 * whole["loss_align"]
    assert whole["loss_align"] > 0
    torch.testing.assert_close(total, expected)


def test_every_trainable_parameter_learns_and_the_key_branch_does_not(make_masa, make_batch):
    model = make_masa().train()
    model.alignment.bank.enqueue(torch.randn(5, 8), torch.arange(5))
    total, _ = model.parse_losses(loss(model, make_batch()))
    total.backward()
    for name, parameter in model.named_parameters():
        if name.startswith("key_encoder."):
            assert not parameter.requires_grad and parameter.grad is None, name
        else:
            assert parameter.grad.isfinite().all(), name
            # A bias before a batch norm is cancelled by it.
            assert parameter.grad.any() or name.endswith("bias"), name


def test_trains(make_masa, make_batch):
    model, batch = make_masa().train(), make_batch()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    values = []
    for _ in range(30):
        total, logged = model.parse_losses(loss(model, batch))
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        model.update_key_encoder()
        values.append(logged["loss_motion"].item())
    assert values[-1] < values[0] / 2


@pytest.mark.parametrize("key", ["keypoint", "key_keypoint", "motion"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_bad_batch_stops_training_and_leaves_bank_and_key_branch_alone(
    make_masa, make_batch, key, value
):
    model = make_masa().train()
    loss(model, make_batch(seed=1))
    before = snapshot(model.alignment.bank), snapshot(model.key_encoder)
    inputs, samples = make_batch(masked=torch.tensor([[False, True] * 4 + [False]] * 2))
    inputs[key] = inputs[key].clone()
    if key == "motion":
        # A masked frame with something to supervise.
        inputs[key][0, 1] = value
    else:
        inputs[key][0, 0, 0, 0, :5, :2] = value
    with pytest.raises(FloatingPointError, match="not finite; the step was not taken"):
        model(inputs, samples, mode="loss")
    assert_unchanged(model.alignment.bank, before[0])
    assert_unchanged(model.key_encoder, before[1])


@pytest.mark.parametrize(
    "missing, transform",
    [
        ("motion", "MotionResidual"),
        ("motion_weight", "MotionResidual"),
        ("frame_mask", "MotionAwareMasking"),
        ("key_keypoint", "AlignmentViews"),
        ("key_frame_inds", "AlignmentViews"),
        ("frame_inds", "SampleSignFrames"),
    ],
)
def test_a_missing_input_names_the_transform_to_add(make_masa, make_batch, missing, transform):
    inputs, samples = make_batch()
    del inputs[missing]
    with pytest.raises(KeyError, match=f"needs {missing}: add {transform}"):
        make_masa()(inputs, samples, mode="loss")


def test_without_alignment_no_key_view_is_needed(make_masa, make_batch):
    inputs, samples = make_batch()
    del inputs["key_keypoint"], inputs["key_frame_inds"]
    assert make_masa(alignment=False)(inputs, samples, mode="loss")["loss_motion"].isfinite()


def test_a_clip_without_an_id_is_refused(make_masa, make_batch):
    with pytest.raises(ValueError, match="1 of 2 clips of the batch have no clip_id"):
        loss(make_masa(), make_batch(ids=[5, -1]))
    assert loss(make_masa(alignment=False), make_batch(ids=[5, -1]))


def test_training_without_the_hook_is_refused(make_masa, make_batch):
    model = make_masa()
    model.key_encoder.steps.zero_()
    assert loss(model.eval(), make_batch())
    before = snapshot(model.alignment.bank)
    with pytest.raises(UserError, match=r"MomentumAlignmentHook.*to custom_hooks"):
        loss(model.train(), make_batch())
    assert_unchanged(model.alignment.bank, before)


@pytest.mark.parametrize("momentum", [0.0, 1.0])
def test_mu_may_be_at_its_ends(make_masa, make_batch, momentum):
    model = make_masa(momentum=momentum).train()
    weights = dict(model.key_encoder.module.named_parameters())
    expected = weights if momentum == 1 else dict(model.query_branch().named_parameters())
    expected = {name: value.clone() for name, value in expected.items()}
    model.update_key_encoder()
    for name, value in expected.items():
        torch.testing.assert_close(weights[name], value)


def test_several_views_are_refused(make_masa, make_batch):
    inputs, samples = make_batch()
    inputs["keypoint"] = inputs["keypoint"].repeat(1, 2, 1, 1, 1, 1)
    with pytest.raises(ValueError, match="num_clips=1"):
        make_masa()(inputs, samples, mode="loss")


def test_only_training_fills_the_bank(make_masa, make_batch):
    model, batch = make_masa(), make_batch()
    before = snapshot(model.alignment.bank)
    loss(model.eval(), batch)
    assert_unchanged(model.alignment.bank, before)
    loss(model.train(), batch)
    bank = model.alignment.bank
    assert bank.clip_ids[:2].tolist() == batch[1].clip_ids.tolist()
    assert int(bank.pointer) == 2
    assert bank.keys[:2].equal(key_of(model, batch[0]))


def test_the_batch_in_hand_is_not_its_own_negative(make_masa, make_batch):
    """Keys enter the bank after the loss: the first batch has no negatives."""
    losses = loss(make_masa().train(), make_batch())
    assert losses["loss_align"].item() == 0
    assert losses["align_acc"].item() == 1


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), training=st.booleans())
def test_masked_joints_are_in_no_loss(make_masa, make_batch, seed, training):
    """The decoder's targets come with the batch; the poses behind the mask are not read."""
    model = make_masa().train(training)
    model.alignment.bank.enqueue(torch.randn(5, 8), torch.arange(5))
    twin = deepcopy(model)
    inputs, samples = make_batch(seed=seed)
    losses = model(inputs, samples, mode="loss")
    hidden = joints_of_parts(inputs["frame_mask"])[:, None, None]
    score = inputs["keypoint"][..., 2]
    absent_or_hidden = (hidden & (score > 0))[..., None] & torch.tensor([True, True, False])
    changed = inputs | dict(keypoint=torch.where(absent_or_hidden, torch.nan, inputs["keypoint"]))
    for name, value in twin(changed, samples, mode="loss").items():
        assert value.equal(losses[name]), name


def test_losses_do_not_depend_on_padding(make_masa, make_batch):
    model = make_masa().eval()
    model.alignment.bank.enqueue(torch.randn(5, 8), torch.arange(5))
    (inputs, samples), long = make_batch(), {}
    for name, value in inputs.items():
        axis = 3 if name.endswith("keypoint") else 1
        shape = list(value.shape)
        shape[axis] = 4
        fill = -1 if name.endswith("inds") else 0
        long[name] = torch.cat([value, value.new_full(shape, fill)], axis)
    expected, found = loss(model, (inputs, samples)), loss(model, (long, samples))
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_a_batch_with_nothing_masked_works(make_masa, make_batch, training):
    model = make_masa().train(training)
    batch = make_batch(masked=torch.zeros(2, 9, dtype=torch.bool))
    losses = loss(model, batch)
    assert losses["loss_motion"].item() == 0
    assert losses["masked_share"].item() == 0
    model.parse_losses(losses)[0].backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.requires_grad)


def test_masked_share_counts_present_parts_only(make_masa, make_batch):
    inputs, samples = make_batch(masked=torch.tensor([[False, True, False] * 3] * 2))
    inputs["keypoint"][..., 42:, :] = 0
    losses = make_masa()(inputs, samples, mode="loss")
    assert losses["masked_share"].item() == pytest.approx((3 + 2) / (9 + 6))


def test_the_key_view_passes_the_momentum_copy(make_masa, make_batch):
    """Moving the query branch moves the query, not the key."""
    model = make_masa().eval()
    inputs, _ = make_batch()
    key = key_of(model, inputs)
    for parameter in (*model.backbone.parameters(), *model.alignment.projector.parameters()):
        parameter.data.add_(0.1)
    assert key_of(model, inputs).equal(key)
    for parameter in model.key_encoder.parameters():
        parameter.data.add_(0.1)
    assert not torch.allclose(key_of(model, inputs), key, atol=1e-3)


def test_query_and_key_of_one_view_agree_when_the_branches_do(make_masa, make_batch):
    model = make_masa().eval()
    model.key_encoder.steps.zero_()
    model.update_key_encoder()
    inputs, _ = make_batch(masked=torch.zeros(2, 9, dtype=torch.bool))
    inputs["key_keypoint"], inputs["key_frame_inds"] = inputs["keypoint"], inputs["frame_inds"]
    latent, seen = model.forward_encoder(inputs, plan_batch(inputs))
    query = model.alignment.projector(latent, seen)
    torch.testing.assert_close(query, key_of(model, inputs), atol=1e-5, rtol=1e-5)


def test_extract_feat_encodes_whole_clips(make_masa, make_batch):
    model = make_masa().eval()
    inputs, _ = make_batch()
    features, _ = model.extract_feat(inputs)
    assert features.shape == (2, 1, 16, 9, 3)
    assert features.equal(model.backbone(inputs["keypoint"][:, 0]))
    assert model(inputs, mode="tensor").equal(features)


def test_runs_under_bfloat16_autocast(make_masa, make_batch):
    model, batch = make_masa().train(), make_batch()
    for _ in range(2):
        with torch.autocast("cpu", torch.bfloat16):
            losses = loss(model, batch)
        model.parse_losses(losses)[0].backward()
    assert losses["loss_motion"].dtype == losses["loss_align"].dtype == torch.float32


def test_trains_in_double_precision(make_masa, make_batch):
    model, (inputs, samples) = make_masa().double().train(), make_batch()
    inputs = {n: v.double() if v.dtype == torch.float32 else v for n, v in inputs.items()}
    for _ in range(2):
        assert model(inputs, samples, mode="loss")["loss_motion"].isfinite()
        model.update_key_encoder()


def test_joints_of_parts_by_hand():
    spread = joints_of_parts(torch.tensor([[1, 2, 3]]))
    assert spread.tolist() == [[1] * 21 + [2] * 21 + [3] * 7]


@pytest.mark.parametrize("encoder", ["MASAEncoder", "MaskTokenEncoder"])
def test_the_key_view_may_have_a_mask_of_its_own(make_masa, make_batch, encoder):
    backbone = dict(make_masa.config["backbone"], type=encoder)
    model = make_masa(backbone=backbone).eval()
    inputs, _ = make_batch()
    key = key_of(model, inputs)
    mask = torch.zeros(*inputs["key_keypoint"].shape[0::3][:2], 3, dtype=torch.bool)
    assert key_of(model, inputs | dict(key_frame_mask=mask)).equal(key)
    mask[:, 1, 0] = True
    masked = inputs | dict(key_frame_mask=mask)
    found = key_of(model, masked)
    assert not torch.allclose(found, key, atol=1e-4)
    if encoder == "MASAEncoder":
        hidden = inputs["key_keypoint"].clone()
        hidden[:, :, :, 1, :21] = torch.nan
        assert key_of(model, masked | dict(key_keypoint=hidden)).equal(found)


def test_statistics_of_the_momentum_copy_are_averaged_but_for_the_reference(make_masa, make_batch):
    for own in (False, True):
        model = make_masa(type="ReferenceMASA" if own else "MASA").train()
        assert model.key_encoder.module.training == own
        before = snapshot(model.key_encoder.module)
        key_of(model, make_batch()[0])
        after = model.key_encoder.module.state_dict()
        moved = {name for name, value in before.items() if not value.equal(after[name])}
        assert bool(moved) == own
        assert all("running" in name or "num_batches" in name for name in moved)


def test_recognises_nothing(make_masa, make_batch):
    inputs, samples = make_batch()
    with pytest.raises(UserError, match="knows no classes: finetune it"):
        make_masa().test_step(dict(inputs=inputs, data_samples=samples))


# With the real transforms

PIPELINE = [
    dict(type="SampleSignFrames", clip_len=24, mode="random", short="keep"),
    dict(type="AlignmentViews", key=[dict(type="RandomFrameView", keep_ratio=0.5)]),
    dict(type="MotionResidual", intervals=(3,)),
    dict(type="MotionAwareMasking"),
    dict(type="PackSignInputs"),
]


def random_clip(frames, seed, step_px=4.0, missing=()):
    """A random walk of 49 joints as a dataset gives it, some of them undetected."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, step_px / 256, (1, frames, 49, 2))
    score = rng.uniform(0.2, 1, (1, frames, 49))
    score[rng.random(score.shape) < 0.1] = 0
    for joints in missing:
        score[:, :, joints] = 0
    keypoint = (rng.uniform(0.3, 0.7, (1, 1, 49, 2)) + steps.cumsum(1)) * (score > 0)[..., None]
    return dict(
        keypoint=keypoint.astype(np.float32),
        keypoint_score=score.astype(np.float32),
        total_frames=frames,
        label=seed % 5,
        clip_id=seed,
        frame_dir=f"clip{seed}",
        layout="sign49",
        img_shape=(1, 1),
    )


def real_batch(clips, pipeline=PIPELINE):
    transform = Compose([TRANSFORMS.build(step) for step in pipeline])
    return pad_clips([transform(clip) for clip in clips])


def changed(pipeline, transform, **arguments):
    return [step | arguments if step["type"] == transform else step for step in pipeline]


@pytest.mark.parametrize(
    "pipeline, intervals",
    [
        (PIPELINE, 1),
        (
            changed(
                PIPELINE, "MotionAwareMasking", type="ReferenceMotionAwareMasking", level="part"
            ),
            1,
        ),
        (changed(PIPELINE, "MotionAwareMasking", strategy="random"), 1),
        (changed(PIPELINE, "MotionResidual", intervals=(1, 3, 6)), 3),
    ],
    ids=["frame", "part", "random", "three intervals"],
)
def test_batches_of_the_real_transforms_train(make_masa, pipeline, intervals):
    np.random.seed(0)
    hands, body = (slice(0, 42),), (slice(42, 49),)
    clips = [
        random_clip(40, 0),
        random_clip(1, 1),
        random_clip(2, 2),
        random_clip(4, 3, missing=body),
        random_clip(30, 4, missing=hands),
        random_clip(30, 5, step_px=0),
    ]
    model = make_masa().train()
    if intervals > 1:
        model.decoder.num_intervals = intervals
        model.decoder.predictor[-1] = nn.Linear(16, 49 * intervals * 2)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    for _ in range(3):
        data = model.data_preprocessor(real_batch(deepcopy(clips), pipeline), training=True)
        total, logged = model.parse_losses(model(**data, mode="loss"))
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        model.update_key_encoder()
    assert logged["loss"].isfinite()
    assert logged["masked_share"] > 0
    assert int(model.alignment.bank.pointer) == 3 * len(clips) % 10


@settings(max_examples=15, deadline=None)
@given(lengths=st.lists(st.integers(1, 7), min_size=1, max_size=3), seed=st.integers(0, 1000))
def test_very_short_clips_train(make_masa, lengths, seed):
    np.random.seed(seed)
    model = make_masa().train()
    batch = real_batch([random_clip(n, seed + i) for i, n in enumerate(lengths)])
    losses = model(**model.data_preprocessor(batch), mode="loss")
    model.parse_losses(losses)[0].backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.requires_grad)


# In two processes


@pytest.fixture(scope="module")
def cases(make_masa, make_batch):
    """By name: a model with keys in its bank, and a batch for two processes to share."""
    lengths, one_frame = (9, 6, 8, 4), torch.zeros(4, 9, dtype=torch.bool)
    one_frame[2, 3] = True
    batches = dict(
        many_masked=make_batch(lengths),
        one_masked=make_batch(lengths, masked=one_frame),
        uneven=make_batch((*lengths, 5)),
        broken=make_batch(lengths),
    )
    batches["broken"][0]["keypoint"][1, ..., 0, :5, :2] = torch.nan
    model = make_masa()
    model.alignment.bank.enqueue(torch.randn(9, 8), torch.arange(9))
    return {name: (deepcopy(model), batch) for name, batch in batches.items()}


@pytest.fixture(scope="module")
def halves(cases, tmp_path_factory):
    """By name of the case: what each of two gloo processes found for its half of the batch."""
    folder = tmp_path_factory.mktemp("two")
    for name, (model, (inputs, samples)) in cases.items():
        case = dict(model=model, inputs=inputs, labels=samples.labels, clip_ids=samples.clip_ids)
        torch.save(case, folder / f"{name}.case")
    script, root = ROOT / "tests/toys/one_of_two.py", ROOT
    processes = [
        subprocess.Popen(
            [sys.executable, str(script), str(folder), str(rank)],
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)},
        )
        for rank in range(2)
    ]
    try:
        assert [process.wait(timeout=180) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    return {name: [torch.load(folder / f"{name}.{rank}") for rank in range(2)] for name in cases}


@pytest.mark.parametrize("case", ["many_masked", "one_masked", "uneven"])
def test_two_processes_give_the_loss_gradient_and_bank_of_one(cases, halves, case):
    model, batch = deepcopy(cases[case])
    first, second = halves[case]
    losses = loss(model.eval(), batch)
    assert losses["loss_motion"] > 0 and losses["loss_align"] > 0
    model.parse_losses(losses)[0].backward()
    for name in ("loss_motion", "loss_align"):
        mean = (first["losses"][name] + second["losses"][name]) / 2
        torch.testing.assert_close(mean, losses[name].detach(), atol=1e-5, rtol=1e-5)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            # What DistributedDataParallel makes of the two.
            mean = (first["gradients"][name] + second["gradients"][name]) / 2
            torch.testing.assert_close(mean, parameter.grad, atol=1e-5, rtol=1e-4)

    loss(model.train(), batch)
    bank = model.alignment.bank
    for half in (first, second):
        assert half["bank"]["pointer"].equal(bank.pointer)
        assert sorted(half["bank"]["clip_ids"].tolist()) == sorted(bank.clip_ids.tolist())
        assert half["bank"]["keys"].equal(first["bank"]["keys"])


def test_a_bad_batch_in_one_process_stops_both(cases, halves):
    before = cases["broken"][0].alignment.bank.state_dict()
    for half in halves["broken"]:
        assert "not finite" in half["error"]
        for name, value in half["bank"].items():
            assert value.equal(before[name])
