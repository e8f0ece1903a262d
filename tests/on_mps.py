"""A stand-in for tensors on an MPS device, for machines without one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class OnMPS(Tensor):
    """A CPU tensor that says it is on MPS, as does what is computed of it, and that refuses float64 as MPS does."""

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return torch.device("mps")

    def cpu(self, *_: Any) -> Tensor:
        return self.as_subclass(Tensor)

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        call: Any = super().__torch_function__  # has no types
        result = call(function, types, args, kwargs or {})
        if isinstance(result, cls) and result.dtype == torch.float64:
            raise TypeError("the MPS framework doesn't support float64")
        return result
