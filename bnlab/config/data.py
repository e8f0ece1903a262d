"""The settings of each dataset."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnlab.ranges import one_of, require


@dataclass(frozen=True)
class DataConfig:
    name: str
    root: str | None
    download: bool
    validation_size: int
    batch_size: int
    drop_last: bool
    normalize: str
    limit: int | None
    accumulate: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        require(self.root is None or self.root.strip() != "", "data.root", self.root, "a folder, or null for the cache")
        require(self.validation_size >= 0, "data.validation_size", self.validation_size, "0 or more")
        require(self.batch_size >= 1, "data.batch_size", self.batch_size, "1 or more")
        require(self.accumulate >= 1, "data.accumulate", self.accumulate, "1 or more")
        one_of("data.normalize", self.normalize, ("none", "standard"))
        if self.limit is not None:
            require(self.limit >= 1, "data.limit", self.limit, "1 or more, or null for all")

    @property
    def images_per_step(self) -> int:
        return self.batch_size * self.accumulate
