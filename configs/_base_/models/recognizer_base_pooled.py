# A recogniser that starts from the weights of masa_pretrain_all.py, the four benchmarks.
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
