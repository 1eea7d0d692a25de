"""Tiny MASA pretrained on the unlabelled training clips of WLASL-hands."""

_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/models/masa_tiny.py",
    "../_base_/datasets/wlasl_hands_pretrain.py",
    "../_base_/schedules/tiny_pretrain.py",
]

# Not the last three quarters of an epoch, whose oldest keys are those of another network.
model = dict(alignment=dict(queue_len=1024))
