"""IDX files read and written with gzip, struct and NumPy alone: the tests' own reference."""

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CODES: dict[int, np.dtype[Any]] = {8: np.dtype(np.uint8), 12: np.dtype(">i4")}
RELATIVES = {"fashion_mnist": "FashionMNIST", "kmnist": "KMNIST", "emnist": "EMNIST", "qmnist": "QMNIST"}


def read(packed: Path) -> NDArray[Any]:
    content = gzip.decompress(packed.read_bytes())
    _, code, dimensions = struct.unpack(">HBB", content[:4])
    shape = struct.unpack(f">{dimensions}i", content[4 : 4 + 4 * dimensions])
    return np.frombuffer(content, CODES[code], offset=4 + 4 * dimensions).reshape(shape)


def write(path: Path, array: NDArray[Any]) -> None:
    """Unpacked, or packed if the name ends in .gz."""
    code = next(code for code, dtype in CODES.items() if dtype == array.dtype)
    content = struct.pack(f">HBB{array.ndim}i", 0, code, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def names(name: str) -> list[str]:
    """Training images, training labels, test images, test labels, as each data set's authors named them."""
    if name == "emnist":
        return [
            f"emnist-balanced-{part}-{kind}-ubyte"
            for part in ("train", "test")
            for kind in ("images-idx3", "labels-idx1")
        ]
    if name == "qmnist":
        return [
            f"qmnist-{part}-{kind}" for part in ("train", "test") for kind in ("images-idx3-ubyte", "labels-idx2-int")
        ]
    return [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]


def arrays(name: str, train: int = 7, test: int = 3) -> list[NDArray[Any]]:
    """A tiny random dataset, as stored: QMNIST's labels have eight columns, the class being the first."""
    random = np.random.default_rng(0)
    made: list[NDArray[Any]] = []
    for size in (train, test):
        made.append(random.integers(0, 256, (size, 28, 28), dtype=np.uint8))
        labels = random.integers(0, 10, size, dtype=np.uint8)
        columns = np.stack([labels.astype(np.int32) + 100 * column for column in range(8)], axis=1)
        made.append(columns.astype(">i4") if name == "qmnist" else labels)
    return made


def write_all(root: Path, name: str, ending: str = "", train: int = 7) -> list[NDArray[Any]]:
    """Put a tiny random dataset below `root`, and return what was written."""
    raw = root / RELATIVES[name] / "raw"
    raw.mkdir(parents=True)
    made = arrays(name, train)
    for file, array in zip(names(name), made, strict=True):
        write(raw / f"{file}{ending}", array)
    return made
