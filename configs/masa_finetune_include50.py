"""MASA finetuned on INCLUDE-50 (paper recipe, base size)."""

_base_ = ["./masa_finetune_include.py"]

data = dict(split_file="data/include/{split}_include50.csv")
train_dataloader = dict(dataset=data)
val_dataloader = dict(dataset=data)
test_dataloader = dict(dataset=data)
model = dict(cls_head=dict(num_classes=50))
