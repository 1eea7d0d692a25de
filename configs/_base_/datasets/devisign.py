# DEVISIGN-L, 2000 signs (docs/data/devisign.md). Signers 1 to 4 are train, 5 to 8
# test; it has no val split, so signer 4 is held out.
_base_ = ["./sign_finetune.py"]

data = dict(
    type="DEVISIGNPose",
    split_file="data/devisign/split.{split}.csv",
    val_signers=[4],
)
train_store = "data/devisign/devisign_train.safetensors"
test_store = "data/devisign/devisign_test.safetensors"
train_dataloader = dict(dataset=dict(ann_file=train_store, split="train", **data))
val_dataloader = dict(dataset=dict(ann_file=train_store, split="val", **data))
test_dataloader = dict(dataset=dict(ann_file=test_store, split="test", **data))
