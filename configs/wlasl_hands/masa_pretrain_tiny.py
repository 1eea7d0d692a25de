"""Tiny MASA pretrained on the unlabelled training clips of WLASL-hands."""

_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/models/masa_tiny.py",
    "../_base_/datasets/wlasl_hands_pretrain.py",
    "../_base_/schedules/tiny_pretrain.py",
]

# Not the last three quarters of an epoch, whose oldest keys are those of another network.
model = dict(alignment=dict(bank_length=1024))
max_epochs = 40
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-2, begin=0, end=1, convert_to_iter_based=True),
    dict(
        type="CosineAnnealingLR", eta_min=1e-5, begin=1, end=max_epochs, convert_to_iter_based=True
    ),
]
