"""Breakages of the MM stack that users must not meet."""

import functools
import importlib.metadata
import importlib.util
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import mmaction
import mmengine
import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.dist import utils as dist_utils
from mmengine.fileio import LocalBackend
from mmengine.logging import HistoryBuffer
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import AmpOptimWrapper
from mmengine.runner import CheckpointLoader, Runner

from masa_mm import compat, versions

ROOT = Path(__file__).resolve().parents[1]


def test_import_is_silent():
    """Neither our own nor the MM stack's modules greet the user with warnings."""
    code = "import masa_mm, mmaction.models, mmaction.datasets"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout + run.stderr == ""


def test_apply_is_idempotent():
    compat.apply()
    patched = (
        CheckpointLoader.load_checkpoint.__func__,
        Runner.load_checkpoint,
        LocalBackend.put,
        dist_utils._init_dist_pytorch,
        MMDistributedDataParallel.__init__,
        AmpOptimWrapper.__init__,
    )
    compat.apply()
    assert patched == (
        CheckpointLoader.load_checkpoint.__func__,
        Runner.load_checkpoint,
        LocalBackend.put,
        dist_utils._init_dist_pytorch,
        MMDistributedDataParallel.__init__,
        AmpOptimWrapper.__init__,
    )


def test_apply_refuses_mmcv_2_2_with_the_command_that_mends_it(monkeypatch):
    monkeypatch.setattr(versions, "installed_mmcv", lambda: {"mmcv": "2.2.0"})
    with pytest.raises(ImportError, match=r"#2852.*pip uninstall -y mmcv && pip install"):
        compat.apply()


def test_every_workaround_names_where_it_is_reported():
    for item in compat.WORKAROUNDS:
        assert item.issue.startswith(("open-mmlab/", "pypa/")), item.name


# ---- mmaction2 ---------------------------------------------------------------------------------


def test_localizers_import_without_the_missing_module():
    from mmaction.models.localizers import BMN, DRN

    assert MODELS.get("BMN") is BMN
    wheel_has_it = (Path(mmaction.__file__).parent / "models/localizers/drn/drn.py").exists()
    if not wheel_has_it:
        with pytest.raises(NotImplementedError, match="mmaction2#2714"):
            DRN()
        with pytest.raises(NotImplementedError, match="git"):
            MODELS.build(dict(type="DRN"))


def test_importlib_metadata_is_the_standard_librarys_where_missing(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.delitem(sys.modules, "importlib_metadata", raising=False)
    assert compat.importlib_metadata() is True
    from importlib_metadata import PackageNotFoundError, distribution

    assert distribution is importlib.metadata.distribution
    assert PackageNotFoundError is importlib.metadata.PackageNotFoundError


# ---- configs -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "base",
    [
        "skeleton/stgcnpp/stgcnpp_8xb16-joint-u100-80e_ntu60-xsub-keypoint-2d.py",
        "_base_/default_runtime.py",
    ],
)
def test_configs_inherit_from_mmaction2(tmp_path, base):
    file = tmp_path / "mixed.py"
    file.write_text(f'_base_ = "mmaction::{base}"\nwork_dir = "elsewhere"\n')
    cfg = Config.fromfile(file)
    assert cfg.work_dir == "elsewhere"
    original = Path(mmaction.__file__).parent / ".mim/configs" / base
    expected = Config.fromfile(original)
    assert cfg.default_hooks.keys() == expected.default_hooks.keys()
    if "model" in expected:
        assert cfg.model.backbone.type == expected.model.backbone.type == "STGCN"


def test_a_config_that_mmaction2_lacks_is_said_so(tmp_path):
    file = tmp_path / "mixed.py"
    file.write_text('_base_ = "mmaction::skeleton/nothing_of_the_kind.py"\n')
    with pytest.raises(FileNotFoundError, match="nothing_of_the_kind"):
        Config.fromfile(file)


def test_packages_are_found_without_pkg_resources():
    folder = str(Path(mmaction.__file__).parent)
    for find in (compat.get_installed_path, mmengine.utils.get_installed_path):
        assert find("mmaction2") == find("mmaction") == folder
    for asks in (compat.is_installed, mmengine.utils.is_installed):
        assert asks("mmaction2") and asks("mmaction")
        assert not asks("surely-no-such-package")
    with pytest.raises(ModuleNotFoundError, match="surely_no_such_package"):
        compat.get_installed_path("surely_no_such_package")


# ---- checkpoints -------------------------------------------------------------------------------


class Harmful:
    """Creates a file when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


class ByGetattr:
    """Asks for more than a statistic of HistoryBuffer, whose names mmengine pickles by getattr."""

    def __reduce__(self):
        return getattr, (HistoryBuffer, "__init__")


@pytest.fixture(params=["torch's own", "for torch < 2.6"])
def safe_loading(request, monkeypatch):
    """Both ways of loading safely; the second is for releases that allow no further globals."""
    if request.param != "torch's own":
        monkeypatch.setattr(compat, "_torch_allows_listed_globals", lambda: False)


def checkpoint_like_mmengines():
    scores = HistoryBuffer([0.5, 0.25], [1, 1])
    numbers = {t.__name__: t(1) for t in (np.float64, np.float32, np.int64, np.bool_, np.uint8)}
    names = np.array(["hello", "thanks"])
    return dict(
        meta=dict(epoch=2, seed=1, numbers=numbers, names=names),
        message_hub=dict(log_scalars={"train/loss": scores}),
        state_dict=torch.nn.Linear(2, 3).state_dict(),
        half=torch.ones(3, dtype=torch.bfloat16),
        parameter=torch.nn.Parameter(torch.zeros(2)),
    )


def assert_same(loaded, saved):
    assert loaded["meta"]["numbers"] == saved["meta"]["numbers"]
    assert loaded["meta"]["names"].tolist() == ["hello", "thanks"]
    history = loaded["message_hub"]["log_scalars"]["train/loss"]
    assert isinstance(history, HistoryBuffer) and history.mean() == 0.375
    assert history.data[0].tolist() == [0.5, 0.25]
    for name, value in saved["state_dict"].items():
        torch.testing.assert_close(loaded["state_dict"][name], value, rtol=0, atol=0)
    assert loaded["half"].dtype == torch.bfloat16
    assert isinstance(loaded["parameter"], torch.nn.Parameter)


def test_what_mmengine_saves_is_loaded(tmp_path, safe_loading):
    saved = checkpoint_like_mmengines()
    torch.save(saved, tmp_path / "run.pth")
    assert_same(CheckpointLoader.load_checkpoint(str(tmp_path / "run.pth")), saved)
    torch.save(saved, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert_same(CheckpointLoader.load_checkpoint(str(tmp_path / "old.pth")), saved)


@pytest.mark.parametrize(("own", "other"), [("_core", "core"), ("core", "_core")])
def test_numpy_arrays_of_another_numpy_are_loaded(tmp_path, safe_loading, own, other):
    saved = checkpoint_like_mmengines()
    torch.save(saved, tmp_path / "run.pth")
    rewrite_pickle(
        tmp_path / "run.pth",
        lambda data: data.replace(
            f"cnumpy.{own}.multiarray\n".encode(), f"cnumpy.{other}.multiarray\n".encode()
        ),
    )
    assert_same(compat.load_from_local(tmp_path / "run.pth"), saved)


def rewrite_pickle(path, change):
    with zipfile.ZipFile(path) as archive:
        entries = [(info.filename, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in entries:
            archive.writestr(name, change(data) if name.endswith("data.pkl") else data)


@pytest.mark.parametrize(
    "hidden", ["at the top", "in the meta", "in an object array", "by getattr"]
)
@pytest.mark.parametrize("new_format", [True, False])
def test_a_malicious_checkpoint_is_refused_and_not_executed(
    tmp_path, safe_loading, monkeypatch, hidden, new_format
):
    # The user's own switch for unsafe loading does not reach our checkpoints.
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    harmful = Harmful(tmp_path / "executed")
    content, message = {
        "at the top": (harmful, "refused.*system"),
        "in the meta": (dict(meta=dict(epoch=1, x=harmful), state_dict={}), "refused.*system"),
        "in an object array": (np.array([harmful, None], dtype=object), "refused|something else"),
        "by getattr": (ByGetattr(), "refused.*getattr"),
    }[hidden]
    path = tmp_path / "evil.pth"
    torch.save(content, path, _use_new_zipfile_serialization=new_format)
    with pytest.raises(compat.CheckpointError, match=f"evil.pth: .*({message})") as caught:
        CheckpointLoader.load_checkpoint(str(path))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "executed").exists()


def test_a_bare_pickle_is_refused(tmp_path, safe_loading):
    path = tmp_path / "evil.pth"
    path.write_bytes(pickle.dumps(Harmful(tmp_path / "executed")))
    with pytest.raises(compat.CheckpointError, match=r"evil.pth"):
        CheckpointLoader.load_checkpoint(str(path))
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.99])
@pytest.mark.parametrize("new_format", [True, False])
def test_a_truncated_checkpoint_is_one_clear_line(tmp_path, safe_loading, keep, new_format):
    path = tmp_path / "half.pth"
    saved = checkpoint_like_mmengines()
    torch.save(saved, path, _use_new_zipfile_serialization=new_format)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    with pytest.raises(compat.CheckpointError, match=r"half.pth: .*truncated") as caught:
        CheckpointLoader.load_checkpoint(str(path))
    assert "\n" not in str(caught.value)


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone.pth: no such checkpoint"):
        CheckpointLoader.load_checkpoint(str(tmp_path / "gone.pth"))


def test_other_schemes_load_safely_too(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    monkeypatch.setattr(CheckpointLoader, "_schemes", dict(CheckpointLoader._schemes))
    path = tmp_path / "evil.pth"
    torch.save(Harmful(tmp_path / "executed"), path)

    def load_from_shelf(name, map_location):
        return torch.load(path, map_location=map_location)

    CheckpointLoader.register_scheme("shelf://", load_from_shelf)
    with pytest.raises(compat.CheckpointError, match=r"shelf://evil.pth: refused"):
        CheckpointLoader.load_checkpoint("shelf://evil.pth")
    assert not (tmp_path / "executed").exists()
    assert os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] == "1"


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        ("gpu_ids = [0, 1]\nmodel = dict(type='X')", "gpu_ids = [0, 1]"),
        ("gpu_ids = __import__('os').getcwd()", ""),
        ("import os\nos.getcwd()", ""),
        ("not python at all (", ""),
        ("null\0byte", ""),
    ],
)
def test_only_literal_gpu_ids_are_taken_from_a_checkpoints_config(config, kept):
    assert compat._literal_gpu_ids(config) == kept


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    backend, path = LocalBackend(), tmp_path / "epoch_1.pth"
    backend.put(b"whole", path)
    with pytest.raises(TypeError):
        backend.put(12, path)
    backend.put_text("epoch_1.pth", tmp_path / "last_checkpoint")
    with pytest.raises(UnicodeEncodeError):
        backend.put_text("\ud800", tmp_path / "last_checkpoint")
    assert path.read_bytes() == b"whole"
    assert (tmp_path / "last_checkpoint").read_text() == "epoch_1.pth"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["epoch_1.pth", "last_checkpoint"]


# ---- machines without CUDA ---------------------------------------------------------------------

needs_cpu = pytest.mark.skipif(torch.cuda.is_available(), reason="is about machines without CUDA")


@needs_cpu
def test_amp_on_a_cpu_is_bfloat16():
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    wrapper = AmpOptimWrapper(optimizer=optimizer, loss_scale="dynamic", clip_grad=dict(max_norm=1))
    before = model.weight.detach().clone()
    with wrapper.optim_context(model):
        out = model(torch.ones(1, 3))
    assert out.dtype == torch.bfloat16
    wrapper.update_params(out.float().sum())
    assert not torch.equal(model.weight, before)
    wrapper.load_state_dict(wrapper.state_dict())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_mmaction2s_heads_take_bfloat16_scores(dtype):
    head = MODELS.build(dict(type="GCNHead", num_classes=6, in_channels=4))
    scores = torch.eye(6, dtype=dtype, requires_grad=True)
    samples = [ActionDataSample().set_gt_label(label) for label in range(6)]
    losses = head.loss_by_feat(scores, samples)
    assert losses["top1_acc"] == 1
    expected = torch.nn.functional.cross_entropy(torch.eye(6), torch.arange(6))
    torch.testing.assert_close(losses["loss_cls"], expected)


@needs_cpu
def test_one_gloo_process_without_cuda(monkeypatch):
    """Through mmengine's own start; two processes train in tests/tools/test_train_cli.py."""
    for name, value in dict(RANK=0, LOCAL_RANK=0, WORLD_SIZE=1, MASTER_ADDR="127.0.0.1").items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("MASTER_PORT", str(free_port()))
    dist_utils.init_dist("pytorch", backend="nccl")
    try:
        assert torch.distributed.get_backend() == "gloo"
        wrapped = MMDistributedDataParallel(module=torch.nn.Linear(2, 2), device_ids=[0])
        assert wrapped(torch.ones(1, 2)).shape == (1, 2)
    finally:
        torch.distributed.destroy_process_group()


@functools.cache
def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
