# pretrain_400e.py on GPUs: matrix products in bfloat16, and losses looked at a step later.
_base_ = ["./pretrain_400e.py"]

# bfloat16 has float32's range: there is nothing to scale, and to look for overflow is to wait.
optim_wrapper = dict(type="AmpOptimWrapper", dtype="bfloat16", loss_scale=dict(enabled=False))
custom_hooks = [
    dict(type="MomentumAlignmentHook", warmup_epochs=100),
    dict(type="DeferredCheckHook"),
]
