# The network of the authors' release, for their checkpoints (docs/method.md has the table).
model = dict(
    backbone=dict(
        # Masks after the embedding; the Transformer computes all frames.
        type="MaskTokenEncoder",
        embed_dims=512,
        channels=(128, 128, 256),
        sub_part_channels=(512, 512),
        temporal_branch_channels=512,
        depth=3,
        num_heads=8,
        feedforward_channels=2048,
        use_score=False,
        coordinate_offset=0.0,
        graph_mode="lateral",
        # The head has no edges but counts as a neighbour of the first arm: two of the four subsets
        # are empty and their weights never learn.
        body_sub_part_graph=dict(inward=(), lateral=((0, 1),), idle=((0, 2),)),
        use_position=False,
        data_norm_eps=0.1,
        norm_eps=1e-12,
    ),
    data_preprocessor=dict(type="SignDataPreprocessor"),
)
