"""SignDataSamples goes through everything that MMAction2 and mmengine do to a batch's samples."""

import pickle
from collections.abc import Sequence

import pytest
import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.model import BaseDataPreprocessor
from torch.utils.data._utils.pin_memory import pin_memory

from masa_mm.structures import SignDataSamples


@pytest.fixture
def batch():
    return SignDataSamples(
        labels=torch.tensor([4, 0, 2]),
        clip_ids=torch.tensor([2**62 + 1, 7, 8]),
        metas=[dict(frame_dir=f"clip_{i}", signer=i) for i in range(3)],
    )


def facts(samples):
    return [(s.frame_dir, s.signer, s.clip_id, s.gt_label.tolist()) for s in samples]


FACTS = [
    ("clip_0", 0, 2**62 + 1, [4]),
    ("clip_1", 1, 7, [0]),
    ("clip_2", 2, 8, [2]),
]


def test_is_a_sequence_of_samples(batch):
    assert isinstance(batch, Sequence) and len(batch) == 3
    assert facts(batch) == FACTS
    assert facts([batch[-1]]) == FACTS[2:] and facts(batch[:2]) == FACTS[:2]
    with pytest.raises(IndexError):
        batch[3]


def test_labels_alone_are_enough():
    batch = SignDataSamples(labels=torch.tensor([1, 2]))
    assert [(s.clip_id, int(s.gt_label)) for s in batch] == [(-1, 1), (-1, 2)]


def test_samples_are_made_once(batch):
    batch[1].set_pred_score(torch.ones(5))
    assert batch[1].pred_score.tolist() == [1] * 5
    assert all(batch[i] is sample for i, sample in enumerate(batch))


def test_two_batches_share_nothing(batch):
    other = SignDataSamples(labels=batch.labels, clip_ids=batch.clip_ids, metas=batch.metas)
    batch[0].set_pred_score(torch.ones(5))
    assert "pred_score" not in other[0] and "num_classes" not in batch.metas[0]


@pytest.mark.parametrize("used", [False, True])
def test_pickling_from_worker_to_main_process(batch, used):
    if used:
        batch[0].set_pred_score(torch.ones(2))
    back = pickle.loads(pickle.dumps(batch))
    assert facts(back) == FACTS
    assert hasattr(back[0], "pred_score") == used


def test_what_checks_need_is_known_before_the_batch_leaves_the_host(batch):
    def known(samples):
        return samples.num_without_id, samples.num_unlabelled, samples.max_label

    assert known(batch) == (0, 0, 4)
    samples = SignDataSamples(labels=torch.tensor([7, -1, 3]), clip_ids=torch.tensor([3, -1, -1]))
    cast = BaseDataPreprocessor().cast_data(samples)
    for same in (samples, samples.to("meta"), pickle.loads(pickle.dumps(samples)), cast):
        assert known(same) == (2, 1, 7)
    assert known(SignDataSamples(labels=torch.tensor([-1]))) == (1, 1, -1)
    assert known(SignDataSamples([])) == (0, 0, -1)


def test_to_moves_every_tensor(batch):
    batch[0].set_pred_score(torch.ones(2))
    moved = batch.to("meta", non_blocking=True)
    assert moved.labels.device.type == moved.clip_ids.device.type == "meta"
    assert moved[0].gt_label.device.type == moved[0].pred_score.device.type == "meta"
    assert batch.labels.device.type == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="page-locked memory needs CUDA")
def test_pinned_tensors(batch):
    pinned = pin_memory(dict(data_samples=batch))["data_samples"]
    assert pinned.labels.is_pinned() and pinned.clip_ids.is_pinned()
    assert facts(pinned) == FACTS


def test_torchs_pinning_asks_the_batch_itself(batch, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor.clone())
    pinned = pin_memory(dict(data_samples=batch))["data_samples"]
    assert isinstance(pinned, SignDataSamples) and facts(pinned) == FACTS
    assert pinned.labels is not batch.labels


def test_mmengines_own_preprocessor_casts_it(batch):
    cast = BaseDataPreprocessor().cast_data(dict(data_samples=batch))["data_samples"]
    assert isinstance(cast, SignDataSamples) and facts(cast) == FACTS
    assert cast.labels.tolist() == [4, 0, 2] and cast.clip_ids.tolist() == [2**62 + 1, 7, 8]
    assert len(SignDataSamples([])) == 0 and SignDataSamples([]).labels.dtype == torch.int64


def test_mmaction2s_head_trains_and_predicts(batch):
    from mmaction.models.heads import GCNHead

    torch.manual_seed(0)
    head = GCNHead(num_classes=5, in_channels=8).eval()
    features = torch.randn(3, 1, 8, 6, 3)
    loss = head.loss(features, batch)["loss_cls"]
    scores = head(features)
    torch.testing.assert_close(loss, torch.nn.functional.cross_entropy(scores, batch.labels))

    predicted = head.predict(features, batch)
    for sample, score in zip(predicted, scores.softmax(-1), strict=True):
        torch.testing.assert_close(sample.pred_score, score)
        assert sample.pred_label.tolist() == [int(score.argmax())]
    assert facts(predicted) == FACTS


def test_evaluator_sees_one_dict_a_clip(batch):
    class Collect(BaseMetric):
        def process(self, data_batch, data_samples):
            self.results += [(s["frame_dir"], s["gt_label"].item()) for s in data_samples]

        def compute_metrics(self, results):
            return dict(seen=results)

    evaluator = Evaluator(Collect())
    evaluator.process(batch)
    assert evaluator.evaluate(3)["seen"] == [("clip_0", 4), ("clip_1", 0), ("clip_2", 2)]


@pytest.mark.parametrize(
    ("clip_ids", "metas"), [(torch.zeros(2), None), (None, [{}]), (torch.zeros(3), [{}] * 4)]
)
def test_lengths_must_agree(clip_ids, metas):
    with pytest.raises(ValueError, match="3 labels"):
        SignDataSamples(labels=torch.tensor([1, 2, 3]), clip_ids=clip_ids, metas=metas)
