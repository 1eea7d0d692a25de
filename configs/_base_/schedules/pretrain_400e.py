# MASA, section IV-A: AdamW, 20 epochs of warm-up, then linear decay to epoch 400.
optim_wrapper = dict(
    type="OptimWrapper",
    constructor="QuietOptimWrapperConstructor",
    optimizer=dict(type="AdamW", lr=1e-4, betas=(0.9, 0.95), weight_decay=1e-4, fused=True),
    # No decay for norms, biases, the mask token and scalars.
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        bias_decay_mult=0.0,
        custom_keys={
            "mask_token": dict(decay_mult=0.0),
            "in_proj_bias": dict(decay_mult=0.0),
            "position_gain": dict(decay_mult=0.0),
        },
    ),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-3, begin=0, end=20, convert_to_iter_based=True),
    dict(
        type="LinearLR",
        start_factor=1.0,
        end_factor=1e-3,
        begin=20,
        end=400,
        convert_to_iter_based=True,
    ),
]
# mu and lambda_s are options of the model; lambda_s rises over the first 100 epochs.
custom_hooks = [dict(type="MomentumAlignmentHook", warmup_epochs=100)]
train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=400)
auto_scale_lr = dict(enable=False, base_batch_size=64)
