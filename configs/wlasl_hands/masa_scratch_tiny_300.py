"""Tiny MASA on WLASL300-hands without pretraining, all else equal."""

_base_ = ["./masa_finetune_tiny_300.py"]

model = dict(backbone=dict(init_cfg=None))
