# The paper's size: 3 x 512 = 1536 channels a frame, 3 encoder and 2 decoder blocks.
_base_ = ["./encoder_base.py"]

model = dict(
    type="MASA",
    decoder=dict(
        type="MotionDecoder", in_channels=1536, depth=2, num_heads=8, feedforward_channels=2048
    ),
    motion_loss=dict(type="MotionLoss"),
    alignment=dict(
        type="SemanticAlignment",
        in_channels=1536,
        hidden_channels=512,
        out_channels=128,
        temperature=0.07,
        queue_len=6144,
        loss_weight=0.05,
    ),
    momentum=0.996,
)
