"""MASA pretrained on the pooled training splits of the four benchmarks (paper recipe)."""

_base_ = [
    "./_base_/default_runtime.py",
    "./_base_/models/masa_base.py",
    "./_base_/datasets/all_pretrain.py",
    "./_base_/schedules/pretrain_400e.py",
]

default_hooks = dict(checkpoint=dict(interval=10))
