"""The other four datasets, from tiny IDX files that the tests write."""

import gzip
import tracemalloc
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
import torchvision.datasets.mnist

from bnlab.data import load
from bnlab.errors import UserError

from . import idx

FOUR = list(idx.RELATIVES)


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("name", FOUR)
def test_files_already_there_are_used(tmp_path: Path, name: str, ending: str) -> None:
    made = idx.write_all(tmp_path, name, ending)
    source = load(name, tmp_path)
    for images, labels, tensors in [
        (made[0], made[1], (source.train_images, source.train_labels)),
        (made[2], made[3], (source.test_images, source.test_labels)),
    ]:
        upright = np.stack([image.T for image in images]) if name == "emnist" else images
        np.testing.assert_array_equal(tensors[0].numpy(), upright)
        np.testing.assert_array_equal(tensors[1].numpy(), labels[:, 0] if name == "qmnist" else labels)
        assert tensors[0].dtype == torch.uint8
        assert tensors[0].is_contiguous()
        assert tensors[1].dtype == torch.int64
    assert (source.name, source.classes) == (name, 47 if name == "emnist" else 10)


@pytest.mark.parametrize("name", FOUR)
def test_what_is_read_is_what_torchvision_reads(tmp_path: Path, name: str) -> None:
    idx.write_all(tmp_path, name)
    of_class = getattr(torchvision.datasets, idx.RELATIVES[name])
    arguments: dict[str, dict[str, Any]] = {
        "emnist": {"train": {"split": "balanced", "train": True}, "test": {"split": "balanced", "train": False}},
        "qmnist": {"train": {"what": "train"}, "test": {"what": "test10k"}},
    }
    source = load(name, tmp_path)
    for part, images, labels in (
        ("train", source.train_images, source.train_labels),
        ("test", source.test_images, source.test_labels),
    ):
        theirs = of_class(tmp_path, **arguments.get(name, {}).get(part, {"train": part == "train"}))
        upright = theirs.data.mT if name == "emnist" else theirs.data
        assert torch.equal(images, upright)
        assert torch.equal(labels, theirs.targets[:, 0] if name == "qmnist" else theirs.targets)


def test_emnist_stands_upright(tmp_path: Path) -> None:
    """The published files hold a digit 1, an upright stroke, as a stroke along a row."""
    idx.write_all(tmp_path, "emnist")
    lying = np.zeros((3, 28, 28), np.uint8)
    lying[:, 14, 4:24] = 255
    idx.write(tmp_path / "EMNIST/raw/emnist-balanced-test-images-idx3-ubyte", lying)
    image = load("emnist", tmp_path).test_images[0]
    assert image[4:24, 14].tolist() == [255] * 20
    assert int((image > 0).sum()) == 20


def test_qmnist_keeps_the_first_10000_test_images(tmp_path: Path) -> None:
    idx.write_all(tmp_path, "qmnist")
    raw = tmp_path / "QMNIST/raw"
    images = np.zeros((10003, 28, 28), np.uint8)
    images[:, 0, 0] = np.arange(10003) % 251
    labels = np.zeros((10003, 8), ">i4")
    labels[:, 0] = np.arange(10003) % 10
    idx.write(raw / "qmnist-test-images-idx3-ubyte", images)
    idx.write(raw / "qmnist-test-labels-idx2-int", labels)
    source = load("qmnist", tmp_path)
    np.testing.assert_array_equal(source.test_images.numpy(), images[:10000])
    np.testing.assert_array_equal(source.test_labels.numpy(), labels[:10000, 0])


@pytest.mark.parametrize("name", FOUR)
def test_missing_files_are_listed(tmp_path: Path, name: str) -> None:
    idx.write_all(tmp_path, name)
    raw = tmp_path / idx.RELATIVES[name] / "raw"
    first, _, _, last = idx.names(name)
    (raw / first).unlink()
    (raw / last).unlink()
    with pytest.raises(UserError) as error:
        load(name, tmp_path)
    assert str(error.value) == (
        f"{name}: no {first}, {last} in {raw}; put these files there, unpacked or as .gz, "
        "or fetch them with data.download=true"
    )


@pytest.mark.parametrize("name", FOUR)
def test_no_network_is_one_line(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", offline)
    with pytest.raises(UserError) as error:
        load(name, tmp_path, download=True)
    message = str(error.value)
    assert message.startswith(f"{name} can't be downloaded: ")
    assert "<urlopen error Name or service not known>" in message
    assert message.endswith(f"; put its files into {tmp_path / idx.RELATIVES[name] / 'raw'} by hand")
    assert "\n" not in message


@pytest.mark.parametrize("name", ["fashion_mnist", "qmnist"])
def test_download_fetches_both_parts(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    served = dict(zip(idx.names(name), idx.arrays(name), strict=True))

    def fetch(url: str, folder: str = "", download_root: str = "", **_: object) -> None:
        file = url.rsplit("/", 1)[1].removesuffix(".gz")
        idx.write(Path(folder or download_root) / file, served[file])

    monkeypatch.setattr(torchvision.datasets.mnist, "download_and_extract_archive", fetch)
    source = load(name, tmp_path, download=True)
    np.testing.assert_array_equal(source.train_images.numpy(), idx.arrays(name)[0])
    np.testing.assert_array_equal(source.test_images.numpy(), idx.arrays(name)[2])


def test_nothing_is_fetched_if_all_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", None)
    idx.write_all(tmp_path, "kmnist", ".gz")
    assert len(load("kmnist", tmp_path, download=True).train_labels) == 7


@pytest.mark.parametrize("name", FOUR)
@pytest.mark.parametrize("which", [0, 1])
def test_a_truncated_file_is_named(tmp_path: Path, name: str, which: int) -> None:
    idx.write_all(tmp_path, name)
    victim = tmp_path / idx.RELATIVES[name] / "raw" / idx.names(name)[which]
    size = victim.stat().st_size
    victim.write_bytes(victim.read_bytes()[:-1])
    shape = "(7, 28, 28)" if which == 0 else "(7, 8)" if name == "qmnist" else "(7,)"
    with pytest.raises(UserError) as error:
        load(name, tmp_path)
    assert str(error.value) == (
        f"{victim} is damaged: it has {size - 1} bytes, but its header, shape {shape}, asks for {size}; "
        "delete it and put a whole one there, or fetch it again with data.download=true"
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it does not begin with the header of an IDX file of this kind"),
        (b"<html>not found</html>", "it does not begin with the header of an IDX file of this kind"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 2, 5, 5]), "it does not begin with the header of an IDX file of this kind"),
        (bytes([0, 0, 8, 3]) + bytes(4) + bytes([0, 0, 0, 28] * 2), "it holds no samples"),
    ],
)
def test_a_file_of_another_kind_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    idx.write_all(tmp_path, "kmnist")
    victim = tmp_path / "KMNIST/raw/train-images-idx3-ubyte"
    victim.write_bytes(content)
    with pytest.raises(UserError) as error:
        load("kmnist", tmp_path)
    assert str(error.value).startswith(f"{victim} is damaged: {reason}; delete it")


def test_a_damaged_gz_is_named(tmp_path: Path) -> None:
    idx.write_all(tmp_path, "kmnist", ".gz")
    victim = tmp_path / "KMNIST/raw/t10k-images-idx3-ubyte.gz"
    victim.write_bytes(victim.read_bytes()[:-30])
    with pytest.raises(UserError, match=r"is damaged: .*; delete it and put a whole one there") as error:
        load("kmnist", tmp_path)
    assert str(error.value).startswith(str(victim))


def test_a_gz_that_holds_something_else_is_named(tmp_path: Path) -> None:
    idx.write_all(tmp_path, "kmnist", ".gz")
    victim = tmp_path / "KMNIST/raw/t10k-labels-idx1-ubyte.gz"
    victim.write_bytes(gzip.compress(b"something else"))
    with pytest.raises(UserError, match=r"is damaged: unpacked, it does not begin with the header") as error:
        load("kmnist", tmp_path)
    assert str(error.value).startswith(str(victim))


def test_a_gz_that_holds_more_than_it_says_is_not_unpacked(tmp_path: Path) -> None:
    idx.write_all(tmp_path, "kmnist", ".gz")
    victim = tmp_path / "KMNIST/raw/t10k-images-idx3-ubyte.gz"
    head = gzip.decompress(victim.read_bytes())[:16]
    victim.write_bytes(gzip.compress(head + bytes(64 * 2**20), compresslevel=1))
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=rf"^{victim} is damaged: it unpacks to more than \d+ bytes; delete it"):
            load("kmnist", tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    finally:
        tracemalloc.stop()
    assert list(victim.parent.glob("tmp-*")) == []


def test_a_file_that_is_larger_than_any_is_not_read(tmp_path: Path) -> None:
    idx.write_all(tmp_path, "kmnist")
    victim = tmp_path / "KMNIST/raw/t10k-images-idx3-ubyte"
    size = 16 + 400_000 * 784
    with victim.open("wb") as file:
        file.write(b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (400_000, 28, 28)))
        file.truncate(size)
    with pytest.raises(
        UserError, match=f"is damaged: it has {size} bytes, and no file of these datasets has more than"
    ):
        load("kmnist", tmp_path)


def test_a_damaged_file_is_unpacked_again_from_the_gz_beside_it(tmp_path: Path) -> None:
    made = idx.write_all(tmp_path, "kmnist", ".gz")
    (tmp_path / "KMNIST/raw/train-images-idx3-ubyte").write_bytes(b"half a fi")
    np.testing.assert_array_equal(load("kmnist", tmp_path).train_images.numpy(), made[0])


def test_labels_out_of_range_are_named(tmp_path: Path) -> None:
    idx.write_all(tmp_path, "fashion_mnist")
    victim = tmp_path / "FashionMNIST/raw/train-labels-idx1-ubyte"
    idx.write(victim, np.array([0, 1, 2, 3, 4, 5, 10], np.uint8))
    with pytest.raises(UserError) as error:
        load("fashion_mnist", tmp_path)
    assert str(error.value) == f"{victim} has labels 0 to 10, but 0 to 9 are allowed; replace it"


def test_files_that_do_not_belong_together_are_named(tmp_path: Path) -> None:
    idx.write_all(tmp_path, "fashion_mnist")
    raw = tmp_path / "FashionMNIST/raw"
    idx.write(raw / "train-labels-idx1-ubyte", np.zeros(6, np.uint8))
    with pytest.raises(UserError) as error:
        load("fashion_mnist", tmp_path)
    assert str(error.value) == (
        f"{raw}/train-images-idx3-ubyte has shape (7, 28, 28), but (6, 28, 28) is needed "
        "because train-labels-idx1-ubyte beside it has 6 labels; replace both files"
    )
