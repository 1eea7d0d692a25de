# pretrain_400e.py for GPUs: matrix products in bfloat16, losses checked one step later.
_base_ = ["./pretrain_400e.py"]

# bfloat16 has the range of float32, so losses need no scaling, which would synchronize the GPU.
optim_wrapper = dict(type="AmpOptimWrapper", dtype="bfloat16", loss_scale=dict(enabled=False))
custom_hooks = [
    dict(type="MomentumAlignmentHook", warmup_epochs=100),
    dict(type="DeferredCheckHook"),
]
