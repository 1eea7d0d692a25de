"""masa_pretrain_wlasl.py, made for a GPU: the same recipe in bfloat16, compiled, without waiting.

A larger batch fills the GPU: --cfg-options train_dataloader.batch_size=256 --auto-scale-lr
"""

_base_ = [
    "./_base_/gpu_runtime.py",
    "./_base_/models/masa_base.py",
    "./_base_/datasets/sign_pretrain.py",
    "./_base_/schedules/pretrain_400e_gpu.py",
]

train_dataloader = dict(
    num_workers=8,
    # Workers plan the frames, for which the device would otherwise have to be waited for.
    collate_fn=dict(type="pad_clips", plan_frames=True),
    dataset=dict(
        type="WLASLPose",
        ann_file="data/wlasl/wlasl_train.safetensors",
        pipeline=_base_.train_pipeline,
    ),
)
default_hooks = dict(checkpoint=dict(interval=10))
