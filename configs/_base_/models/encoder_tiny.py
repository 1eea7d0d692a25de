# Shared by pretraining and recognition, so that the weights fit both.
# About a million parameters, for CPUs. A network this narrow must keep the fingers apart.
model = dict(
    backbone=dict(
        type="MASAEncoder",
        embed_dims=128,
        channels=(16, 16, 32),
        sub_part_channels=(128,),
        sub_part_merge="concat",
        num_temporal_blocks=0,
        depth=1,
        num_heads=4,
        feedforward_channels=256,
        norm_first=True,
    ),
    data_preprocessor=dict(type="SignDataPreprocessor"),
)
