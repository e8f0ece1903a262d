"""The datasets as uint8 tensors in memory: `load` reads one, `split` holds out validation images, `order` shuffles."""

from bnlab.data.batches import batches_per_epoch, check_batches, last_batch_size, order
from bnlab.data.files import cache_folder, unpacked_mnist
from bnlab.data.parts import Part, Scaling, Split, distinct_seeds, split
from bnlab.data.shifts import Shift, changed
from bnlab.data.source import IMAGE, Source, classes_of, is_there, load
from bnlab.data.stream import BatchStream

__all__ = [
    "IMAGE",
    "BatchStream",
    "Part",
    "Scaling",
    "Shift",
    "Source",
    "Split",
    "batches_per_epoch",
    "cache_folder",
    "changed",
    "check_batches",
    "classes_of",
    "distinct_seeds",
    "is_there",
    "last_batch_size",
    "load",
    "order",
    "split",
    "unpacked_mnist",
]
