# Shared by pretraining and recognition, so that the weights fit both.
# The paper's size: 3 x 512 = 1536 channels a frame, 3 blocks.
model = dict(
    backbone=dict(
        type="MASAEncoder",
        embed_dims=512,
        channels=(128, 128, 256),
        sub_part_channels=(512, 512),
        depth=3,
        num_heads=8,
        feedforward_channels=2048,
    ),
    data_preprocessor=dict(type="SignDataPreprocessor"),
)
