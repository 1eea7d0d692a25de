"""MASA to the letter of the paper (docs/method.md), finetuned on WLASL100."""

_base_ = [
    "./_base_/default_runtime.py",
    "./_base_/models/recognizer_paper.py",
    "./_base_/datasets/wlasl.py",
    "./_base_/schedules/finetune_60e.py",
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
# The checkpoint that scores best on val is the one to test, once.
default_hooks = dict(checkpoint=dict(save_best="sign/top1_pi", rule="greater"))
