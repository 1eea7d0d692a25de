"""Export of a trained network to one ONNX file."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from masa_mm.atomic_write import atomic_write
from masa_mm.errors import UserError
from masa_mm.inference.clips import PoseClip
from masa_mm.inference.exported_model import INPUTS, ExportedModel
from masa_mm.inference.landmark_network import LandmarkNetwork
from masa_mm.inference.model_info import METADATA_KEY, ModelInfo
from masa_mm.pose.skeleton import source_layout

QUANTIZATIONS = ("int8",)
# Lengths that the written file is compared at, and the largest difference in float32.
_LENGTHS = (0, 1, 20, 100)
_TOLERANCE = 1e-3
_SIZE = (640.0, 480.0)


class ExportReport(NamedTuple):
    """What was written.

    Attributes:
        path (str): The file.
        num_bytes (int): Its size.
        difference (float): Largest difference of scores and embedding to torch, on random clips.
    """

    path: str
    num_bytes: int
    difference: float


class ExportError(RuntimeError):
    """The written model computes something else than the network."""


def export_onnx(
    network: LandmarkNetwork,
    path: str | os.PathLike,
    info: ModelInfo,
    quantize: str | None = None,
) -> ExportReport:
    """Write a network as an ONNX file, load it and compare it with the network.

    Args:
        network (LandmarkNetwork): The network, on the CPU.
        path (str | os.PathLike): The ``.onnx`` file to write.
        info (ModelInfo): Stored in the file's metadata.
        quantize (str, optional): 'int8' stores weights of linear layers as integers.

    Raises:
        UserError: If a package or torch 2.6 is missing.
        ExportError: If the file computes something else than the network.
    """
    onnx = import_exporter()
    program = _trace(network, source_layout(info.layout).num_joints)
    model = program.model_proto
    _clear_traces(model)
    with atomic_write(path) as temporary:
        if quantize is not None:
            onnx.save(model, temporary)
            model = _quantized(temporary)
        _describe(model, info)
        onnx.save(model, temporary)
        difference = compare(network, ExportedModel(temporary))
        if quantize is None and not difference <= _TOLERANCE:
            raise ExportError(
                f"{path}: the exported model differs from the network by {difference:g}; nothing "
                "was written. Please report this with the versions of torch and onnxscript"
            )
    return ExportReport(str(path), Path(path).stat().st_size, difference)


def random_landmarks(num_frames: int, num_joints: int, seed: int) -> np.ndarray:
    """Make landmarks float32 [T, V, 3] with absent joints and frames, for comparisons."""
    rng = np.random.default_rng(seed)
    landmarks = rng.uniform(0, 400, (num_frames, num_joints, 3))
    landmarks[..., 2] = rng.uniform(0.2, 1, (num_frames, num_joints))
    landmarks[rng.random((num_frames, num_joints)) < 0.1] = 0
    landmarks[rng.random(num_frames) < 0.2] = 0
    return landmarks.astype(np.float32)


def compare(network: LandmarkNetwork, model: ExportedModel) -> float:
    """Return the largest difference between a network and its exported model on random clips."""
    num_joints = source_layout(model.info.layout).num_joints
    largest = 0.0
    for length in _LENGTHS:
        landmarks = random_landmarks(length, num_joints, seed=length)
        expected = network(torch.from_numpy(landmarks), torch.tensor(_SIZE))
        clip = PoseClip("random landmarks", landmarks, _SIZE, model.info.layout)
        found = [each for each in model(clip) if each is not None]
        differences = [np.abs(a - b.numpy()).max() for a, b in zip(found, expected, strict=True)]
        largest = max(largest, *map(float, differences))
    return largest


def import_exporter() -> Any:
    """Import the packages that exporting needs.

    Returns:
        Any: The module ``onnx``.

    Raises:
        UserError: If one or torch 2.6 is missing.
    """
    try:
        import onnx
        import onnxruntime.quantization  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"exporting needs {error.name}: install the extra 'export' (pip install -e '.[export]')"
        ) from None
    if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 6):
        raise UserError(f"exporting needs torch 2.6 or newer, this is {torch.__version__}")
    return onnx


def _trace(network: LandmarkNetwork, num_joints: int) -> Any:
    landmarks = torch.from_numpy(random_landmarks(40, num_joints, seed=0))
    inputs: tuple[Tensor, Tensor] = landmarks, torch.tensor(_SIZE)
    outputs = ["embedding"] if network.classify is None else ["scores", "embedding"]
    with _quiet():
        return torch.onnx.export(
            network,
            inputs,
            dynamo=True,
            verbose=False,
            external_data=False,
            input_names=list(INPUTS),
            output_names=outputs,
            dynamic_shapes=({0: torch.export.Dim("frames", min=0, max=2**20)}, None),
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter, which warns of packages that are not needed and of its own code."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _clear_traces(model: Any) -> None:
    """Delete the stack traces, which hold paths of this machine, and shapes of inner values."""
    graphs = [model.graph, *model.functions]
    for graph in graphs:
        del graph.metadata_props[:]
        del graph.value_info[:]  # quantisation refuses models that have them
        for each in (*graph.node, *getattr(graph, "initializer", ())):
            del each.metadata_props[:]
            each.doc_string = ""
    for value in (*model.graph.input, *model.graph.output):
        del value.metadata_props[:]


def _quantized(path: Path) -> Any:
    """Store the weights of linear layers on frames as int8, one scale for each output channel.

    They hold most of the weights. Layers on joints, which are products of other kinds, stay in
    float: their inputs have outliers.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    target = path.with_name(path.name + ".int8")
    # The quantiser first turns Gemm into MatMul, and names it so.
    layers = [f"{n.name}_MatMul" for n in onnx.load(path).graph.node if n.op_type == "Gemm"]
    options: dict = dict(per_channel=True, reduce_range=True, weight_type=QuantType.QInt8)
    try:
        with _quiet():
            quantize_dynamic(path, target, nodes_to_quantize=layers, **options)
        return onnx.load(target)
    finally:
        target.unlink(missing_ok=True)


def _describe(model: Any, info: ModelInfo) -> None:
    model.producer_name = "masa_mm"
    model.producer_version = ""
    del model.metadata_props[:]
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, info.to_json()
