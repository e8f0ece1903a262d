"""Settings of every scheme, as the layers take them, for tests and benchmarks."""

from typing import Any

DEFAULTS: dict[str, dict[str, Any]] = {
    "none": {},
    "batch": {"eps": 1e-5, "momentum": 0.1, "affine": True, "track_running_stats": True},
    "layer": {"eps": 1e-5, "affine": True},
    "group": {"eps": 1e-5, "affine": True, "num_groups": 4},
    "instance": {"eps": 1e-5, "affine": True, "momentum": 0.1, "track_running_stats": False},
    "rms": {"eps": 1e-6, "affine": True},
}
