"""MASA finetuned on WLASL300 (paper recipe, base size)."""

_base_ = ["./masa_finetune_wlasl100.py"]

data = dict(subset=300, split_file="data/wlasl/nslt_300.json")
train_dataloader = dict(dataset=data)
val_dataloader = dict(dataset=data)
test_dataloader = dict(dataset=data)
model = dict(cls_head=dict(num_classes=300))
