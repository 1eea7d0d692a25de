# The authors' release: AdamW with decay 0.03 for all weights, 20 epochs of warm-up, updated once an
# epoch, then four milestones that halve the rate. The milestones count from the end of the warm-up:
# the rate falls at epochs 120, 220, 320 and 370.
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=1e-4, betas=(0.9, 0.95), weight_decay=0.03, fused=True),
)
param_scheduler = [
    # Epoch e has e / 20 of the rate. The factor of epoch 0 is not 0 because mmengine multiplies it.
    dict(type="LinearLR", start_factor=1e-6, begin=0, end=21, by_epoch=True),
    dict(
        type="MultiStepLR",
        milestones=[100, 200, 300, 350],
        gamma=0.5,
        begin=20,
        end=400,
        by_epoch=True,
    ),
]
# mu and lambda_s are options of the model; lambda_s rises over the first 100 epochs.
custom_hooks = [dict(type="MomentumAlignmentHook", warmup_epochs=100)]
train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=400)
# The authors' script runs 8 processes of 64 clips.
auto_scale_lr = dict(enable=False, base_batch_size=512)
