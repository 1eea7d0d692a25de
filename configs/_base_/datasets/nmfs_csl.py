# NMFs-CSL (docs/data/nmfs_csl.md). It has no val split, so a tenth of each sign's train clips is
# held out. The paper trains on all of them: split="trainval", without validation.
_base_ = ["./sign_finetune.py"]

data = dict(
    type="NMFsCSLPose",
    split_file="data/nmfs_csl/nmfs_csl_{split}.txt",
    class_list="data/nmfs_csl/nmfs_csl_classes.txt",
    val_ratio=0.1,
)
train_store = "data/nmfs_csl/nmfs_csl_train.safetensors"
test_store = "data/nmfs_csl/nmfs_csl_test.safetensors"
train_dataloader = dict(dataset=dict(ann_file=train_store, split="train", **data))
val_dataloader = dict(dataset=dict(ann_file=train_store, split="val", **data))
test_dataloader = dict(dataset=dict(ann_file=test_store, split="test", **data))

# Signs that only the face distinguishes, and all others, are also scored separately. If the lists
# do not exist, the log says so and only the score of all signs is computed.
val_evaluator = dict(
    subsets=dict(confusing="data/nmfs_csl/confusing.txt", normal="data/nmfs_csl/normal.txt"),
    missing_subsets="skip",
)
test_evaluator = val_evaluator
