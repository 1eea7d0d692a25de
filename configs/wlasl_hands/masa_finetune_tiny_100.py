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
            checkpoint="work_dirs/masa_pretrain_tiny/epoch_40.pth",
            prefix="backbone.",
            # Labels need positional codes at full strength; pretraining keeps them weak.
            except_for=["transformer.position_gain"],
        )
    ),
    cls_head=dict(num_classes=100),
)
