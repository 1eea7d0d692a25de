# For CPUs.
_base_ = ["./encoder_tiny.py"]

model = dict(
    type="MASA",
    decoder=dict(
        type="MotionDecoder",
        in_channels=384,
        channels=192,
        depth=1,
        num_heads=4,
        feedforward_channels=192,
        predictor_channels=128,
        norm_first=True,
    ),
    motion_loss=dict(type="MotionLoss"),
    alignment=dict(
        type="SemanticAlignment",
        in_channels=384,
        hidden_channels=256,
        out_channels=128,
        temperature=0.07,
        queue_len=6144,
        loss_weight=1.0,
    ),
    momentum=0.996,
)
