# MASA, section IV-A: AdamW, 20 epochs of warm-up, then linear decay to epoch 400.
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=1e-4, betas=(0.9, 0.95), weight_decay=1e-4),
    # Decay is for weights that multiply; norms, biases and the mask token are left alone.
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        bias_decay_mult=0.0,
        custom_keys={"mask_token": dict(decay_mult=0.0), "in_proj_bias": dict(decay_mult=0.0)},
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
custom_hooks = [
    dict(type="MomentumAlignmentHook", momentum=0.996, loss_weight=0.05, warmup_epochs=100)
]
train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=400)
auto_scale_lr = dict(enable=False, base_batch_size=64)
