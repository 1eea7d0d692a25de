# The authors' release; docs/method.md has a row for each difference from the paper.
_base_ = ["./encoder_reference.py"]

model = dict(
    type="ReferenceMASA",
    decoder=dict(
        type="ReferenceDecoder",
        in_channels=1536,
        depth=2,
        num_heads=8,
        feedforward_channels=2048,
        mask_token=False,
        use_position=False,
        norm_eps=1e-12,
        predictor_channels=256,
        predictor=dict(type="PartPredictor", rectify=True),
    ),
    motion_loss=dict(type="PartMotionLoss", norm="l1", unit=1.0, loss_weight=10.0),
    alignment=dict(
        type="SemanticAlignment",
        in_channels=1536,
        hidden_channels=512,
        out_channels=128,
        temperature=0.07,
        queue_len=6912,
        loss_weight=0.05,
        pooling=dict(type="ReferencePooling"),
        exclude_own=False,
    ),
    momentum=0.999,
)
