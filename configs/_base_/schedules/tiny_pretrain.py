# For the tiny network on a CPU: the paper's recipe with a higher rate over fewer epochs.
max_epochs = 40
optim_wrapper = dict(
    type="OptimWrapper",
    constructor="QuietOptimWrapperConstructor",
    optimizer=dict(type="AdamW", lr=1e-3, betas=(0.9, 0.95), weight_decay=1e-4),
    clip_grad=dict(max_norm=5.0),
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        bias_decay_mult=0.0,
        custom_keys={
            "mask_token": dict(decay_mult=0.0),
            "position_gain": dict(decay_mult=0.0),
            "in_proj_bias": dict(decay_mult=0.0),
        },
    ),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-2, begin=0, end=1, convert_to_iter_based=True),
    dict(
        type="CosineAnnealingLR", eta_min=1e-5, begin=1, end=max_epochs, convert_to_iter_based=True
    ),
]
custom_hooks = [dict(type="MomentumAlignmentHook", warmup_epochs=1)]
train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=max_epochs)
auto_scale_lr = dict(enable=False, base_batch_size=64)
