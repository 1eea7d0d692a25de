"""MASA finetuned on INCLUDE (paper recipe, base size)."""

_base_ = [
    "./_base_/finetune_runtime.py",
    "./_base_/models/recognizer_base_pooled.py",
    "./_base_/datasets/include.py",
]

model = dict(cls_head=dict(num_classes=263))
