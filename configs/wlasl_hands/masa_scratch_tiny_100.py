"""Tiny MASA on WLASL100-hands without pretraining, all else equal."""

_base_ = ["./masa_finetune_tiny_100.py"]

model = dict(backbone=dict(init_cfg=None))
optim_wrapper = dict(
    paramwise_cfg=dict(
        custom_keys=dict(_delete_=True, in_proj_bias=dict(decay_mult=0.0)),
    )
)
