"""The embedded MNIST against an independent reader, and what happens when files are damaged."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

from bnlab.data import Source, cache_folder, files, load
from bnlab.errors import UserError

from . import idx

EMBEDDED = Path(files.__file__).parent / "mnist"
FILES = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]
LABELS = "t10k-labels-idx1-ubyte"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def stamps(raw: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in raw.iterdir()}


@pytest.fixture
def root(mnist_root: Path, mnist: Source, tmp_path: Path) -> Path:
    """A copy of the unpacked cache that a test may damage."""
    shutil.copytree(mnist_root, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the embedded folder that a test may damage, in place of the real one."""
    folder = tmp_path / "embedded"
    shutil.copytree(EMBEDDED, folder)
    monkeypatch.setattr(files, "embedded_folder", lambda: folder)
    return folder


def test_values_are_those_of_an_independent_reader(mnist: Source) -> None:
    tensors = [mnist.train_images, mnist.train_labels, mnist.test_images, mnist.test_labels]
    for file, tensor in zip(FILES, tensors, strict=True):
        expected = idx.read(EMBEDDED / f"{file}.gz")
        assert tensor.shape == expected.shape
        assert int(tensor.sum(dtype=torch.int64)) == int(expected.sum(dtype=np.int64))
        np.testing.assert_array_equal(tensor[[0, -1]].numpy(), expected[[0, -1]])
        np.testing.assert_array_equal(tensor.numpy(), expected)


def test_types_and_published_numbers(mnist: Source) -> None:
    assert (mnist.name, mnist.classes) == ("mnist", 10)
    assert mnist.train_images.dtype == mnist.test_images.dtype == torch.uint8
    assert mnist.train_labels.dtype == mnist.test_labels.dtype == torch.int64
    assert mnist.train_images.shape == (60000, 28, 28)
    assert mnist.test_images.shape == (10000, 28, 28)
    assert mnist.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert mnist.test_labels[:5].tolist() == [7, 2, 1, 0, 4]
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert torch.bincount(mnist.train_labels).tolist() == counts


def test_digests_are_those_of_the_list(mnist_root: Path, mnist: Source) -> None:
    listed = {line[66:]: line[:64] for line in (EMBEDDED / "SHA256SUMS").read_text().splitlines()}
    assert set(listed) == {name for file in FILES for name in (file, f"{file}.gz")}
    for file in FILES:
        assert digest(EMBEDDED / f"{file}.gz") == listed[f"{file}.gz"]
        assert digest(mnist_root / "MNIST/raw" / file) == listed[file]


def test_a_whole_cache_is_not_written_again(root: Path) -> None:
    before = stamps(root / "MNIST/raw")
    assert set(before) == set(FILES)
    load("mnist", root)
    assert stamps(root / "MNIST/raw") == before


@pytest.mark.parametrize("damage", ["truncate", "flip", "remove"])
def test_a_damaged_cache_is_rebuilt(root: Path, damage: str) -> None:
    victim = root / "MNIST/raw/t10k-images-idx3-ubyte"
    content = bytearray(victim.read_bytes())
    whole = digest(victim)
    before = stamps(victim.parent)
    if damage == "truncate":
        victim.write_bytes(content[:-1])
    elif damage == "flip":
        content[100_000] ^= 1
        victim.write_bytes(content)
    else:
        victim.unlink()
    load("mnist", root)
    after = stamps(victim.parent)
    assert digest(victim) == whole
    assert {name for name in FILES if after[name] != before[name]} == {victim.name}


def test_a_truncated_source_is_named(embedded: Path, root: Path) -> None:
    (root / "MNIST/raw" / LABELS).unlink()
    source = embedded / f"{LABELS}.gz"
    source.write_bytes(source.read_bytes()[:-20])
    with pytest.raises(UserError) as error:
        load("mnist", root)
    assert str(error.value) == (
        f"{source} is damaged: Compressed file ended before the end-of-stream marker was reached; reinstall bnlab"
    )


def test_a_flipped_byte_in_the_source_is_named_and_leaves_nothing(embedded: Path, root: Path) -> None:
    (root / "MNIST/raw" / LABELS).unlink()
    source = embedded / f"{LABELS}.gz"
    content = bytearray(source.read_bytes())
    content[2000] ^= 255
    source.write_bytes(content)
    with pytest.raises(UserError) as error:
        load("mnist", root)
    assert str(error.value).startswith(f"{source} is damaged: ")
    assert "\n" not in str(error.value)
    assert set(stamps(root / "MNIST/raw")) == set(FILES) - {LABELS}


def test_a_source_with_other_content_is_named_and_leaves_nothing(embedded: Path, root: Path) -> None:
    (root / "MNIST/raw" / LABELS).unlink()
    source = embedded / f"{LABELS}.gz"
    idx.write(source, np.zeros(10000, np.uint8))
    with pytest.raises(UserError, match=r"its SHA-256 digest is .*, not ff7bcfd4.*; reinstall bnlab") as error:
        load("mnist", root)
    assert str(error.value).startswith(f"{source} is damaged: unpacked, ")
    assert set(stamps(root / "MNIST/raw")) == set(FILES) - {LABELS}


def test_a_missing_source_is_named(embedded: Path, root: Path) -> None:
    (root / "MNIST/raw" / LABELS).unlink()
    source = embedded / f"{LABELS}.gz"
    source.unlink()
    with pytest.raises(UserError, match=r"is damaged: .*No such file") as error:
        load("mnist", root)
    assert str(error.value).startswith(str(source))


def test_an_interrupted_write_leaves_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "MNIST/raw" / LABELS).unlink()

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load("mnist", root)
    assert set(stamps(root / "MNIST/raw")) == set(FILES) - {LABELS}


def test_two_processes_unpack_at_once(tmp_path: Path) -> None:
    # By its path, because importing the package takes seconds (torch), and that is not what is tested here.
    program = (
        f"import runpy, sys, pathlib; unpack = runpy.run_path({files.__file__!r})['unpack_mnist']\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        f"unpack(pathlib.Path({str(tmp_path / 'MNIST/raw')!r}))"
    )
    command = [sys.executable, "-c", program]
    pipe = subprocess.PIPE
    both = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(2)]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in both:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in both:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    before = stamps(tmp_path / "MNIST/raw")
    assert set(before) == set(FILES)
    load("mnist", tmp_path)
    assert stamps(tmp_path / "MNIST/raw") == before


def test_the_default_folder_follows_xdg(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(root / "xdg"))
    assert cache_folder() == root / "xdg/bnlab"
    assert len(load("mnist").train_labels) == 60000
    assert {path.name for path in (root / "xdg/bnlab/MNIST/raw").iterdir()} == set(FILES)
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(root / "home"))
    assert cache_folder() == root / "home/.cache/bnlab"


def test_without_a_cache_mnist_is_read_all_the_same_and_nothing_is_left(
    mnist: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container that is run as another user, with HOME=/."""
    (tmp_path / "file").touch()
    (tmp_path / "temporary").mkdir()
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    assert torch.equal(load("mnist").test_images, mnist.test_images)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_an_absent_root_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    with pytest.raises(UserError) as error:
        load("mnist", tmp_path / "none")
    assert str(error.value) == (
        f"data.root={tmp_path}/none is not a folder; create it, or set data.root=null for bnlab's own cache"
    )
    assert not (tmp_path / "none").exists()


def test_an_unwritable_root_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(UserError) as error:
        load("mnist", tmp_path)
    assert str(error.value) == (
        f"data.root={tmp_path} can't be used: [Errno 13] Permission denied: '{tmp_path}/MNIST/raw'; "
        "set data.root to a folder of your own"
    )


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(UserError) as error:
        load("fashion")
    assert str(error.value) == (
        "unknown dataset 'fashion'; allowed: emnist, fashion_mnist, kmnist, mnist, qmnist. "
        "Did you mean 'fashion_mnist'?"
    )
