# The embedded demo signs; the signers of val and test are not in train.
_base_ = ["./tiny_finetune.py"]

folder = "work_dirs/quickstart/data/"
data = dict(type="SignPoseDataset")
train_dataloader = dict(
    batch_size=16, dataset=dict(ann_file=folder + "demo_train.safetensors", **data)
)
val_dataloader = dict(batch_size=64, dataset=dict(ann_file=folder + "demo_val.safetensors", **data))
test_dataloader = dict(
    batch_size=64, dataset=dict(ann_file=folder + "demo_test.safetensors", **data)
)
