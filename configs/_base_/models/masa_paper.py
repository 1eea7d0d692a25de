# The paper (arXiv 2405.20666, sections III and IV-A); docs/method.md has a row for each choice.
_base_ = ["./encoder_paper.py"]

model = dict(
    type="MASA",
    decoder=dict(
        type="MotionDecoder",
        in_channels=1536,
        depth=2,
        num_heads=8,
        feedforward_channels=2048,
        norm_first=False,
        use_position=True,
        predictor_channels=256,
        predictor=dict(type="FramePredictor"),
    ),
    motion_loss=dict(type="MotionLoss", norm="l2", per="frame", unit=1.0, loss_weight=1.0),
    alignment=dict(
        type="SemanticAlignment",
        in_channels=1536,
        hidden_channels=512,
        out_channels=128,
        temperature=0.07,
        queue_len=6144,
        loss_weight=0.05,
        pooling=dict(type="AveragePooling"),
        exclude_own=False,
    ),
    momentum=0.996,
)
