"""The settings of each dataset."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnlab.errors import SettingError
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
    split_seed: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        require(self.root is None or self.root.strip() != "", "data.root", self.root, "a folder, or null for the cache")
        require(self.validation_size >= 0, "data.validation_size", self.validation_size, "0 or more")
        require(self.batch_size >= 1, "data.batch_size", self.batch_size, "1 or more")
        require(self.accumulate >= 1, "data.accumulate", self.accumulate, "1 or more")
        one_of("data.normalize", self.normalize, ("none", "standard"))
        if self.limit is not None:
            require(self.limit >= 1, "data.limit", self.limit, "1 or more, or null for all")
        if self.split_seed is not None:
            self._check_split_seed(self.split_seed)

    def _check_split_seed(self, seed: int) -> None:
        allowed = "a whole number from 0 to 2^32 - 1, or null for one split for all seeds"
        require(0 <= seed < 2**32, "data.split_seed", seed, allowed)
        if self.validation_size == 0:
            problem = "draws what is held out, and data.validation_size=0 holds out nothing; drop one of them"
            raise SettingError("data.split_seed", seed, problem)
        if self.normalize == "standard":
            problem = "trains each seed on other images, and data.normalize=standard needs one split; drop one of them"
            raise SettingError("data.split_seed", seed, problem)

    @property
    def images_per_step(self) -> int:
        return self.batch_size * self.accumulate
