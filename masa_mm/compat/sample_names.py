"""Read the data samples of mmaction2 1.1 by the names of mmaction2 1.2."""

from __future__ import annotations

from typing import Any

# Name in 1.2 -> name in 1.1, where the value is the ``item`` of a LabelData.
_OLD_NAMES = dict(gt_label="gt_labels", pred_label="pred_labels", pred_score="pred_scores")


def sample_names_of_1_2() -> bool:
    """Give ``ActionDataSample`` of mmaction2 1.1 the attribute names of 1.2.

    1.2 replaced ``gt_labels.item`` by ``gt_label`` and ``pred_scores.item`` by ``pred_score``
    without keeping the old names, so code for one release raises ``AttributeError`` with the other.
    Upstream: https://github.com/open-mmlab/mmaction2/pull/2658
    """
    from mmaction.structures import ActionDataSample

    if hasattr(ActionDataSample, "set_gt_label"):
        return False
    to_dict = ActionDataSample.to_dict

    def to_dict_with_both(self: Any) -> dict:
        content = to_dict(self)
        # Metrics of mmaction2 1.1 read the old names, those of masa_mm the new ones.
        for name, old in _OLD_NAMES.items():
            if old in content:
                content[name] = content[old]["item"]
        return content

    ActionDataSample.to_dict = to_dict_with_both
    ActionDataSample.set_gt_label = ActionDataSample.set_gt_labels
    for name, old in _OLD_NAMES.items():
        setattr(ActionDataSample, name, _item_of(old))
    return True


def _item_of(name: str) -> property:
    return property(lambda sample: getattr(sample, name).item)
