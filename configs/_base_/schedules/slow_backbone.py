# A tenth of the rate for pretrained weights: with few labels, the full rate degrades them.
slow_backbone = dict(
    custom_keys={
        "backbone": dict(lr_mult=0.1),
        "in_proj_bias": dict(lr_mult=0.1, decay_mult=0.0),
    }
)
