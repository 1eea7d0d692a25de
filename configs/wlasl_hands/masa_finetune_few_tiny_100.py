"""Tiny MASA finetuned on few labels of WLASL100-hands."""

_base_ = ["./masa_finetune_tiny_100.py", "../_base_/schedules/slow_backbone.py"]

optim_wrapper = dict(paramwise_cfg=_base_.slow_backbone)
