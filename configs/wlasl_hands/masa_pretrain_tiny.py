"""Tiny MASA pretrained on the unlabelled training clips of WLASL-hands."""

_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/models/masa_tiny.py",
    "../_base_/datasets/wlasl_hands_pretrain.py",
    "../_base_/schedules/tiny_pretrain.py",
]

# With batches of 64, the paper's bank of 6,144 keys would hold keys that are 96 steps old.
model = dict(alignment=dict(queue_len=1024))
