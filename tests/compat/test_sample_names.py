"""The data samples of mmaction2 1.1 and 1.2 have the same names."""

import torch
from mmaction.structures import ActionDataSample

from masa_mm import versions


def test_labels_and_scores_have_the_names_of_1_2():
    sample = ActionDataSample().set_gt_label(3)
    sample.set_pred_score(torch.tensor([0.25, 0.75])).set_pred_label(1)
    assert sample.gt_label.tolist() == [3]
    assert sample.pred_score.tolist() == [0.25, 0.75]
    content = sample.to_dict()
    assert content["gt_label"].tolist() == [3]
    assert content["pred_label"].tolist() == [1]
    assert content["pred_score"].tolist() == [0.25, 0.75]


def test_the_names_of_1_1_are_kept_for_its_metrics():
    sample = ActionDataSample().set_gt_label(3)
    if versions.release(versions.installed("mmaction2")) < (1, 2):
        assert sample.gt_labels.item.tolist() == [3]
        assert sample.to_dict()["gt_labels"]["item"].tolist() == [3]
    else:
        assert "gt_labels" not in sample.to_dict()
