"""The one place that knows about broken releases of the MM stack.

:func:`apply` is called first thing by ``import masa_mm``, before mmaction is imported. Each
workaround is one function that names its upstream issue, looks whether the breakage is there, mends
it and says whether it did. Importing this module imports neither torch nor the MM stack.
"""

from __future__ import annotations

import ast
import contextlib
import errno
import functools
import importlib.metadata
import importlib.util
import os
import pickle
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from . import versions


class Workaround(NamedTuple):
    """What is broken upstream, where it is reported, and the function that mends it if it is."""

    name: str
    issue: str
    mend: Callable[[], bool]


WORKAROUNDS: list[Workaround] = []
_done: dict[str, bool] = {}  # name -> whether it was needed


class CheckpointError(ValueError):
    """A checkpoint that cannot be read, or that holds more than data."""


def workaround(issue: str) -> Callable:
    """Register a function as the workaround of an upstream issue; they run in this file's order."""

    def register(mend: Callable[[], bool]) -> Callable[[], bool]:
        WORKAROUNDS.append(Workaround(mend.__name__, issue, mend))
        return mend

    return register


def apply() -> None:
    """Check the installed releases and mend what is known to be broken in them; idempotent.

    Raises:
        ImportError: a release does not work or is missing, with the command that mends it.
    """
    problems = versions.problems()
    if problems:
        raise ImportError("\n".join(str(problem) for problem in problems))
    for item in WORKAROUNDS:
        if item.name not in _done:
            _done[item.name] = item.mend()


def active() -> list[Workaround]:
    """The workarounds that were needed here."""
    return [item for item in WORKAROUNDS if _done.get(item.name)]


# ---- mmaction2 ---------------------------------------------------------------------------------


@workaround("open-mmlab/mmaction2#2714: mmaction2 needs importlib_metadata but does not declare it")
def importlib_metadata() -> bool:
    if importlib.util.find_spec("importlib_metadata") is not None:
        return False
    sys.modules["importlib_metadata"] = importlib.metadata
    return True


@workaround("open-mmlab/mmaction2#2714: the 1.2.0 wheel lacks mmaction.models.localizers.drn")
def localizers_drn() -> bool:
    localizers = _package_folder("mmaction") / "models" / "localizers"
    imports_drn = ".drn" in (localizers / "__init__.py").read_text(encoding="utf-8")
    if not imports_drn or (localizers / "drn" / "drn.py").exists():
        return False
    from mmaction.registry import MODELS

    @MODELS.register_module()
    class DRN:
        """Stands for the localizer that the wheel forgot."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            raise NotImplementedError(
                "DRN is missing from the mmaction2 1.2.0 wheel (open-mmlab/mmaction2#2714); "
                "install mmaction2 from its git repository to use it"
            )

    package = "mmaction.models.localizers.drn"
    sys.modules[package] = types.ModuleType(package)
    sys.modules[f"{package}.drn"] = types.ModuleType(f"{package}.drn")
    sys.modules[f"{package}.drn"].DRN = DRN
    return True


@workaround("open-mmlab/mmcv: mmcv-lite warns of an operator that skeletons do not use")
def silent_mmcv_lite() -> bool:
    if "mmcv-lite" not in versions.installed_mmcv():
        return False
    warnings.filterwarnings("ignore", message="Fail to import ``MultiScaleDeformableAttention``")
    return True


# ---- configs inherited from mmaction2 ----------------------------------------------------------


@workaround("pypa/setuptools#3085: setuptools >= 82 has no pkg_resources, which mmengine imports")
def pkg_resources() -> bool:
    if importlib.util.find_spec("pkg_resources") is not None:
        return False
    from mmengine.utils import package_utils

    for replacement in (is_installed, get_installed_path, package2module):
        _replace_everywhere(getattr(package_utils, replacement.__name__), replacement)
    return True


def is_installed(package: str) -> bool:
    """Whether a distribution, or a module of that name, is installed."""
    if versions.installed(package) is not None:
        return True
    spec = importlib.util.find_spec(package)
    return spec is not None and spec.origin is not None


def get_installed_path(package: str) -> str:
    """The folder of the module that a distribution (or a module of that name) installs.

    Raises:
        ModuleNotFoundError: nothing of that name is installed.
    """
    try:
        module = package if importlib.util.find_spec(package) else package2module(package)
    except importlib.metadata.PackageNotFoundError:
        raise ModuleNotFoundError(f"{package} is not installed") from None
    return str(_package_folder(module))


def package2module(package: str) -> str:
    """The name of the first module that a distribution installs ('mmaction2' -> 'mmaction')."""
    names = importlib.metadata.distribution(package).read_text("top_level.txt")
    if not names:
        raise ValueError(f"cannot tell which module {package} installs: it has no top_level.txt")
    return names.split()[0]


@workaround(
    "open-mmlab/mmaction2#2585: a metafile lists several configs where mmengine expects one"
)
def metafile_with_listed_configs() -> bool:
    from mmengine.config import utils

    load = utils.load

    @functools.wraps(load)
    def load_metafile(file: Any, *args: Any, **kwargs: Any) -> Any:
        meta = load(file, *args, **kwargs)
        if isinstance(meta, dict) and isinstance(meta.get("Models"), list):
            meta["Models"] = [one for model in meta["Models"] for one in _one_config_each(model)]
        return meta

    utils.load = load_metafile
    return True


def _one_config_each(model: dict) -> list[dict]:
    configs = model.get("Config")
    return [{**model, "Config": c} for c in configs] if isinstance(configs, list) else [model]


# ---- checkpoints -------------------------------------------------------------------------------


@workaround(
    "open-mmlab/mmengine#1655: torch >= 2.6 refuses the HistoryBuffers in mmengine's checkpoints"
)
def safe_checkpoints() -> bool:
    """Loads every checkpoint as data: what mmengine itself writes is allowed, all else refused.

    torch < 2.6 would by default execute whatever a checkpoint says; here it does not either.
    """
    from mmengine.runner.checkpoint import CheckpointLoader

    if _torch_allows_listed_globals():
        import torch

        torch.serialization.add_safe_globals(_safe_globals())
    CheckpointLoader.register_scheme(prefixes="", loader=load_from_local, force=True)
    load_checkpoint = CheckpointLoader.load_checkpoint.__func__

    @classmethod
    @functools.wraps(load_checkpoint)
    def load_as_data(cls, filename: str, *args: Any, **kwargs: Any) -> Any:
        # The schemes other than a local file (http, s3, ...) call torch.load with its defaults.
        with _environment(TORCH_FORCE_WEIGHTS_ONLY_LOAD="1"), _clear_errors(filename):
            return load_checkpoint(cls, filename, *args, **kwargs)

    CheckpointLoader.load_checkpoint = load_as_data
    return True


def load_from_local(filename: str | os.PathLike, map_location: Any = None) -> Any:
    """Load a local checkpoint as data: nothing of it is executed, with any release of torch.

    Tensors, plain containers and what mmengine's checkpoints hold (``HistoryBuffer``, numpy arrays
    and scalars of numbers) are read; everything else is refused.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: the file is damaged or holds more than data; names the file and the remedy.
    """
    import torch

    path = Path(filename).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"{filename}: no such checkpoint")
    with _clear_errors(filename), _environment():
        if _torch_allows_listed_globals():
            return torch.load(path, map_location=map_location, weights_only=True)
        return torch.load(
            path, map_location=map_location, weights_only=False, pickle_module=_data_only_pickle()
        )


@workaround(
    "open-mmlab/mmengine (unreported): Runner.resume executes the config text of a checkpoint"
)
def inert_checkpoint_config() -> bool:
    """``Runner.resume`` looks for ``gpu_ids`` in a checkpoint's config by running it as Python."""
    from mmengine.runner import Runner

    load_checkpoint = Runner.load_checkpoint

    @functools.wraps(load_checkpoint)
    def load_without_code(self, *args: Any, **kwargs: Any) -> dict:
        checkpoint = load_checkpoint(self, *args, **kwargs)
        meta = checkpoint.get("meta", {})
        if isinstance(meta.get("config"), str):
            meta["config"] = _literal_gpu_ids(meta["config"])
        return checkpoint

    Runner.load_checkpoint = load_without_code
    return True


def _literal_gpu_ids(config: str) -> str:
    """The ``gpu_ids = [...]`` line of a config's text if it has a literal one, else nothing."""
    with contextlib.suppress(SyntaxError, ValueError):
        for node in ast.parse(config).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "gpu_ids":
                return f"gpu_ids = {ast.literal_eval(node.value)!r}"
    return ""


@workaround(
    "open-mmlab/mmengine (unreported): a run killed while writing a checkpoint leaves half of it"
)
def whole_files() -> bool:
    """Writes files (checkpoints, ``last_checkpoint``) beside their place and renames them."""
    from mmengine.fileio import LocalBackend

    for name in ("put", "put_text"):
        setattr(LocalBackend, name, _write_beside(getattr(LocalBackend, name)))
    return True


def _write_beside(put: Callable) -> Callable:
    @functools.wraps(put)
    def put_whole(self, obj: Any, filepath: str | os.PathLike, *args: Any, **kwargs: Any) -> None:
        path = Path(filepath)
        beside = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            put(self, obj, beside, *args, **kwargs)
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)

    return put_whole


def _torch_allows_listed_globals() -> bool:
    return versions.release(versions.installed("torch")) >= (2, 6)


def _safe_globals() -> list[Any]:
    """What an mmengine checkpoint holds beside tensors and plain containers."""
    import _codecs

    import numpy as np
    from mmengine.logging import HistoryBuffer

    reconstruct = np.empty(0).__reduce__()[0]
    scalar = np.float64().__reduce__()[0]
    # Only numbers, and text for class names: a dtype=object array could hold anything.
    dtypes = {type(np.dtype(code)) for code in "?bhilqBHILQefdU"}
    renamed = [
        (function, f"numpy.{core}.multiarray.{function.__name__}")
        for function in (reconstruct, scalar)
        for core in ("core", "_core")  # numpy 1, numpy 2
    ]
    # In Python 2's and 3's words: which of them a pickle uses depends on its protocol.
    statistics = [
        (_history_statistic, f"{module}.getattr") for module in ("builtins", "__builtin__")
    ]
    return [HistoryBuffer, np.ndarray, np.dtype, _codecs.encode, *statistics, *renamed, *dtypes]


def _history_statistic(owner: type, name: str) -> Callable:
    """What ``getattr`` may be in a checkpoint: a HistoryBuffer names its statistics by it.

    The real one would give a malicious file a way from any allowed class to everything.
    """
    from mmengine.logging import HistoryBuffer

    if owner is not HistoryBuffer or name not in ("min", "max", "current", "mean"):
        raise pickle.UnpicklingError(f"Unsupported global: GLOBAL getattr({owner}, {name!r})")
    return getattr(HistoryBuffer, name)


def _data_only_pickle() -> types.ModuleType:
    """``pickle`` for torch < 2.6, whose own safe loading cannot be told of ``HistoryBuffer``.

    Finds the globals that torch's safe loading allows and those of :func:`_safe_globals`, no other.
    """
    from torch import _weights_only_unpickler as torch_unpickler

    allowed = dict(torch_unpickler._get_allowed_globals())
    for item in _safe_globals():
        target, name = item if isinstance(item, tuple) else (item, _qualified_name(item))
        allowed[name] = target

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            try:
                return allowed[f"{module}.{name}"]
            except KeyError:
                raise pickle.UnpicklingError(
                    f"Unsupported global: GLOBAL {module}.{name}"
                ) from None

    restricted = types.ModuleType("data_only_pickle")
    restricted.Unpickler = Unpickler
    restricted.UnpicklingError = pickle.UnpicklingError
    restricted.load = lambda file, **kwargs: Unpickler(file, **kwargs).load()
    return restricted


def _qualified_name(item: Any) -> str:
    return f"{item.__module__}.{item.__qualname__}"


@contextlib.contextmanager
def _clear_errors(filename: str | os.PathLike) -> Iterator[None]:
    try:
        yield
    except (CheckpointError, ImportError):
        raise
    except Exception as error:  # what a damaged file makes of an unpickler can be anything
        # In a truncated archive torch seeks before its start: "Invalid argument", not a bad disk.
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        text = str(error)
        if "GLOBAL" in text:
            name = text.split("GLOBAL", 1)[1].split(" was not")[0].split("\n")[0].strip(" .,")
            raise CheckpointError(
                f"{filename}: refused, it asks to run {name}, which is no data; nothing of it was "
                "executed. Use a checkpoint from a source you trust, saved with plain tensors"
            ) from None
        reason = f"{type(error).__name__}: {(text.splitlines() or [''])[0][:120]}"
        raise CheckpointError(
            f"{filename}: cannot be read as a checkpoint, it is truncated, damaged or holds "
            f"something else ({reason}); resume from an earlier one or fetch it again"
        ) from error


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    """torch's switches for loading set to ``values`` and otherwise off, whatever the user set."""
    switches = ("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
    with mock.patch.dict(os.environ, values):
        for name in set(switches) - set(values):
            os.environ.pop(name, None)
        yield


# ---- machines without CUDA ---------------------------------------------------------------------


@workaround("open-mmlab/mmengine (unreported): distributed start needs CUDA and NCCL")
def distributed_without_cuda() -> bool:
    import torch
    from mmengine.dist import utils

    if _has_accelerator():
        return False
    for name in ("_init_dist_pytorch", "_init_dist_mpi", "_init_dist_slurm"):
        setattr(utils, name, _start_with_gloo(getattr(utils, name), torch.cuda))
    return True


def _start_with_gloo(init: Callable, cuda: types.ModuleType) -> Callable:
    @functools.wraps(init)
    def init_with_gloo(backend: str, *args: Any, **kwargs: Any) -> None:
        with mock.patch.object(cuda, "set_device", lambda device: None):
            init("gloo" if backend == "nccl" else backend, *args, **kwargs)

    return init_with_gloo


@workaround("open-mmlab/mmengine (unreported): DistributedDataParallel gets device_ids on a CPU")
def ddp_without_cuda() -> bool:
    from mmengine.model import MMDistributedDataParallel

    if _has_accelerator():
        return False
    init = MMDistributedDataParallel.__init__

    @functools.wraps(init)
    def init_on_cpu(self, module: Any, *args: Any, **kwargs: Any) -> None:
        kwargs.update(device_ids=None, output_device=None)
        init(self, module, *args, **kwargs)

    MMDistributedDataParallel.__init__ = init_on_cpu
    return True


@workaround("open-mmlab/mmengine (unreported): AmpOptimWrapper refuses CPUs, which have bfloat16")
def amp_without_cuda() -> bool:
    import torch
    from mmengine.logging import print_log
    from mmengine.optim import AmpOptimWrapper, OptimWrapper

    if _has_accelerator():
        return False

    @functools.wraps(AmpOptimWrapper.__init__)
    def init_on_cpu(
        self, loss_scale: Any = "dynamic", dtype: Any = None, use_fsdp: bool = False, **kwargs: Any
    ) -> None:
        OptimWrapper.__init__(self, **kwargs)
        if dtype not in (None, "bfloat16", torch.bfloat16):
            print_log(f"AmpOptimWrapper: no {dtype} on a CPU, bfloat16 is used", "current", 30)
        # bfloat16 has float32's range: nothing to scale.
        self.loss_scaler = torch.amp.GradScaler("cpu", enabled=False)
        self.cast_dtype, self._scale_update_param = torch.bfloat16, None

    AmpOptimWrapper.__init__ = init_on_cpu
    return True


@workaround("open-mmlab/mmaction2 (unreported): heads make numpy arrays of bfloat16 scores")
def bfloat16_scores() -> bool:
    import torch
    from mmaction.models.heads import BaseHead

    loss_by_feat = BaseHead.loss_by_feat

    @functools.wraps(loss_by_feat)
    def loss_of_numbers_numpy_has(self, cls_scores: Any, *args: Any, **kwargs: Any) -> dict:
        if cls_scores.dtype == torch.bfloat16:
            cls_scores = cls_scores.float()
        return loss_by_feat(self, cls_scores, *args, **kwargs)

    BaseHead.loss_by_feat = loss_of_numbers_numpy_has
    return True


def _has_accelerator() -> bool:
    from mmengine.device import get_device

    return get_device() not in ("cpu", "mps")


# ---- common ------------------------------------------------------------------------------------


def _package_folder(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{module} is not installed as a package")
    return Path(spec.origin).parent


def _replace_everywhere(original: Any, replacement: Any) -> None:
    """Replace a function in every loaded module that has imported it by name."""
    for module in list(sys.modules.values()):
        if getattr(module, "__dict__", {}).get(original.__name__) is original:
            setattr(module, original.__name__, replacement)
