"""Tiny MASA on WLASL100-hands without pretraining, all else equal."""

_base_ = ["./masa_finetune_tiny_100.py"]

model = dict(backbone=dict(init_cfg=None))
