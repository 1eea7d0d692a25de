# The authors' encoder and pooling, and a linear classifier; the dataset sets num_classes.
_base_ = ["./encoder_reference.py"]

model = dict(
    type="SignRecognizer",
    cls_head=dict(
        type="MASAHead",
        num_classes=2000,
        in_channels=512,
        pooling=dict(type="ReferencePooling"),
    ),
)
