model = dict(
    type="SignRecognizer",
    backbone=dict(
        type="MASAEncoder",
        embed_dims=64,
        channels=(16, 16, 32),
        sub_part_channels=(64,),
        num_temporal_blocks=1,
        depth=2,
        num_heads=4,
        feedforward_channels=256,
    ),
    cls_head=dict(type="MASAHead", num_classes=100, in_channels=64, dropout=0.5),
    data_preprocessor=dict(type="SignDataPreprocessor"),
)
