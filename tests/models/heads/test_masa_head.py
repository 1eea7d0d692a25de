"""MASAHead: pooling over real frames, and losses that are torch's."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmaction.structures import ActionDataSample
from torch.nn import functional as F

from masa_mm.models import MASAHead
from masa_mm.structures import SignDataSamples


def make(num_classes=7, pooling="average", **changes):
    torch.manual_seed(0)
    head = MASAHead(num_classes, in_channels=4, pooling=pooling, **changes).eval()
    for parameter in head.parameters():
        parameter.data.normal_()
    return head


def features(clips=3, frames=5, people=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(clips, people, 4, frames, 3, generator=generator)
    valid = torch.rand(clips, people, frames, generator=generator) < 0.6
    valid[:, :, 0] = True
    return x, valid


def loop_average(head, x, valid):
    """Mean over the valid frames of the parts side by side, then the classifier."""
    rows = []
    for clip in range(len(x)):
        people = []
        for person in range(x.shape[1]):
            seen = [t for t in range(x.shape[3]) if valid[clip, person, t]]
            rows_of_frames = [torch.cat([x[clip, person, :, t, p] for p in range(3)]) for t in seen]
            people.append(sum(rows_of_frames) / len(seen))
        rows.append(head.fc.weight @ (sum(people) / len(people)) + head.fc.bias)
    return torch.stack(rows)


def loop_learned(head, x, valid):
    """Softmax over all hand frames of both hands, another over body frames, and their sum."""

    def pooled(vectors, linear):
        scores = [(linear.weight[0] @ v + linear.bias).item() for v in vectors]
        weights = [math.exp(score - max(scores)) for score in scores]
        return sum(w * v for w, v in zip(weights, vectors)) / sum(weights)

    rows = []
    for clip in range(len(x)):
        seen = [t for t in range(x.shape[3]) if valid[clip, 0, t]]
        hands = [x[clip, 0, :, t, part] for part in (0, 1) for t in seen]
        body = [x[clip, 0, :, t, 2] for t in seen]
        row = pooled(hands, head.pooling.hand_score) + pooled(body, head.pooling.body_score)
        rows.append(head.fc.weight @ row + head.fc.bias)
    return torch.stack(rows)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), people=st.integers(1, 2))
def test_average_pooling_equals_a_loop(seed, people):
    head, (x, valid) = make(), features(seed=seed, people=people)
    torch.testing.assert_close(head(x, valid), loop_average(head, x, valid), atol=1e-5, rtol=1e-4)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_learned_pooling_equals_a_loop(seed):
    head, (x, valid) = make(pooling="learned"), features(seed=seed)
    torch.testing.assert_close(head(x, valid), loop_learned(head, x, valid), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("pooling", ["average", "learned"])
def test_padding_does_not_matter(pooling):
    head, (x, valid) = make(pooling=pooling), features()
    longer = torch.cat([x, torch.randn(3, 1, 4, 6, 3)], 3)
    longer_valid = F.pad(valid, (0, 6), value=False)
    torch.testing.assert_close(head(longer, longer_valid), head(x, valid))


@pytest.mark.parametrize("pooling", ["average", "learned"])
def test_all_frames_count_by_default_and_a_clip_without_any_stays_finite(pooling):
    head, (x, valid) = make(pooling=pooling), features()
    assert head(x).equal(head(x, torch.ones_like(valid)))
    assert head(x, torch.zeros_like(valid)).isfinite().all()


@pytest.mark.parametrize("average_clips", ["prob", "score"])
def test_views_are_averaged_in_testing(average_clips):
    head = make(average_clips=average_clips)
    x, valid = features(clips=6)
    samples = SignDataSamples(labels=torch.tensor([1, 2]))
    with torch.no_grad():
        scores = head(x, valid).view(2, 3, 7)
        predictions = head.predict(x, samples, frame_valid=valid)
    expected = scores.softmax(2).mean(1) if average_clips == "prob" else scores.mean(1)
    for prediction, row in zip(predictions, expected):
        torch.testing.assert_close(prediction.pred_score, row)
        assert prediction.pred_label.item() == row.argmax().item()


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("batch", [1, 3, 7])
def test_loss_is_torchs_cross_entropy(smoothing, batch):
    """7 clips of 7 classes too, where labels and soft labels could be taken for each other."""
    head = make(label_smooth_eps=smoothing)
    scores, labels = torch.randn(batch, 7), torch.arange(batch) % 7
    found = head.loss_by_feat(scores, SignDataSamples(labels=labels))["loss_cls"]
    expected = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)(scores, labels)
    torch.testing.assert_close(found, expected)


def test_top_k_accuracies_by_hand():
    scores = torch.tensor([[3.0, 2, 1, 0], [3, 2, 1, 0], [3, 2, 1, 0], [3, 2, 1, 0]])
    labels = SignDataSamples(labels=torch.tensor([0, 1, 2, 3]))
    losses = make(4, topk=(1, 2, 3)).loss_by_feat(scores, labels)
    found = [losses[f"top{k}_acc"].item() for k in (1, 2, 3)]
    assert found == pytest.approx([0.25, 0.5, 0.75])


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_a_collapsed_network_is_not_right(value):
    labels = SignDataSamples(labels=torch.tensor([0, 1]))
    losses = make().loss_by_feat(torch.full((2, 7), value), labels)
    assert losses["top1_acc"].item() == 0
    assert losses["top5_acc"].item() == 0


def test_views_share_their_clips_label_in_training():
    scores, labels = torch.randn(6, 7), torch.tensor([1, 5])
    found = make().loss_by_feat(scores, SignDataSamples(labels=labels))["loss_cls"]
    expected = F.cross_entropy(scores, torch.tensor([1, 1, 1, 5, 5, 5]))
    torch.testing.assert_close(found, expected)


def test_takes_mmactions_samples_as_well():
    head, (x, valid) = make(), features()
    labels = torch.tensor([1, 5, 0])
    samples = [ActionDataSample().set_gt_label(int(label)) for label in labels]
    one_by_one = head.loss(x, samples, frame_valid=valid)
    batched = head.loss(x, SignDataSamples(labels=labels), frame_valid=valid)
    assert one_by_one.keys() == batched.keys()
    assert all(one_by_one[name].equal(batched[name]) for name in batched)
    assert [sample.pred_score.shape for sample in head.predict(x, samples)] == [(7,)] * 3


def test_an_unlabelled_clip_is_refused():
    with pytest.raises(ValueError, match="1 of 2 clips of the batch have no label"):
        make().loss_by_feat(torch.randn(2, 7), SignDataSamples(labels=torch.tensor([3, -1])))


def test_a_label_the_head_does_not_know_is_refused():
    with pytest.raises(ValueError, match=r"label 7 .* num_classes=7"):
        make().loss_by_feat(torch.randn(2, 7), SignDataSamples(labels=torch.tensor([3, 7])))


def test_an_unknown_pooling_is_named():
    with pytest.raises(ValueError, match="'max'"):
        make(pooling="max")


def test_learned_pooling_wants_the_three_parts():
    with pytest.raises(ValueError, match="17"):
        make(pooling="learned", num_parts=17)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_labels_are_not_read_from_the_device(smoothing):
    """'meta' has shapes but no numbers: what is wrong is known from where the batch was made."""
    head = make(label_smooth_eps=smoothing).to("meta")
    scores = torch.randn(2, 7, device="meta")
    samples = SignDataSamples(labels=torch.tensor([3, 6])).to("meta")
    assert head.loss_by_feat(scores, samples)["loss_cls"].is_meta
    for labels, message in (([3, -1], "1 of 2 clips"), ([3, 7], "label 7 in a batch")):
        samples = SignDataSamples(labels=torch.tensor(labels)).to("meta")
        with pytest.raises(ValueError, match=message):
            head.loss_by_feat(scores, samples)
