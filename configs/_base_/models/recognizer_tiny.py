model = dict(
    type="SignRecognizer",
    backbone=dict(
        type="MASAEncoder",
        embed_dims=96,
        channels=(32, 32, 64),
        sub_part_channels=(96,),
        num_temporal_blocks=0,
        depth=1,
        num_heads=4,
        feedforward_channels=192,
        norm_first=True,
    ),
    cls_head=dict(type="MASAHead", num_classes=100, in_channels=96, dropout=0.5),
    data_preprocessor=dict(type="SignDataPreprocessor"),
)
