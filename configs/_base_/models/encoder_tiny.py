# One encoder for pretraining and recognition, so that the weights of one fit the other.
# About half a million parameters, for CPUs.
model = dict(
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
    data_preprocessor=dict(type="SignDataPreprocessor"),
)
