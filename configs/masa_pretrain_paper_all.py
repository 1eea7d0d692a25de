"""MASA pretrained to the letter of the paper (docs/method.md) on the four benchmarks, pooled."""

_base_ = [
    "./_base_/default_runtime.py",
    "./_base_/models/masa_paper.py",
    "./_base_/datasets/all_pretrain.py",
    "./_base_/schedules/pretrain_400e.py",
]

default_hooks = dict(checkpoint=dict(interval=10))
