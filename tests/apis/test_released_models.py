"""Released models by name."""

import hashlib

import pytest
import torch

from masa_mm.apis import get_model, list_models, released_models
from masa_mm.errors import MissingKeyError
from masa_mm.inference.inferencer import open_model

from toys.inference_toys import save_training


@pytest.fixture
def released(tmp_path, monkeypatch):
    """One model, on a server in a folder."""
    checkpoint = save_training(tmp_path / "tiny.pth")
    digits = hashlib.sha256(checkpoint.read_bytes()).hexdigest()[:8]
    checkpoint = checkpoint.rename(tmp_path / f"tiny-{digits}.pth")
    monkeypatch.setitem(released_models.RELEASED, "masa_tiny", checkpoint.as_uri())
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return checkpoint


def test_a_model_by_name(released, tmp_path):
    assert "masa_tiny" in list_models() and list_models("other_*") == []
    network = get_model("masa_tiny")
    expected = open_model(released, device="cpu").network.state_dict()
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, expected[name])
    assert not network.training
    assert (tmp_path / "hub/checkpoints" / released.name).is_file()
    random = get_model("masa_tiny", pretrained=False).state_dict()
    assert any(not torch.equal(random[name], value) for name, value in expected.items())


def test_a_damaged_download_is_not_kept(released, tmp_path):
    released.write_bytes(b"damaged")
    with pytest.raises(RuntimeError, match="invalid hash"):
        get_model("masa_tiny")
    assert not list((tmp_path / "hub/checkpoints").glob("*.pth"))


def test_names_that_do_not_exist(released, monkeypatch):
    with pytest.raises(MissingKeyError, match="no released model 'huge'; there are masa_tiny"):
        get_model("huge")
    monkeypatch.setattr(released_models, "RELEASED", {})
    with pytest.raises(MissingKeyError, match="there are none yet"):
        get_model("huge")
