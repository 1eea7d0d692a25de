"""MASA finetuned on WLASL100 (paper recipe, base size)."""

_base_ = [
    "./_base_/default_runtime.py",
    "./_base_/models/recognizer_base.py",
    "./_base_/datasets/sign_finetune.py",
    "./_base_/schedules/finetune_60e.py",
]

data = dict(type="WLASLPose", subset=100, split_file="data/wlasl/nslt_100.json")
train_dataloader = dict(
    dataset=dict(
        ann_file="data/wlasl/wlasl_train.safetensors",
        split="train",
        pipeline=_base_.train_pipeline,
        **data,
    )
)
val_dataloader = dict(
    dataset=dict(
        ann_file="data/wlasl/wlasl_val.safetensors",
        split="val",
        pipeline=_base_.test_pipeline,
        test_mode=True,
        **data,
    )
)
test_dataloader = dict(
    dataset=dict(
        ann_file="data/wlasl/wlasl_test.safetensors",
        split="test",
        pipeline=_base_.test_pipeline,
        test_mode=True,
        **data,
    )
)
model = dict(
    backbone=dict(
        init_cfg=dict(
            type="StrictPretrained",
            checkpoint="work_dirs/masa_pretrain_wlasl/epoch_400.pth",
            prefix="backbone.",
        )
    ),
    cls_head=dict(num_classes=100),
)
# The checkpoint that scores best on val is the one to test, once.
default_hooks = dict(checkpoint=dict(save_best="sign/top1_pi", rule="greater"))
