"""What is stored of where a result comes from."""

import pytest
import torch

from bnlab.store import environment


def test_a_result_of_a_gpu_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cause: result.json lacked the GPU's name and its libraries' versions."""
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"GPU 7 as {device}")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 91000)
    described = environment.describe("cuda:1", threads=2)
    assert (described["gpu"], described["cuda"], described["cudnn"]) == ("GPU 7 as cuda:1", "13.0", 91000)
    assert "gpu" not in environment.describe("cpu", threads=2)
