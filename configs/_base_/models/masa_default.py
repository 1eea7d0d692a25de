# What is trained unless told otherwise: masa_base.py with every choice of docs/method.md written
# out. It follows the paper but for what its table gives a reason for.
_base_ = ["./masa_base.py"]

model = dict(
    backbone=dict(
        norm_first=False,
        use_score=True,
        coordinate_offset=0.5,
        graph_mode="spatial",
        use_position=True,
        position_gain=0.1,
        data_norm_eps=1e-5,
        norm_eps=1e-5,
    ),
    decoder=dict(
        norm_first=False,
        mask_token=True,
        use_position=True,
        norm_eps=1e-5,
        predictor_channels=256,
        predictor=dict(type="FramePredictor"),
    ),
    motion_loss=dict(norm="l2", per="frame", unit=256.0, loss_weight=1.0),
    alignment=dict(pooling=dict(type="AveragePooling"), exclude_own=True),
    average_statistics=True,
)
