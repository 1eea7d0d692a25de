# The paper's finetuning recipe, and what a run of it keeps.
_base_ = ["./default_runtime.py", "./schedules/finetune_60e.py"]

# The checkpoint that scores best on val is the one to test, once.
default_hooks = dict(checkpoint=dict(save_best="sign/top1_pi", rule="greater"))
