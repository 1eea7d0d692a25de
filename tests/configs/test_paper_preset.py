"""The paper preset does what the paper says: arXiv 2405.20666, sections III and IV-A.

Each test builds what the configs describe, at a small width, and compares what it does with the
paper's rule written out. A config value or a component that changes makes one of them fail.
"""

import math
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
import torch
from mmaction.registry import HOOKS, MODELS, TRANSFORMS
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, init_default_scope

from masa_mm.datasets.collate import pad_clips
from masa_mm.frame_plan import plan_batch
from masa_mm.models.layers.packing import unpack_frames

from toys.paths import ROOT

PARTS = (slice(0, 21), slice(21, 42), slice(42, 49))
PRETRAINING = [
    "masa_pretrain_paper_wlasl.py",
    "masa_pretrain_paper_all.py",
    "masa_pretrain_wlasl.py",
    "masa_pretrain_all.py",
]
FINETUNING = [
    "masa_finetune_paper_wlasl100.py",
    *(f"masa_finetune_wlasl{size}.py" for size in (100, 300, 2000)),
    *(f"masa_finetune_msasl{size}.py" for size in (100, 200, 1000)),
    "masa_finetune_nmfs_csl.py",
    "masa_finetune_slr500.py",
    *(f"masa_finetune_reference_wlasl{size}.py" for size in (100, 300, 2000)),
]


def load(name):
    cfg = Config.fromfile(ROOT / "configs" / name)
    init_default_scope(cfg.default_scope)
    return cfg


@pytest.fixture(scope="module")
def paper():
    return load("masa_pretrain_paper_wlasl.py")


@pytest.fixture(scope="module", params=PRETRAINING)
def pretraining(request):
    return load(request.param)


@pytest.fixture(params=FINETUNING)
def finetuning(request):
    return load(request.param)


def sign_clip(frames=40, seed=0, step_px=2.6):
    """A random walk in part coordinates of which about half of the frames move enough."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, step_px / 256, (1, frames, 49, 2))
    keypoint = rng.uniform(0.3, 0.7, (1, 1, 49, 2)) + steps.cumsum(axis=1)
    score = rng.uniform(0.2, 1, (1, frames, 49))
    return dict(
        keypoint=keypoint.astype(np.float32),
        keypoint_score=score.astype(np.float32),
        total_frames=frames,
        frame_dir=f"clip_{seed}",
        clip_id=seed,
        label=seed,
    )


def packed(cfg, **changes):
    pipeline = Compose([TRANSFORMS.build(step) for step in cfg.train_pipeline])
    return pipeline(sign_clip(**changes))


def small(model):
    """The model's config at a width for tests; everything but widths stays."""
    model = model.copy()
    layers = dict(num_heads=4, feedforward_channels=32)
    model.backbone.update(embed_dims=16, channels=(8, 8), sub_part_channels=(16,), **layers)
    if "decoder" in model:
        model.decoder.update(in_channels=48, predictor_channels=16, **layers)
        model.alignment.update(in_channels=48, hidden_channels=16)
    if "cls_head" in model:
        model.backbone.pop("init_cfg")
        model.cls_head.in_channels = 16
    torch.manual_seed(0)
    return MODELS.build(model)


@pytest.fixture(scope="module")
def model(paper):
    """Built by the paper preset, its weights moved off their start and its key branch apart."""
    model = small(paper.model)
    model.update_key_encoder()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    return model.eval()


@pytest.fixture
def batch(paper):
    """A batch whose first clip has masked frames, and visible ones."""
    np.random.seed(0)
    batch = pad_clips([packed(paper, seed=seed, frames=30 + 5 * seed) for seed in range(3)])
    assert batch["inputs"]["frame_mask"][0].any() and not batch["inputs"]["frame_mask"][0].all()
    return batch


# ---- III-B: the motion-aware masked autoencoder --------------------------------------------------


def loop_candidates(clip):
    """Frames of which more than half of the joints confident at both ends move over 5 pixels."""
    x, r = clip["keypoint"][0].astype(float) * 256, clip["keypoint_score"][0]
    found = []
    for t in range(len(x) - 3):
        moves = [
            np.linalg.norm(x[t + 3, v] - x[t, v]) > 5
            for v in range(49)
            if min(r[t, v], r[t + 3, v]) >= np.float32(0.4)
        ]
        if moves and sum(moves) / len(moves) > 0.5:
            found.append(t)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_masks_nine_of_ten_moving_frames_whole(pretraining, seed):
    candidates = loop_candidates(sign_clip(seed=seed))
    assert 5 < len(candidates) < 35
    mask = packed(pretraining, seed=seed)["inputs"]["frame_mask"]
    assert (mask == mask[:, :1]).all(), "a frame is masked with all its parts or not at all"
    masked = np.flatnonzero(mask[:, 0])
    assert set(masked) <= set(candidates) and len(masked) == round(0.9 * len(candidates))


def test_the_motion_is_signed_and_weighted_by_both_confidences(pretraining):
    clip = sign_clip()
    inputs = packed(pretraining)["inputs"]
    x, r = clip["keypoint"][0].astype(float) * 256, clip["keypoint_score"][0].astype(float)
    confidence = np.where(r >= np.float32(0.4), r, 0)
    motion, weight = np.zeros((40, 49, 1, 2)), np.zeros((40, 49, 1))
    motion[:-3, :, 0] = x[3:] - x[:-3]
    weight[:-3, :, 0] = confidence[:-3] * confidence[3:]
    np.testing.assert_allclose(inputs["motion"], motion, atol=1e-3)
    np.testing.assert_allclose(inputs["motion_weight"], weight, rtol=1e-5)


def test_the_encoder_computes_visible_frames_only(model, batch):
    inputs = batch["inputs"]
    rows = []
    hook = model.backbone.hand_network.register_forward_pre_hook(
        lambda module, arguments: rows.append(len(arguments[0]))
    )
    latent, _ = model.forward_encoder(inputs, plan_batch(inputs))
    hook.remove()
    mask = inputs["frame_mask"]
    score = inputs["keypoint"][:, 0, 0, ..., 2]
    shown = [(score[..., hand] > 0).any(-1) & ~mask[..., 0] for hand in PARTS[:2]]
    assert rows == [sum(int(frames.sum()) for frames in shown)]
    assert not latent[mask[..., 0]].any()
    # Whatever stands in a masked frame, nothing of it reaches the visible ones.
    changed = inputs["keypoint"].clone()
    changed[:, 0, 0][mask[..., 0]] = torch.rand(int(mask[..., 0].sum()), 49, 3)
    for mode in (False, True):
        model.train(mode)
        views = inputs, {**inputs, "keypoint": changed}
        before, after = (model.forward_encoder(view, plan_batch(view))[0] for view in views)
        assert before.equal(after)
    model.eval()


def test_the_decoder_fills_the_gaps_with_one_learned_token(model, batch):
    inputs = batch["inputs"]
    plan = plan_batch(inputs)
    latent, seen = model.forward_encoder(inputs, plan)
    transformer = model.decoder.transformer
    with mock.patch.object(transformer, "encode_rows", wraps=transformer.encode_rows) as spy:
        model.forward_decoder(latent, plan)
    frames = unpack_frames(spy.call_args.args[0], plan.decoder.frames)
    visible = seen.any(-1)
    assert frames[visible].equal(latent[visible])
    hidden = frames[(inputs["keypoint"][:, 0, 0, ..., 2] > 0).any(-1) & ~visible]
    assert len(hidden) and (hidden == model.decoder.mask_token).all()


def test_the_loss_is_the_papers(model, batch):
    """L_m = 1 / |M| sum over masked i of || (y_i - m_i) c_i c_{i+k} ||^2, in crop pixels."""
    inputs = batch["inputs"]
    predicted = 5 * torch.randn(inputs["motion"].shape, generator=torch.Generator().manual_seed(1))
    expected, masked = 0.0, 0
    for n, t in zip(*np.nonzero(inputs["frame_mask"][..., 0].numpy()), strict=True):
        masked += 1
        error = predicted[n, t, :, 0] - inputs["motion"][n, t, :, 0]
        expected += float((error * inputs["motion_weight"][n, t]).double().square().sum())
    found = model.forward_motion_loss(inputs, predicted)["loss_motion"]
    assert float(found) == pytest.approx(expected / masked, rel=1e-5)


# ---- III-C: momentum semantic alignment ----------------------------------------------------------


@pytest.mark.parametrize("frames", [1, 9, 40])
def test_the_key_view_is_half_of_the_frames_in_order(pretraining, frames):
    inputs = packed(pretraining, frames=frames)["inputs"]
    inds = inputs["key_frame_inds"].tolist()
    assert len(inds) == math.ceil(frames / 2) and inds == sorted(set(inds))
    np.testing.assert_array_equal(
        inputs["key_keypoint"][0, 0, ..., :2], sign_clip(frames)["keypoint"][0, inds]
    )
    assert "key_frame_mask" not in inputs, "nothing of it is hidden"


def test_the_key_views_frames_are_drawn_anew(paper):
    draws = {tuple(packed(paper)["inputs"]["key_frame_inds"]) for _ in range(5)}
    assert len(draws) == 5


def test_clips_are_averaged_over_frames(model):
    """The feature of a clip is that of its mean frame, in alignment and in classification."""
    frames = torch.randn(2, 7, 48, generator=torch.Generator().manual_seed(0))
    seen = torch.ones(2, 7, 3, dtype=torch.bool)
    seen[1, 4:] = False
    mean = torch.stack([frames[0].mean(0), frames[1, :4].mean(0)])[:, None]
    projector = model.alignment.projector
    feature = projector(frames, seen)
    assert tuple(feature.shape) == (2, 128)
    torch.testing.assert_close(feature, projector(mean, seen[:, :1]))
    torch.testing.assert_close(feature.norm(dim=-1), torch.ones(2))


def test_the_momentum_is_0_996(model):
    query = dict(model.query_branch().named_parameters())
    key = dict(model.key_encoder.module.named_parameters())
    before = {name: value.clone() for name, value in key.items()}
    model.update_key_encoder()
    assert key
    for name, value in key.items():
        expected = 0.996 * before[name].double() + 0.004 * query[name].detach().double()
        torch.testing.assert_close(value.double(), expected, rtol=1e-6, atol=1e-7)


def test_the_loss_is_info_nce_against_a_bank_of_6144(model):
    alignment = model.alignment
    generator = torch.Generator().manual_seed(0)

    def unit(rows):
        drawn = torch.randn(rows, 128, generator=generator)
        return torch.nn.functional.normalize(drawn, dim=-1)

    keys = unit(6200)
    for start in range(0, 6200, 62):
        alignment.bank.enqueue(keys[start : start + 62], torch.arange(start, start + 62))
    bank = keys[-6144:].double()  # first in, first out
    query, key = unit(4), unit(4)
    expected = 0.0
    for q, k in zip(query.double(), key.double(), strict=True):
        positive = math.exp(float(q @ k) / 0.07)
        negatives = float((bank @ q / 0.07).exp().sum())
        expected -= math.log(positive / (positive + negatives)) / 4
    # Clips of these numbers are in the bank: the paper makes no exception for them.
    found = alignment(query, key, torch.tensor([6100, 6101, 6102, 6103]))["loss_align"]
    assert float(found) == pytest.approx(0.05 * expected, rel=1e-5)


@pytest.mark.parametrize(("epoch", "share"), [(0, 0), (50, 0.5), (100, 1), (399, 1)])
def test_lambda_rises_to_0_05_over_100_epochs(pretraining, epoch, share):
    (hook,) = pretraining.custom_hooks
    alignment = SimpleNamespace(loss_weight=pretraining.model.alignment.loss_weight, warmup=None)
    runner = SimpleNamespace(
        iter=epoch * 10,
        train_dataloader=range(10),
        model=SimpleNamespace(alignment=alignment),
    )
    HOOKS.build(hook).before_train_iter(runner, 0)
    assert alignment.loss_weight * alignment.warmup == pytest.approx(0.05 * share)


def test_alignment_and_momentum_in_every_config(pretraining):
    alignment = pretraining.model.alignment
    assert (alignment.queue_len, alignment.temperature) == (6144, 0.07)
    assert alignment.out_channels == 128
    assert pretraining.model.momentum == 0.996


# ---- IV-A: sizes and optimisation ----------------------------------------------------------------


def test_has_the_papers_size(pretraining):
    backbone, decoder = pretraining.model.backbone, pretraining.model.decoder
    widths = (decoder.in_channels, pretraining.model.alignment.in_channels)
    assert widths == (1536, 1536) and 3 * backbone.embed_dims == 1536
    assert (backbone.depth, decoder.depth) == (3, 2)


def test_pretrains_by_adamw(pretraining):
    optimizer = build_optim_wrapper(torch.nn.Linear(3, 2), pretraining.optim_wrapper).optimizer
    assert type(optimizer) is torch.optim.AdamW
    weights = [group for group in optimizer.param_groups if group["params"][0].ndim == 2]
    assert [(g["lr"], g["betas"], g["weight_decay"]) for g in weights] == [
        (1e-4, (0.9, 0.95), 1e-4)
    ]
    assert pretraining.train_cfg.max_epochs == 400


def rates(cfg, optimizer, epochs, epoch_length):
    """The learning rate of each iteration as the runner steps it."""
    by_iteration, by_epoch = [], []
    for config in cfg.param_scheduler:
        config = dict(config)
        kind = PARAM_SCHEDULERS.get(config.pop("type"))
        if config.pop("convert_to_iter_based", False):
            by_iteration.append(
                kind.build_iter_from_epoch(optimizer=optimizer, epoch_length=epoch_length, **config)
            )
        else:
            by_epoch.append(kind(optimizer=optimizer, **config))
    found = []
    for _ in range(epochs):
        for _ in range(epoch_length):
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            for scheduler in by_iteration:
                scheduler.step()
        for scheduler in by_epoch:
            scheduler.step()
    return np.array(found)


def test_warms_up_for_20_epochs_and_decays_linearly_to_the_end(pretraining):
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([weight], lr=pretraining.optim_wrapper.optimizer.lr)
    found = rates(pretraining, optimizer, 400, epoch_length=10)
    epoch = np.arange(4000) / 10
    expected = 1e-4 * np.minimum(epoch / 20, (400 - epoch) / 380)
    np.testing.assert_allclose(found, expected, atol=6e-7)
    assert found.max() == pytest.approx(1e-4)


def test_finetunes_by_sgd_in_three_steps(finetuning):
    optimizer = build_optim_wrapper(torch.nn.Linear(3, 2), finetuning.optim_wrapper).optimizer
    assert type(optimizer) is torch.optim.SGD
    (group,) = optimizer.param_groups
    assert (group["lr"], group["momentum"]) == (0.01, 0.9)
    assert finetuning.train_cfg.max_epochs == 60
    found = rates(finetuning, optimizer, 60, epoch_length=2)
    expected = np.repeat([0.01, 0.001, 0.0001], 40)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_finetunes_on_64_clips_of_32_frames(finetuning):
    loaders = finetuning.train_dataloader, finetuning.val_dataloader, finetuning.test_dataloader
    assert loaders[0].batch_size == 64
    train, *others = [
        Compose([TRANSFORMS.build(step) for step in loader.dataset.pipeline]) for loader in loaders
    ]
    starts = set()
    for _ in range(30):
        inds = train(sign_clip(80))["inputs"]["frame_inds"]
        starts.add(int(inds[0]))
        np.testing.assert_array_equal(inds, inds[0] + np.arange(32))
    assert len(starts) > 10, "a random crop in training"
    for pipeline in others:
        inds = pipeline(sign_clip(80))["inputs"]["frame_inds"]
        np.testing.assert_array_equal(inds, np.arange(24, 56), "the centre in testing")


def test_chooses_the_checkpoint_on_val(finetuning):
    assert finetuning.default_hooks.checkpoint.save_best == "sign/top1_pi"
    val, test = finetuning.val_dataloader.dataset, finetuning.test_dataloader.dataset
    assert (val.split, test.split) == ("val", "test")


def test_classifies_the_mean_frame_by_one_linear_layer():
    recognizer = small(load("masa_finetune_paper_wlasl100.py").model)
    head = recognizer.cls_head
    frames = torch.randn(2, 1, 16, 7, 3, generator=torch.Generator().manual_seed(0))
    scores = head(frames, frame_valid=torch.ones(2, 1, 7, dtype=torch.bool))
    torch.testing.assert_close(scores, head(frames.mean(3, keepdim=True)))
    doubled, zero = head(2 * frames), head(0 * frames)
    torch.testing.assert_close(doubled - zero, 2 * (scores - zero))
