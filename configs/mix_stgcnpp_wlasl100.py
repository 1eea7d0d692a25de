"""Mixing: MMAction2's own STGCN++ on sign poses, with MASA's masking as augmentation.

Inherits MMAction2's config and replaces what belongs to another skeleton: the graph and the data.
"""

_base_ = "mmaction::skeleton/stgcnpp/stgcnpp_8xb16-joint-u100-80e_ntu60-xsub-keypoint-2d.py"

custom_imports = dict(imports=["masa_mm"], allow_failed_imports=False)
# MMAction2's own runtime does not repeat an interrupted run's draws; with this hook it does.
default_hooks = dict(epoch_seed=dict(type="EpochSeedHook"))

# masa_mm.skeleton.graph_layout(): the 49 joints as one graph.
layout = dict(
    num_node=49,
    center=42,
    inward=[
        # right hand
        (1, 0),
        (2, 1),
        (3, 2),
        (4, 3),
        (5, 0),
        (6, 5),
        (7, 6),
        (8, 7),
        (9, 0),
        (10, 9),
        (11, 10),
        (12, 11),
        (13, 0),
        (14, 13),
        (15, 14),
        (16, 15),
        (17, 0),
        (18, 17),
        (19, 18),
        (20, 19),
        # left hand
        (22, 21),
        (23, 22),
        (24, 23),
        (25, 24),
        (26, 21),
        (27, 26),
        (28, 27),
        (29, 28),
        (30, 21),
        (31, 30),
        (32, 31),
        (33, 32),
        (34, 21),
        (35, 34),
        (36, 35),
        (37, 36),
        (38, 21),
        (39, 38),
        (40, 39),
        (41, 40),
        # upper body, and the wrists that join hands and arms
        (45, 44),
        (44, 43),
        (43, 42),
        (48, 47),
        (47, 46),
        (46, 42),
        (0, 48),
        (21, 45),
    ],
)
model = dict(
    backbone=dict(graph_cfg=dict(_delete_=True, layout=layout, mode="spatial")),
    cls_head=dict(num_classes=100),
)

train_pipeline = [
    dict(type="KeepHandFrames"),
    dict(type="SampleSignFrames", clip_len=32, mode="uniform"),
    dict(type="MotionAwareMasking", mask_ratio=0.3, erase=True),
    dict(type="FormatGCNInput", num_person=1),
    dict(type="PackActionInputs"),
]
test_pipeline = [
    dict(type="KeepHandFrames"),
    dict(type="SampleSignFrames", clip_len=32, mode="uniform", jitter=False),
    dict(type="FormatGCNInput", num_person=1),
    dict(type="PackActionInputs"),
]
data = dict(type="WLASLPose", subset=100, split_file="data/wlasl/nslt_100.json")
train_dataloader = dict(
    batch_size=32,
    dataset=dict(
        _delete_=True,
        ann_file="data/wlasl/wlasl_train.safetensors",
        split="train",
        pipeline=train_pipeline,
        **data,
    ),
)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        ann_file="data/wlasl/wlasl_val.safetensors",
        split="val",
        pipeline=test_pipeline,
        test_mode=True,
        **data,
    )
)
test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        ann_file="data/wlasl/wlasl_test.safetensors",
        split="test",
        pipeline=test_pipeline,
        test_mode=True,
        **data,
    )
)
val_evaluator = dict(_delete_=True, type="SignAccuracy")
test_evaluator = val_evaluator
train_cfg = dict(max_epochs=80)
param_scheduler = [dict(type="CosineAnnealingLR", T_max=80, convert_to_iter_based=True)]
