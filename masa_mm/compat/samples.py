"""Samples of mmaction2 1.1, which name labels and scores otherwise than 1.2 does."""

from __future__ import annotations

from typing import Any

from masa_mm.compat.workarounds import workaround

# name in 1.2 -> name in 1.1, where the value is the ``item`` of a LabelData
_RENAMED = dict(gt_label="gt_labels", pred_label="pred_labels", pred_score="pred_scores")


@workaround(
    "open-mmlab/mmaction2: 1.2 renamed gt_labels.item to gt_label, pred_scores to pred_score"
)
def sample_names_of_1_2() -> bool:
    from mmaction.structures import ActionDataSample

    if hasattr(ActionDataSample, "set_gt_label"):
        return False
    to_dict = ActionDataSample.to_dict

    def to_dict_with_both(self: Any) -> dict:
        """What evaluators and dumps read: 1.1's names for its metrics, 1.2's for ours."""
        content = to_dict(self)
        for name, old in _RENAMED.items():
            if old in content:
                content[name] = content[old]["item"]
        return content

    ActionDataSample.to_dict = to_dict_with_both
    ActionDataSample.set_gt_label = ActionDataSample.set_gt_labels
    for name, old in _RENAMED.items():
        setattr(ActionDataSample, name, _item_of(old))
    return True


def _item_of(name: str) -> property:
    def read(self: Any) -> Any:
        return getattr(self, name).item

    return property(read)
