"""Exported models, and the example of docs/export.md.

Tests masa_mm.inference.export, masa_mm.inference.exported_model and masa_mm.inference.model_info.
"""

import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from masa_mm.errors import UserError
from masa_mm.inference.clips import PoseClip
from masa_mm.inference.landmark_network import LandmarkNetwork
from masa_mm.inference.model_info import Calibration, ModelInfo

from toys.paths import ROOT
from toys.sign_models import landmarks, recogniser, transforms

onnx = pytest.importorskip("onnx", reason="the extra 'export' is not installed")
pytest.importorskip("onnxscript", reason="the extra 'export' is not installed")
ort = pytest.importorskip("onnxruntime", reason="the extra 'export' is not installed")
from masa_mm.inference.export import export_onnx  # noqa: E402
from masa_mm.inference.exported_model import ExportedModel  # noqa: E402

pytestmark = pytest.mark.skipif(
    tuple(map(int, torch.__version__.split(".")[:2])) < (2, 6), reason="exporting needs torch 2.6"
)
SIZE = (640, 480)
INFO = ModelInfo(
    classes=["hello", "thanks", "é", "no", "yes"],
    layout="mediapipe_holistic",
    clip_len=8,
    calibration=Calibration(temperature=1.5, threshold=0.3, acceptance=0.95),
    card=dict(data="generated"),
)


@pytest.fixture(scope="module")
def network():
    return LandmarkNetwork(recogniser(), transforms(), INFO.layout)


@pytest.fixture(scope="module")
def path(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    export_onnx(network, path, INFO)
    return path


@pytest.mark.parametrize("hands, blank", [(0.7, 0.2), (0.0, 0.0), (1.0, 0.0), (0.5, 1.0)])
def test_it_equals_torch_at_any_length(network, path, hands, blank):
    model = ExportedModel(path)
    for length in (0, 1, 2, 3, 7, 8, 9, 16, 31, 100, 500):
        clip = landmarks(length, seed=length, num_joints=75, hands=hands, blank=blank)
        found = model(PoseClip("a", clip, SIZE, INFO.layout))
        expected = network(torch.from_numpy(clip), torch.tensor(SIZE, dtype=torch.float32))
        for mine, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine, theirs.numpy(), atol=1e-4)


def test_one_hand_counts(network, path):
    model = ExportedModel(path)
    clip = landmarks(20, num_joints=75, hands=1.0, blank=0.0)
    both = model(PoseClip("a", clip, SIZE, INFO.layout)).scores
    clip[:, 33:54] = 0  # the left hand
    assert np.abs(model(PoseClip("a", clip, SIZE, INFO.layout)).scores - both).max() > 1e-3


def test_the_description_is_kept(path):
    assert ExportedModel(path).info == INFO


def test_the_file_holds_no_paths_of_this_machine(path):
    content = path.read_bytes()
    assert b".py" not in content and b"site-packages" not in content


def test_int8_is_smaller_and_close(network, path, tmp_path):
    report = export_onnx(network, tmp_path / "int8.onnx", INFO, quantize="int8")
    model = ExportedModel(report.path)
    clip = landmarks(20, num_joints=75)
    found = model(PoseClip("a", clip, SIZE, INFO.layout)).scores
    expected = ExportedModel(path)(PoseClip("a", clip, SIZE, INFO.layout)).scores
    assert np.abs(found - expected).max() < 0.1 * np.abs(expected).max()
    nodes = {node.op_type for node in onnx.load(report.path).graph.node}
    assert "DynamicQuantizeLinear" in nodes


def test_an_encoder_without_classes_gives_embeddings(tmp_path):
    model = recogniser()
    model.cls_head = None
    info = ModelInfo(clip_len=8)
    export_onnx(LandmarkNetwork(model, transforms()), tmp_path / "encoder.onnx", info)
    found = ExportedModel(tmp_path / "encoder.onnx")(PoseClip("a", landmarks(9), SIZE))
    assert found.scores is None
    assert found.embedding.shape == (24,)


def test_the_example_of_the_docs_needs_numpy_and_onnxruntime_only(path):
    page = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    code += "\nassert not {'torch', 'scipy', 'masa_mm'} & set(sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    *glosses, known = found.stdout.splitlines()
    assert len(glosses) == 3 and {line.split(": ")[0] for line in glosses} < set(INFO.classes)
    assert known in ("known sign", "unknown sign")


def other_model(path):
    """Write an ONNX file of somebody else."""
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    out = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph([node], "other", [value], [out])
    opset = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), path)


def test_an_onnx_file_of_others_is_refused(tmp_path):
    other_model(tmp_path / "other.onnx")
    with pytest.raises(UserError, match="none of masa_mm"):
        ExportedModel(tmp_path / "other.onnx")


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x08" * 100])
def test_a_damaged_file_is_one_line(tmp_path, content):
    (tmp_path / "damaged.onnx").write_bytes(content)
    with pytest.raises(UserError, match=r"damaged\.onnx"):
        ExportedModel(tmp_path / "damaged.onnx")


def described(path, tmp_path, text):
    """Write the exported model with another description."""
    model = onnx.load(path)
    model.metadata_props[0].value = text
    onnx.save(model, tmp_path / "changed.onnx")
    return tmp_path / "changed.onnx"


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"version": 1}', "cannot be read"),
        (INFO.to_json().replace('"version": 1', '"version": 2'), "update masa_mm"),
        (INFO.to_json().replace("mediapipe_holistic", "other"), "no joint layout"),
        (INFO.to_json().replace("1.5", "0"), "temperature"),
        (INFO.to_json().replace("1.5", "NaN"), "temperature"),
        (INFO.to_json().replace('"hello"', "1"), "classes are not names"),
    ],
)
def test_a_damaged_description_is_refused(path, tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        ExportedModel(described(path, tmp_path, text))


def test_weights_in_another_file_are_not_read(path, tmp_path):
    model = onnx.load(path)
    onnx.save(
        model, tmp_path / "split.onnx", save_as_external_data=True, location="w", size_threshold=0
    )
    with pytest.raises(UserError, match="cannot load it"):
        ExportedModel(tmp_path / "split.onnx")
