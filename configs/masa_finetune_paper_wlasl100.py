"""MASA to the letter of the paper (docs/method.md), finetuned on WLASL100."""

_base_ = [
    "./_base_/finetune_runtime.py",
    "./_base_/models/recognizer_paper.py",
    "./_base_/datasets/wlasl.py",
]

model = dict(
    backbone=dict(
        init_cfg=dict(
            type="StrictPretrained",
            checkpoint="work_dirs/masa_pretrain_paper_wlasl/epoch_400.pth",
            prefix="backbone.",
        )
    ),
    cls_head=dict(num_classes=100),
)
