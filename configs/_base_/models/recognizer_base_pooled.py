# A recogniser that begins with what masa_pretrain_all.py learned from the four benchmarks.
_base_ = ["./recognizer_base.py"]

model = dict(
    backbone=dict(
        init_cfg=dict(
            type="StrictPretrained",
            checkpoint="work_dirs/masa_pretrain_all/epoch_400.pth",
            prefix="backbone.",
        )
    )
)
