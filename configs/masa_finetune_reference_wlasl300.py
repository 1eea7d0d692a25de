"""The authors' network from their own checkpoint, finetuned on WLASL300 by the paper's recipe."""

_base_ = ["./masa_finetune_reference_wlasl100.py"]

data = dict(subset=300, split_file="data/wlasl/nslt_300.json")
train_dataloader = dict(dataset=data)
val_dataloader = dict(dataset=data)
test_dataloader = dict(dataset=data)
model = dict(cls_head=dict(num_classes=300))
