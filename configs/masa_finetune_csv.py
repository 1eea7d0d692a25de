"""MASA finetuned on your own signs, listed by a CSV file (paper recipe, base size)."""

_base_ = [
    "./_base_/finetune_runtime.py",
    "./_base_/models/recognizer_base_pooled.py",
    "./_base_/datasets/csv.py",
]

# The number of different glosses in the list.
model = dict(cls_head=dict(num_classes=100))
