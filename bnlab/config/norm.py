"""The settings of norm=custom_class, a norm that the user has written; those of the schemes are in bnlab.norms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bnlab.errors import UserError
from bnlab.norms import NormConfig
from bnlab.ranges import one_of
from bnlab.user_class import parse


@dataclass(frozen=True)
class CustomClassConfig(NormConfig):
    """A norm that the user has written; see bnlab.user_class.layer.

    Attributes:
        target: where the class is: file.py:Class or package.module:Class.
        kwargs: what its constructor is given besides the number of features.
        digest: of the source text; filled in, so that an edited file is another run.
    """

    target: str
    kwargs: dict[str, Any] | None
    digest: str | None = field(metadata={"filled_in": True})

    def __post_init__(self) -> None:
        one_of("norm.impl", self.impl, ("custom",))
        found = parse(self.target)
        digest = found.digest()
        if self.digest not in (None, digest):
            name, *imported = [found.file.name, *(file for file in found.files() if file != found.file.name)]
            which = f"{name}, or what it imports ({', '.join(imported)})," if imported else name
            raise UserError(
                f"norm.digest={self.digest}, but {which} is another text now, {digest}; "
                "leave norm.digest out to train with it as it is"
            )
        object.__setattr__(self, "digest", digest)
        object.__setattr__(self, "kwargs", self.kwargs or {})  # one address for both ways to say none

    def label(self) -> str:
        return self.target.rpartition(":")[2]

    def settings(self) -> dict[str, Any]:
        return dict(self.kwargs or {})
