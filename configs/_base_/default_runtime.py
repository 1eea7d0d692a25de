# Importing masa_mm registers its components in MMAction2's registries.
custom_imports = dict(imports=["masa_mm"], allow_failed_imports=False)
default_scope = "mmaction"

default_hooks = dict(
    runtime_info=dict(type="RuntimeInfoHook"),
    timer=dict(type="IterTimerHook"),
    logger=dict(type="LoggerHook", interval=20, ignore_last=False),
    param_scheduler=dict(type="ParamSchedulerHook"),
    # A run that is killed at any moment leaves a checkpoint to resume from.
    checkpoint=dict(type="DurableCheckpointHook", interval=1, max_keep_ckpts=1, save_last=True),
    sampler_seed=dict(type="DistSamplerSeedHook"),
    # A resumed run draws the same random numbers as an uninterrupted one.
    epoch_seed=dict(type="EpochSeedHook"),
    # All processes validate and save the same network.
    sync_statistics=dict(type="SyncStatisticsHook"),
    # Report the coverage of the benchmark with every score.
    coverage=dict(type="CoverageHook"),
)

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
    dist_cfg=dict(backend="nccl"),
)

log_processor = dict(type="LogProcessor", window_size=20, by_epoch=True)
vis_backends = [dict(type="LocalVisBackend"), dict(type="TensorboardVisBackend")]
visualizer = dict(type="ActionVisualizer", vis_backends=vis_backends)

log_level = "INFO"
randomness = dict(seed=0)
load_from = None  # all weights must fit, unless load_partly
load_partly = False
resume = False
