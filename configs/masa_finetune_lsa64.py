"""MASA finetuned on LSA64 (paper recipe, base size)."""

_base_ = [
    "./_base_/finetune_runtime.py",
    "./_base_/models/recognizer_base_pooled.py",
    "./_base_/datasets/lsa64.py",
]

model = dict(cls_head=dict(num_classes=64))
