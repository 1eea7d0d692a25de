# A tenth of the rate for what pretraining has learned: few labels unlearn it at the full one.
slow_backbone = dict(
    custom_keys={
        "backbone": dict(lr_mult=0.1),
        "in_proj_bias": dict(lr_mult=0.1, decay_mult=0.0),
    }
)
