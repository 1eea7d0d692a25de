"""MASA finetuned on MS-ASL1000 (paper recipe, base size)."""

_base_ = [
    "./_base_/default_runtime.py",
    "./_base_/models/recognizer_base.py",
    "./_base_/datasets/msasl.py",
    "./_base_/schedules/finetune_60e.py",
]

model = dict(
    backbone=dict(
        init_cfg=dict(
            type="StrictPretrained",
            checkpoint="work_dirs/masa_pretrain_all/epoch_400.pth",
            prefix="backbone.",
        )
    ),
    cls_head=dict(num_classes=1000),
)
# The checkpoint that scores best on val is the one to test, once.
default_hooks = dict(checkpoint=dict(save_best="sign/top1_pi", rule="greater"))
