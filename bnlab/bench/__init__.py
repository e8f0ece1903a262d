"""Measurements of speed: the training engine beside the machine's limit, and the norms beside torch.nn's."""

from bnlab.bench.show import run_engine, run_norms

__all__ = ["run_engine", "run_norms"]
