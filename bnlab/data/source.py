"""MNIST and its four relatives, as uint8 tensors in memory."""

import contextlib
import io
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from torch import Tensor

from bnlab.data import files
from bnlab.errors import UserError, shown, unknown
from bnlab.machine import is_folder


@dataclass(frozen=True, eq=False)
class Source:
    """A dataset as it was published: images uint8 (N, 28, 28), 0 = background, and labels int64 (N,)."""

    name: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    classes: int


@dataclass(frozen=True)
class _Part:
    """One part of a dataset.

    Attributes:
        images, labels: its two files.
        arguments: with which torchvision's class fetches them.
        samples: how many of the files' first samples are the part; None: all.
    """

    images: str
    labels: str
    arguments: dict[str, Any]
    samples: int | None = None


@dataclass(frozen=True)
class _Recipe:
    """How to read a dataset; `folder` is also the name of torchvision's class."""

    folder: str
    train: _Part
    test: _Part
    classes: int = 10

    @property
    def files(self) -> list[str]:
        return [self.train.images, self.train.labels, self.test.images, self.test.labels]


_TRAIN = _Part("train-images-idx3-ubyte", "train-labels-idx1-ubyte", {"train": True})
_TEST = _Part("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", {"train": False})


def _emnist(part: str) -> _Part:
    prefix = f"emnist-balanced-{part}"
    arguments = {"split": "balanced", "train": part == "train"}
    return _Part(f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte", arguments)


def _qmnist(part: str, what: str, samples: int | None = None) -> _Part:
    prefix, arguments = f"qmnist-{part}", {"what": what, "compat": True}
    return _Part(f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx2-int", arguments, samples)


_RECIPES = {
    "mnist": _Recipe("MNIST", _TRAIN, _TEST),
    "fashion_mnist": _Recipe("FashionMNIST", _TRAIN, _TEST),
    "kmnist": _Recipe("KMNIST", _TRAIN, _TEST),
    "emnist": _Recipe("EMNIST", _emnist("train"), _emnist("test"), classes=47),
    "qmnist": _Recipe("QMNIST", _qmnist("train", "train"), _qmnist("test", "test10k", 10_000)),
}


IMAGE = (1, 28, 28)
"""Channels, height and width of an image, in all of these datasets."""


def classes_of(name: str) -> int:
    """The number of classes of a dataset, known before it is read."""
    return _RECIPES[name].classes


def load(name: str, root: Path | None = None, download: bool = False) -> Source:
    """Read a dataset from `<root>/<torchvision's class name>/raw/`.

    MNIST needs neither files nor a network: it is unpacked from the package, and its digests are verified each time.
    The other four are read from files already there, unpacked or .gz, or fetched by torchvision.

    Args:
        name: mnist, fashion_mnist, kmnist, emnist (balanced) or qmnist (first 10,000 test images).
        root: an existing folder; None is `cache_folder()`.
        download: fetch files that are missing.

    Raises:
        UserError: an unknown name, a folder that is absent or can't be used, missing or damaged files, no network.
    """
    recipe = _recipe_of(name)
    if root is not None and not is_folder(root.expanduser()):
        raise UserError(
            f"data.root={shown(root)} is not a folder; create it, or set data.root=null for bnlab's own cache"
        )
    if name == "mnist" and root is None:
        with files.unpacked_mnist() as folder:
            return _source(name, recipe, folder)
    folder = files.cache_folder() if root is None else root.expanduser()
    try:
        if name == "mnist":
            files.unpack_mnist(folder / recipe.folder / "raw")
        else:
            _find_files(name, recipe, folder, download)
        return _source(name, recipe, folder)
    except OSError as error:
        raise UserError(f"data.root={folder} can't be used: {error}; set data.root to a folder of your own") from error


def is_there(name: str, root: Path | None = None) -> bool:
    """Whether a dataset's files lie below `root`, a folder as in `load`, unpacked or packed. Raises UserError."""
    recipe = _recipe_of(name)
    raw = (files.cache_folder() if root is None else root.expanduser()) / recipe.folder / "raw"
    return name == "mnist" or all((raw / file).is_file() or (raw / f"{file}.gz").is_file() for file in recipe.files)


def _recipe_of(name: str) -> _Recipe:
    if name not in _RECIPES:
        raise unknown("dataset", name, _RECIPES)
    return _RECIPES[name]


def _source(name: str, recipe: _Recipe, folder: Path) -> Source:
    train, test = _read(recipe, folder, recipe.train), _read(recipe, folder, recipe.test)
    return Source(name, *train, *test, recipe.classes)


def _find_files(name: str, recipe: _Recipe, folder: Path, download: bool) -> None:
    """Makes sure that all four unpacked files are there and intact: unpacks or downloads them if necessary."""
    raw = folder / recipe.folder / "raw"
    remedy = "delete it and put a whole one there, or fetch it again with data.download=true"
    for file in recipe.files:
        packed = raw / f"{file}.gz"
        if packed.is_file() and files.idx_fault(raw / file):
            files.unpack(packed, raw / file, files.idx_fault, remedy)
    missing = [file for file in recipe.files if not (raw / file).is_file()]
    if missing and not download:
        raise UserError(
            f"{name}: no {', '.join(missing)} in {raw}; put these files there, unpacked or as .gz, "
            "or fetch them with data.download=true"
        )
    if missing:
        _fetch(name, recipe, folder)
    for file in recipe.files:
        if reason := files.idx_fault(raw / file):
            raise UserError(f"{raw / file} is damaged: {reason}; {remedy}")


def _fetch(name: str, recipe: _Recipe, folder: Path) -> None:
    raw = folder / recipe.folder / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    from torchvision import datasets  # which takes more than a second, and is needed only here

    fetch = getattr(datasets, recipe.folder)
    printed = io.StringIO()  # older versions of torchvision print why a download has failed
    try:
        # It writes in place: one process at a time.
        with FileLock(raw / "download.lock"), contextlib.redirect_stdout(printed):
            for part in (recipe.train, recipe.test):
                fetch(folder, download=True, **part.arguments)
    except (OSError, RuntimeError, HTTPException) as error:
        cause = " ".join(f"{error} {printed.getvalue()}".split())
        raise UserError(f"{name} can't be downloaded: {cause}; put its files into {raw} by hand") from error


def _read(recipe: _Recipe, folder: Path, part: _Part) -> tuple[Tensor, Tensor]:
    raw = folder / recipe.folder / "raw"
    images, labels = (files.read_idx(raw / name)[: part.samples] for name in (part.images, part.labels))
    labels = labels.long()
    if labels.ndim == 2:  # QMNIST: the class is the first of eight columns
        labels = labels[:, 0].clone()
    if recipe.folder == "EMNIST":  # published column by column, as MATLAB stores matrices: digits lie on their side
        images = images.transpose(1, 2).contiguous()
    if images.shape != (len(labels), *IMAGE[1:]):
        raise UserError(
            f"{raw / part.images} has shape {tuple(images.shape)}, but ({len(labels)}, 28, 28) is needed "
            f"because {part.labels} beside it has {len(labels)} labels; replace both files"
        )
    _check_labels(raw / part.labels, labels, recipe.classes)
    return images, labels


def _check_labels(path: Path, labels: Tensor, classes: int) -> None:
    low, high = (int(bound) for bound in torch.aminmax(labels))
    if low < 0 or high >= classes:
        raise UserError(f"{path} has labels {low} to {high}, but 0 to {classes - 1} are allowed; replace it")
