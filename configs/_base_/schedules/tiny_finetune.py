# For the tiny network on a CPU, and all networks that are compared with it.
max_epochs = 40
optim_wrapper = dict(
    type="OptimWrapper",
    constructor="QuietOptimWrapperConstructor",
    optimizer=dict(type="AdamW", lr=1e-3, weight_decay=0.05),
    clip_grad=dict(max_norm=5.0),
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        bias_decay_mult=0.0,
        custom_keys={"position_gain": dict(decay_mult=0.0), "in_proj_bias": dict(decay_mult=0.0)},
    ),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-2, begin=0, end=3, convert_to_iter_based=True),
    dict(
        type="CosineAnnealingLR", eta_min=1e-6, begin=3, end=max_epochs, convert_to_iter_based=True
    ),
]
train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=max_epochs, val_interval=5)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
auto_scale_lr = dict(enable=False, base_batch_size=32)
