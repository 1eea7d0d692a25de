# SLR500 (docs/data/slr500.md), split by signer as in the paper: 36 train, 14 test. Four of the 36
# are held out as val. The paper trains on all 36: split="trainval", without validation.
_base_ = ["./sign_finetune.py"]

data = dict(
    type="SLR500Pose",
    # The published lists split 35 to 15, so one of the 36 signers is in their test.
    ann_file=["data/slr500/slr500_train.safetensors", "data/slr500/slr500_test.safetensors"],
    split_file="data/slr500/slr500_split.{split}.csv",
    class_list="data/slr500/slr500_gloss_label.txt",
    train_signers=list(range(1, 37)),
    val_signers=[33, 34, 35, 36],
)
train_dataloader = dict(dataset=dict(split="train", **data))
val_dataloader = dict(dataset=dict(split="val", **data))
test_dataloader = dict(dataset=dict(split="test", **data))
