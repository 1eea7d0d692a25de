# For GPUs (docs/performance.md): nothing in a step makes the host wait for the device.
_base_ = ["./default_runtime.py"]

default_hooks = dict(
    # Losses are fetched when they are logged, not in every step.
    runtime_info=dict(type="BufferedInfoHook"),
    # Part networks and Transformer blocks as compiled programs, for batches of any lengths.
    compile=dict(type="CompileHook", dynamic=True),
)
