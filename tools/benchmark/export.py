"""Measure exported models beside torch: difference, file size, load time and latency.

    python tools/benchmark/export.py tiny --checkpoint CHECKPOINT --clips STORE.safetensors
    python tools/benchmark/export.py base --clips STORE.safetensors    # random weights

Differences are those of 500 clips of the store to the packed network in torch with its pipeline,
and to the dense form in float64. "same" is the share of clips with the best class of torch.
Accuracy is that of the store's clips whose gloss the model knows. Latency is that of one clip of
about 60 frames with one thread; the models are called in turn, so that the load of the machine
meets all of them.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import common
import numpy as np
import torch
from mmaction.registry import MODELS

from masa_mm.inference.clips import PoseClip
from masa_mm.inference.export import export_onnx
from masa_mm.inference.exported_model import ExportedModel
from masa_mm.inference.landmark_network import LandmarkNetwork
from masa_mm.inference.trained_model import TrainedModel
from masa_mm.pose.store import PoseStore

CONFIGS = common.ROOT / "configs"
NETWORKS = dict(
    tiny=CONFIGS / "wlasl_hands" / "masa_scratch_tiny_100.py",
    base=CONFIGS / "masa_finetune_wlasl100.py",
)
_FRAMES = 60


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark."""
    return common.run(measure, parse_args(argv))


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    common.add_clock(parser)
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("--checkpoint", help="its checkpoint (default: random weights)")
    parser.add_argument("--clips", required=True, metavar="STORE", help="pose store of real clips")
    parser.add_argument("--number", type=int, default=500, help="clips that are compared")
    parser.add_argument("--repeats", type=int, default=100, help="timed calls of each model")
    args = parser.parse_args(argv)
    common.check_clock(parser, args)
    return args


def measure(args: argparse.Namespace) -> None:
    """Print the tables of a network."""
    with tempfile.TemporaryDirectory() as folder:
        config = NETWORKS[args.network]
        checkpoint = args.checkpoint or random_checkpoint(config, Path(folder))
        trained = TrainedModel(config, checkpoint)
        network = LandmarkNetwork(trained.network, trained.transforms)
        exported: dict[str, ExportedModel] = {}
        for name in ("float32", "int8"):
            path = Path(folder) / f"{name}.onnx"
            export_onnx(network, path, trained.info, None if name == "float32" else name)
            exported[name] = ExportedModel(path)
        store = PoseStore(args.clips)
        print_differences(trained, exported, store, args)
        print_latencies(trained, exported, store, args)


def random_checkpoint(config: Path, folder: Path) -> Path:
    """Write a checkpoint of random weights."""
    cfg = common.read_config(config, {})
    cfg.model.backbone.init_cfg = None
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    classes = [f"gloss {number}" for number in range(cfg.model.cls_head.num_classes)]
    path = folder / "random.pth"
    content = dict(state_dict=model.state_dict(), meta=dict(dataset_meta=dict(classes=classes)))
    torch.save(content, path)
    return path


def clip_of(store: PoseStore, index: int) -> PoseClip:
    """Make a clip of a store."""
    info = store.info(index)
    landmarks = np.concatenate([info["keypoint"][0], info["keypoint_score"][0, ..., None]], -1)
    return PoseClip(info["frame_dir"], landmarks, None)


def print_differences(
    trained: TrainedModel,
    exported: dict[str, ExportedModel],
    store: PoseStore,
    args: argparse.Namespace,
) -> None:
    """Print differences to torch, accuracy, file size and load time."""
    chosen = np.random.default_rng(0).permutation(len(store))[: args.number]
    numbers = {name: number for number, name in enumerate(trained.info.classes)}
    labels = np.array([numbers.get(store.glosses[each], -1) for each in store.label])
    known = np.flatnonzero((labels >= 0) & (store.label >= 0))
    models = dict(torch=trained, **exported)
    outputs = {name: scores_of(model, store, chosen) for name, model in models.items()}
    exact = exact_scores(trained, store, chosen)
    print(f"\n{args.network}: {len(chosen)} clips, {len(known)} of known glosses")
    head = ("model", "to torch", "to float64", "same", "accuracy", "MB", "load")

    def row(name: str) -> common.Row:
        found = outputs[name]
        differences = (f"{difference(found, other):.2g}" for other in (outputs["torch"], exact))
        same = (found[0].argmax(1) == outputs["torch"][0].argmax(1)).mean()
        best = scores_of(models[name], store, known)[0].argmax(1) if len(known) else np.empty(0)
        accuracy = f"{(best == labels[known]).mean():.3f}" if len(known) else ""
        return (name, *differences, f"{same:.1%}", accuracy, *file_figures(models[name]))

    common.print_table(map(row, models), head)


def difference(found: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> float:
    """Largest difference of scores and embeddings."""
    return max(np.abs(a - b).max() for a, b in zip(found, expected, strict=True))


def exact_scores(
    trained: TrainedModel, store: PoseStore, chosen: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Scores and embeddings of chosen clips in float64."""
    network = LandmarkNetwork(copy.deepcopy(trained.network).double(), trained.transforms)
    size = torch.zeros(2, dtype=torch.float64)
    found = [
        network(torch.from_numpy(clip_of(store, int(index)).landmarks).double(), size)
        for index in chosen
    ]
    scores, embeddings = zip(*found, strict=True)
    return torch.stack(scores).numpy(), torch.stack(embeddings).numpy()


def scores_of(
    model: TrainedModel | ExportedModel, store: PoseStore, chosen: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Scores [N, classes] and embeddings [N, D] of chosen clips."""
    found = list(model.recognize([clip_of(store, int(index)) for index in chosen]))
    return np.stack([each.scores for each in found]), np.stack([each.embedding for each in found])


def file_figures(model: TrainedModel | ExportedModel) -> tuple[str, str]:
    """Size in MB and load time of an exported model."""
    if isinstance(model, TrainedModel):
        return "", ""
    times = [common.seconds(lambda: ExportedModel(model.path)) for _ in range(5)]
    size = Path(model.path).stat().st_size / 1e6
    return f"{size:.2f}", f"{statistics.median(times):.2f} s ({common.spread(times)})"


def print_latencies(
    trained: TrainedModel,
    exported: dict[str, ExportedModel],
    store: PoseStore,
    args: argparse.Namespace,
) -> None:
    """Print the time of one clip, by one thread."""
    clip = clip_of(store, int(np.abs(store.num_frames - _FRAMES).argmin()))
    sample = trained.prepare(clip)
    calls: dict[str, Callable[[], object]] = {
        "torch, network": lambda: list(trained.recognize_samples([sample])),
        "torch, pipeline and network": lambda: list(trained.recognize([clip])),
    }
    for name, model in exported.items():
        calls[f"ONNX Runtime, {name}"] = lambda model=model: model(clip)
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(args.repeats):
        for name, call in calls.items():
            times[name].append(1e3 * common.seconds(call, args.clock))
    reference = statistics.median(times["torch, network"])
    print(f"\n{len(clip.landmarks)} frames, {args.clock} time of {args.repeats} calls")
    common.print_table(
        (
            (
                name,
                f"{statistics.median(values):.2f} ms",
                f"{min(values):.2f} ms",
                f"{reference / statistics.median(values):.2f}",
            )
            for name, values in times.items()
        ),
        ("model", "median", "smallest", "torch's network over it"),
    )


if __name__ == "__main__":
    sys.exit(main())
