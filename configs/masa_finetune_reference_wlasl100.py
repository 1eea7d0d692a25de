"""The authors' network from their own checkpoint, finetuned on WLASL100 by the paper's recipe.

Their release has no finetuning. tools/convert_reference_checkpoint.py makes the checkpoint.
"""

_base_ = [
    "./_base_/finetune_runtime.py",
    "./_base_/models/recognizer_reference.py",
    "./_base_/datasets/wlasl.py",
]

# The frames that it was pretrained on: those in which a hand has a box.
train_pipeline = [dict(type="KeepHandFrames"), *_base_.train_pipeline]
test_pipeline = [dict(type="KeepHandFrames"), *_base_.test_pipeline]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

pretrained = dict(type="StrictPretrained", checkpoint="checkpoints/masa_reference.pth")
model = dict(
    backbone=dict(init_cfg=dict(prefix="backbone.", **pretrained)),
    cls_head=dict(
        num_classes=100,
        # Its pooling is learned in pretraining too.
        pooling=dict(init_cfg=dict(prefix="alignment.projector.pooling.", **pretrained)),
    ),
)
