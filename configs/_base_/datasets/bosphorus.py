# BosphorusSign22k, 744 signs (docs/data/bosphorus.md). Signer 4 is test; it has no
# val split, so signer 7 is held out.
_base_ = ["./sign_finetune.py"]

data = dict(
    type="BosphorusSign22kPose",
    split_file="data/bosphorus/BosphorusSign22k.csv",
    val_signers=[7],
)
train_store = "data/bosphorus/bosphorus_train.safetensors"
test_store = "data/bosphorus/bosphorus_test.safetensors"
train_dataloader = dict(dataset=dict(ann_file=train_store, split="train", **data))
val_dataloader = dict(dataset=dict(ann_file=train_store, split="val", **data))
test_dataloader = dict(dataset=dict(ann_file=test_store, split="test", **data))
