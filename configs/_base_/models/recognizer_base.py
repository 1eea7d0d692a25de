# The pretrained encoder, average pooling and a linear classifier; the dataset sets num_classes.
model = dict(
    type="SignRecognizer",
    backbone=dict(
        type="MASAEncoder",
        embed_dims=512,
        channels=(128, 128, 256),
        sub_part_channels=(512, 512),
        depth=3,
        num_heads=8,
        feedforward_channels=2048,
    ),
    cls_head=dict(type="MASAHead", num_classes=2000, in_channels=512),
    data_preprocessor=dict(type="SignDataPreprocessor"),
)
