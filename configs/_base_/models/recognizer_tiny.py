_base_ = ["./encoder_tiny.py"]

model = dict(
    type="SignRecognizer",
    # Pretrained weights include the strength of positions.
    backbone=dict(dropout=0.2, position_gain=1.0),
    cls_head=dict(type="MASAHead", num_classes=100, in_channels=128, dropout=0.5),
)
