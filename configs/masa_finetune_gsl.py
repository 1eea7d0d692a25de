"""MASA finetuned on GSL isolated (paper recipe, base size)."""

_base_ = [
    "./_base_/finetune_runtime.py",
    "./_base_/models/recognizer_base_pooled.py",
    "./_base_/datasets/gsl.py",
]

model = dict(cls_head=dict(num_classes=310))
