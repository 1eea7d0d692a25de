# About half a million parameters in the encoder, for CPUs.
model = dict(
    type="MASA",
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
    decoder=dict(
        type="MotionDecoder",
        in_channels=192,
        depth=1,
        num_heads=4,
        feedforward_channels=256,
        predictor_channels=128,
    ),
    motion_loss=dict(type="MotionLoss"),
    alignment=dict(
        type="SemanticAlignment",
        in_channels=192,
        hidden_channels=256,
        out_channels=128,
        temperature=0.07,
        bank_length=6144,
        loss_weight=0.05,
    ),
    momentum=0.996,
    data_preprocessor=dict(type="SignDataPreprocessor"),
)
