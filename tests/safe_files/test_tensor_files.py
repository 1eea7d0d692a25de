"""Tensors of a checkpoint lie within their storages, whatever the file says.

Also covers masa_mm.safe_files.tensor_pickle. torch's own reader accepted some of these files:
CVE-2025-32434 (the tar format, before torch 2.6), CVE-2026-24747 (items of what is no dict, sizes
of storages, before 2.10); sparse and quantized tensors of any release crash when they are used.
"""

import io
import tarfile
import zipfile

import pytest
import torch

from masa_mm.compat import CheckpointError, load_from_local

from toys.pickle_toys import Raw, call, name, pickled, put

VALUES = dict(
    strided=torch.arange(12.0).reshape(3, 4).t()[1:],
    scalar=torch.tensor(3),
    empty=torch.zeros(0, 3),
    expanded=torch.ones(1, 3).expand(4, 3),
    half=torch.ones(3, dtype=torch.bfloat16),
    mask=torch.tensor([True, False]),
    complex=torch.ones(2, dtype=torch.complex64),
    parameter=torch.nn.Parameter(torch.ones(2)),
)


@pytest.mark.parametrize("dtype", [torch.uint16, torch.float8_e5m2], ids=str)
def test_later_types_are_read_where_torch_writes_them(tmp_path, dtype):
    value = torch.tensor([1, 2]).to(dtype)
    try:
        torch.save(value, tmp_path / "a.pth")
    except KeyError:
        pytest.skip(f"this torch cannot save {dtype}")
    assert torch.equal(load_from_local(tmp_path / "a.pth").float(), value.float())


@pytest.mark.parametrize("new_format", [True, False])
def test_dense_tensors_are_read(tmp_path, new_format):
    shared = torch.arange(6.0)
    saved = dict(VALUES, first=shared[:3], second=shared[2:], size=torch.Size([1, 2]))
    saved.update(dtype=torch.float16, device=torch.device("cpu"), momentum=[0.9, None, True])
    torch.save(saved, tmp_path / "a.pth", _use_new_zipfile_serialization=new_format)
    read = load_from_local(tmp_path / "a.pth")
    assert read.keys() == saved.keys()
    for key, value in saved.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(read[key], value) and read[key].stride() == value.stride()
            assert read[key].dtype == value.dtype
            assert read[key].requires_grad == value.requires_grad
        else:
            assert read[key] == value
    read["first"][2] = 7
    assert read["second"][0] == 7, "they share a storage, as before"
    assert isinstance(read["parameter"], torch.nn.Parameter)


def test_the_location_is_as_in_torch(tmp_path):
    torch.save(VALUES["mask"], tmp_path / "a.pth")
    for place in (None, "cpu", torch.device("cpu"), {"cpu": "cpu"}, lambda storage, _: storage):
        assert load_from_local(tmp_path / "a.pth", map_location=place).device.type == "cpu"


def storage(kind="FloatStorage", key="0", location="cpu", numel=4):
    """Push a storage of 16 bytes."""
    return Raw(put(("storage", name(f"torch {kind}"), key, location, numel)) + b"Q")


def tensor(source=None, offset=0, size=(4,), stride=(1,), grad=False, *more):
    hooks = call("collections OrderedDict")
    return call(
        "torch._utils _rebuild_tensor_v2",
        source or storage(),
        offset,
        size,
        stride,
        grad,
        hooks,
        *more,
    )


def write(path, value, data=bytes(16), **options):
    entries = {"a/data.pkl": b"\x80\x02" + value.code + b".", "a/data/0": data, **options}
    with zipfile.ZipFile(path, "w") as archive:
        for entry, content in entries.items():
            archive.writestr(entry, content)


SPARSE = call(
    "torch._utils _rebuild_sparse_tensor",
    call("torch.serialization _get_layout", "torch.sparse_coo"),
    (tensor(), tensor(), (4,), True),
)
LIES = {
    "beyond the storage": tensor(size=(5,)),
    "beyond by offset": tensor(offset=1),
    "beyond by stride": tensor(stride=(2,)),
    "a negative offset": tensor(offset=-1),
    "a negative stride": tensor(stride=(-1,)),
    "a product beyond 64 bits": tensor(size=(2**32, 2**32), stride=(0, 0)),
    "a large expansion": tensor(size=(10**12,), stride=(0,)),
    "empty and yet large": tensor(size=(0, 2**62), stride=(1, 1)),
    "empty with a large stride": tensor(size=(0, 1), stride=(1, 2**62)),
    "a stride too few": tensor(size=(2, 2), stride=(1,)),
    "text as size": tensor(size=("a",)),
    "integers with gradients": tensor(storage("IntStorage"), grad=True),
    "metadata": tensor(None, 0, (4,), (1,), False, {"conj": True}),
    "more elements than bytes": tensor(storage(numel=5), size=(5,)),
    "another dtype": tensor(storage("DoubleStorage")),
    "two dtypes": Raw(tensor().code + b"0" + tensor(storage("IntStorage")).code),
    "no elements": tensor(storage(numel=-1)),
    "a missing storage": tensor(storage(key="1")),
    "a path": tensor(storage(key="../0")),
    "the meta device": tensor(storage(location="meta")),
    "quantized": tensor(storage("QInt8Storage", numel=16)),
    "sparse": SPARSE,
    "a tensor by its class": Raw(
        name("torch.FloatTensor").code if False else b"ctorch\nTensor\n)\x81"
    ),
    "a state for a tensor": Raw(tensor().code + put({"data": 1}) + b"b"),
    "items for a tensor": Raw(tensor().code + b"K\x00K\x01s"),
    "attributes": call(
        "torch._utils _rebuild_parameter_with_state", tensor(), True, None, {"a": 1}
    ),
    "a subclass": call("torch._tensor _rebuild_from_type_v2", name("torch Tensor"), None, (), {}),
    "meta": call("torch._utils _rebuild_meta_tensor_no_storage", None, (4,), (1,), False),
    "a history": Raw(
        name("mmengine.logging.history_buffer HistoryBuffer").code + b")\x81" + put({"a": 1}) + b"b"
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_lies_are_refused_in_one_line(tmp_path, lie):
    write(tmp_path / "a.pth", LIES[lie])
    with pytest.raises(CheckpointError, match=r"a\.pth: ") as caught:
        load_from_local(tmp_path / "a.pth")
    assert len(str(caught.value).splitlines()) == 1


def test_without_lies_the_same_file_is_read(tmp_path):
    write(tmp_path / "a.pth", tensor())
    assert torch.equal(load_from_local(tmp_path / "a.pth"), torch.zeros(4))


def test_truth_values_are_0_or_1(tmp_path):
    write(tmp_path / "a.pth", tensor(storage("BoolStorage", numel=16)), b"\2" * 16)
    with pytest.raises(CheckpointError, match="neither 0 nor 1"):
        load_from_local(tmp_path / "a.pth")


@pytest.mark.parametrize("new_format", [True, False])
@pytest.mark.parametrize(
    "value",
    [
        torch.eye(3).to_sparse(),
        torch.quantize_per_tensor(torch.eye(3), 0.1, 0, torch.qint8),
        torch.zeros(3, device="meta"),
    ],
    ids=["sparse", "quantized", "meta"],
)
def test_other_tensors_are_refused(tmp_path, value, new_format):
    torch.save(
        dict(state_dict=dict(a=value)),
        tmp_path / "a.pth",
        _use_new_zipfile_serialization=new_format,
    )
    with pytest.raises(CheckpointError, match=r"a\.pth: refused because it holds"):
        load_from_local(tmp_path / "a.pth")


def test_archives_are_as_torch_writes_them(tmp_path):
    """Nothing is compressed, repeated or hidden."""
    path = tmp_path / "a.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", pickled(tensor()))
        archive.writestr("a/data/0", bytes(10**6))
    with pytest.raises(CheckpointError, match="refused because it holds compressed"):
        load_from_local(path)
    write(path, tensor(), **{"b/data.pkl": b"N."})
    with pytest.raises(CheckpointError, match=r"but not of torch\.save"):
        load_from_local(path)
    write(path, tensor(), **{"a/byteorder": b"big"})
    with pytest.raises(CheckpointError, match="another byte order"):
        load_from_local(path)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "w") as archive:
        for _ in range(2):
            archive.writestr("a/data.pkl", pickled(tensor()))
    with pytest.raises(CheckpointError, match="repeated"):
        load_from_local(path)


def test_a_changed_checksum_is_noticed(tmp_path):
    write(tmp_path / "a.pth", tensor(), b"0123456789abcdef")
    data = (tmp_path / "a.pth").read_bytes()
    (tmp_path / "a.pth").write_bytes(data.replace(b"0123456789abcdef", b"0123456789abcdeF"))
    with pytest.raises(CheckpointError, match="damaged"):
        load_from_local(tmp_path / "a.pth")


def test_the_tar_format_is_refused(tmp_path):
    with tarfile.open(tmp_path / "a.pth", "w") as archive:
        for entry in ("sys_info", "pickle", "storages", "tensors"):
            archive.addfile(tarfile.TarInfo(entry), io.BytesIO())
    with pytest.raises(CheckpointError, match=r"does not begin as a file of torch\.save"):
        load_from_local(tmp_path / "a.pth")


def test_declared_storages_of_the_old_format_are_limited(tmp_path):
    file = io.BytesIO()
    torch.save(torch.zeros(4), file, _use_new_zipfile_serialization=False)
    data = file.getvalue()
    for change in (b"J\xff\xff\xff\x7f", b"K\x05"):
        (tmp_path / "a.pth").write_bytes(data.replace(b"K\x04N", change + b"N", 1))
        with pytest.raises(CheckpointError, match=r"refused because|cannot be read"):
            load_from_local(tmp_path / "a.pth")
