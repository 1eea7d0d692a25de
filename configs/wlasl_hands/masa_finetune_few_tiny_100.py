"""Tiny MASA finetuned on few labels of WLASL100-hands."""

_base_ = ["./masa_finetune_tiny_100.py"]

# A tenth of the rate for what pretraining has learned: few labels unlearn it at the full one.
optim_wrapper = dict(
    paramwise_cfg=dict(
        custom_keys={
            "backbone": dict(lr_mult=0.1),
            "in_proj_bias": dict(lr_mult=0.1, decay_mult=0.0),
        }
    )
)
