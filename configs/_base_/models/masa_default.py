# The default: masa_base.py with every choice of docs/method.md written out. It follows the paper
# except where the table there gives a reason.
_base_ = ["./masa_base.py"]

model = dict(
    backbone=dict(
        norm_first=False,
        use_score=True,
        use_position=True,
        position_gain=0.1,
    ),
    decoder=dict(
        norm_first=False,
        use_position=True,
        predictor_channels=256,
        predictor=dict(type="FramePredictor"),
    ),
    motion_loss=dict(norm="l2", per="frame", unit=256.0, loss_weight=1.0),
    alignment=dict(pooling=dict(type="AveragePooling"), exclude_own=True),
)
