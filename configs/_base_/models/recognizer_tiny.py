_base_ = ["./encoder_tiny.py"]

model = dict(
    type="SignRecognizer",
    cls_head=dict(type="MASAHead", num_classes=100, in_channels=96, dropout=0.5),
)
