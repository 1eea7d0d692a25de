# The paper's encoder: visible frames only, coordinates only, a vanilla Transformer's positions.
model = dict(
    backbone=dict(
        type="MASAEncoder",
        embed_dims=512,
        channels=(128, 128, 256),
        sub_part_channels=(512, 512),
        depth=3,
        num_heads=8,
        feedforward_channels=2048,
        norm_first=False,
        use_score=False,
        use_position=True,
        position_gain=1.0,
    ),
    data_preprocessor=dict(type="SignDataPreprocessor"),
)
