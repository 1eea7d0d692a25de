"""MASA pretrained as the authors' release does it (docs/method.md), on WLASL's train and val.

The pickles are in pixels: MMAction2's, or tools/data/convert.py's with --pickle. To go on from
the authors' checkpoint, converted by tools/convert_reference_checkpoint.py:
--cfg-options load_from=checkpoints/masa_reference.pth
"""

_base_ = [
    "./_base_/default_runtime.py",
    "./_base_/models/masa_reference.py",
    "./_base_/datasets/sign_pretrain_reference.py",
    "./_base_/schedules/pretrain_reference_400e.py",
]

# The release trains on val too. No test clip is among them.
train_dataloader = dict(
    dataset=dict(
        type="WLASLPose",
        ann_file=["data/wlasl/wlasl_train.pkl", "data/wlasl/wlasl_val.pkl"],
        pipeline=_base_.train_pipeline,
    )
)
default_hooks = dict(checkpoint=dict(interval=10))
