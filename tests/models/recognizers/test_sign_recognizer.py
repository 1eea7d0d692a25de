"""SignRecognizer: the head knows which frames are real."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.errors import UserError
from masa_mm.frame_plan import pack_plan, plan_recognition
from masa_mm.models import SignDataPreprocessor
from masa_mm.structures import SignDataSamples


def test_predictions_do_not_depend_on_padding(make_recognizer, make_poses):
    model = make_recognizer().eval()
    short, long = make_poses((9, 6)), make_poses((9, 6), padded_to=15)
    long[:, :, :9] = short
    with torch.no_grad():
        expected, _ = model.extract_feat(short[:, None], stage="head")
        found, _ = model.extract_feat(long[:, None], stage="head")
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_takes_batches_of_pad_clips_by_default(make_recognizer):
    model = make_recognizer(data_preprocessor=None)
    assert isinstance(model.data_preprocessor, SignDataPreprocessor)


def test_views_are_averaged(make_recognizer, make_poses):
    model = make_recognizer().eval()
    views = make_poses((9, 9, 9, 9)).unflatten(0, (2, 2))
    samples = SignDataSamples(labels=torch.tensor([0, 1]))
    with torch.no_grad():
        predictions = model(views, samples, mode="predict")
        each = [model.extract_feat(views[:, [i]], stage="head")[0].softmax(1) for i in range(2)]
    for clip in range(2):
        expected = (each[0][clip] + each[1][clip]) / 2
        torch.testing.assert_close(predictions[clip].pred_score, expected, atol=1e-5, rtol=1e-5)


@settings(max_examples=10, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    num_views=st.integers(1, 4),
    average=st.sampled_from(["prob", "score"]),
)
def test_all_views_of_a_batch_take_one_forward(
    make_recognizer, make_poses, lengths, num_views, average
):
    """Against a loop over clips and views, each alone and without padding, in double precision."""
    model = make_recognizer(head=dict(average_clips=average)).eval().double()
    views = [make_poses(lengths, seed=seed).double() for seed in range(num_views)]
    forwards = []
    handle = model.backbone.register_forward_hook(lambda *_: forwards.append(1))
    samples = SignDataSamples(labels=torch.zeros(len(lengths), dtype=torch.long))
    with torch.no_grad():
        predictions = model(torch.stack(views, 1), samples, mode="predict")
        handle.remove()
        for clip, length in enumerate(lengths):
            alone = [view[clip, None, None, :, :length] for view in views]
            scores = [model.extract_feat(one, stage="head")[0][0] for one in alone]
            if average == "prob":
                scores = [score.softmax(0) for score in scores]
            torch.testing.assert_close(predictions[clip].pred_score, sum(scores) / num_views)
    assert len(forwards) == 1


def test_says_which_frames_are_real(make_recognizer, make_poses):
    poses = make_poses((9, 6))
    features, extra = make_recognizer().extract_feat(poses[:, None])
    assert features.shape == (2, 1, 16, 9, 3)
    assert extra["frame_valid"].sum(-1).flatten().tolist() == [9, 6]


def test_says_which_parts_the_frames_show(make_recognizer, make_poses):
    poses = make_poses((9, 6))
    poses[0, :, 4, :21] = 0
    _, extra = make_recognizer().extract_feat(poses[:, None])
    assert extra["part_valid"].sum((1, 2)).tolist() == [[8, 9, 9], [6, 6, 6]]


def test_learned_pooling_leaves_an_absent_hand_out(make_recognizer, make_poses):
    """Its place in the encoder's frames is not empty: frames attend to one another."""
    model = make_recognizer(head=dict(pooling="learned")).eval()
    features, extra = model.extract_feat(make_poses((9, 6), missing=("left_hand",))[:, None])
    changed = features.clone()
    changed[..., 1] += 1
    assert model.cls_head(changed, **extra).equal(model.cls_head(features, **extra))
    changed[..., 0] += 1
    assert not model.cls_head(changed, **extra).equal(model.cls_head(features, **extra))


@pytest.mark.parametrize("pooling", ["average", "learned"])
def test_trains(make_recognizer, make_poses, pooling):
    model = make_recognizer(head=dict(pooling=pooling))
    samples = SignDataSamples(labels=torch.tensor([2, 5]))
    data = model.data_preprocessor(
        dict(inputs=dict(keypoint=make_poses((9, 6))[:, None]), data_samples=samples)
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    losses = []
    for _ in range(12):
        loss = model(**data, mode="loss")["loss_cls"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


def test_a_frozen_encoder_trains_the_head_alone(make_recognizer, make_poses):
    model = make_recognizer(backbone=dict(frozen=True)).train()
    before = {n: v.clone() for n, v in model.backbone.state_dict().items()}
    samples = SignDataSamples(labels=torch.tensor([2, 5]))
    model(make_poses((9, 6))[:, None], samples, mode="loss")["loss_cls"].backward()
    assert all(p.grad is None for p in model.backbone.parameters())
    assert all(p.grad is not None for p in model.cls_head.parameters())
    assert all(v.equal(before[n]) for n, v in model.backbone.state_dict().items())


def test_takes_the_plan_of_a_batch(make_recognizer, make_poses):
    """Several views and clips of unlike length: trained and predicted as without the plan."""
    model = make_recognizer().eval()
    keypoint = make_poses((9, 6, 4, 2)).unflatten(0, (2, 2))
    samples = SignDataSamples(labels=torch.tensor([0, 1]))
    found = []
    for plan in ({}, dict(plan=pack_plan(plan_recognition(keypoint)))):
        inputs = dict(keypoint=keypoint, **plan)
        data = model.data_preprocessor(dict(inputs=inputs, data_samples=samples))
        loss = model(**data, mode="loss")["loss_cls"]
        found.append([loss, *(sample.pred_score for sample in model(**data, mode="predict"))])
    assert all(one.equal(other) for one, other in zip(*found, strict=True))


@pytest.mark.parametrize("deferred", [True, False])
def test_a_loss_that_is_not_finite_stops_training(make_recognizer, make_poses, deferred):
    model = make_recognizer().train()
    assert model.finite_check.deferred
    model.finite_check.deferred = deferred
    samples = SignDataSamples(labels=torch.tensor([2, 5]))
    good, bad = make_poses((9, 6))[:, None], make_poses((9, 6))[:, None]
    bad[0, 0, 0, 3, :, :2] = float("nan")
    model(good, samples, mode="loss")
    with pytest.raises(FloatingPointError, match="loss_cls is not finite"):
        model(bad, samples, mode="loss")
        model(good, samples, mode="loss")


def test_training_without_a_head_names_it(make_recognizer, make_poses):
    model = make_recognizer()
    del model.cls_head
    with pytest.raises(UserError, match="needs cls_head"):
        model(make_poses((9,))[:, None], SignDataSamples(labels=torch.tensor([2])), mode="loss")
