# Signs of a user (docs/your_own_signs.md). The config that tools/new_dataset.py writes adds the
# files and the split.
_base_ = ["./tiny_finetune.py"]

train_dataloader = dict(dataset=dict(type="CSVPose"))
val_dataloader = dict(dataset=dict(type="CSVPose"))
test_dataloader = dict(dataset=dict(type="CSVPose"))
