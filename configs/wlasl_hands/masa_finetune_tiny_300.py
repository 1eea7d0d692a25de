"""Tiny MASA finetuned on WLASL300-hands."""

_base_ = ["./masa_finetune_tiny_100.py"]

subset = dict(subset=300, split_file="data/wlasl_hands/nslt_300.json")
train_dataloader = dict(dataset=subset)
val_dataloader = dict(dataset=subset)
test_dataloader = dict(dataset=subset)
model = dict(cls_head=dict(num_classes=300))
