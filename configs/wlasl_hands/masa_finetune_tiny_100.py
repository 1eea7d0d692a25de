"""Tiny MASA finetuned on WLASL100-hands."""

_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/models/recognizer_tiny.py",
    "../_base_/datasets/wlasl_hands_finetune.py",
    "../_base_/schedules/tiny_finetune.py",
]

subset = dict(subset=100, split_file="data/wlasl_hands/nslt_100.json")
train_dataloader = dict(dataset=subset)
val_dataloader = dict(dataset=subset)
test_dataloader = dict(dataset=subset)
model = dict(
    backbone=dict(
        init_cfg=dict(
            type="StrictPretrained",
            checkpoint="work_dirs/masa_pretrain_tiny/epoch_20.pth",
            prefix="backbone.",
        )
    ),
    cls_head=dict(num_classes=100),
)
# A tenth of the rate for what pretraining has learned: at the full rate its gain is lost.
optim_wrapper = dict(
    paramwise_cfg=dict(
        custom_keys={
            "backbone": dict(lr_mult=0.1),
            "in_proj_bias": dict(lr_mult=0.1, decay_mult=0.0),
        }
    )
)
