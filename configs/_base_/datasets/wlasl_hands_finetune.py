# Labelled WLASL-hands. Configs that inherit this set the subset and its official list.
_base_ = ["./tiny_finetune.py"]

folder = "data/wlasl_hands/"
train = dict(type="WLASLPose", ann_file=folder + "wlasl_hands_train.safetensors", split="train")
val = dict(type="WLASLPose", ann_file=folder + "wlasl_hands_val.safetensors", split="val")
train_dataloader = dict(dataset=train)
val_dataloader = dict(dataset=val)
test_dataloader = dict(dataset=val)
