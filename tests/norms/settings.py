"""The schemes' settings as the layers take them, the shapes, and the cases that the harness runs through."""

from typing import Any

from bnlab.norms import SCHEMES

DEFAULTS: dict[str, dict[str, Any]] = {
    "none": {},
    "batch": {"eps": 1e-5, "momentum": 0.1, "affine": True, "track_running_stats": True},
    "layer": {"eps": 1e-5, "affine": True},
    "group": {"eps": 1e-5, "affine": True, "num_groups": 2},
    "instance": {"eps": 1e-5, "affine": True, "momentum": 0.1, "track_running_stats": False},
    "rms": {"eps": 1e-6, "affine": True},
}

SHAPES = {2: (6, 8), 3: (3, 8, 5), 4: (3, 8, 4, 2)}
"""(N, C), (N, C, L), (N, C, H, W)."""

UNDEFINED = {("instance", "native", 2), ("instance", "custom", 2), ("rms", "native", 3), ("rms", "native", 4)}
"""Scheme, impl, ndim that are refused."""

CASES = [
    (scheme, impl, ndim)
    for scheme in SCHEMES.values()
    if scheme.name != "none"
    for impl in scheme.impls
    for ndim in SHAPES
    if (scheme.name, impl, ndim) not in UNDEFINED
]
TRACKING = [case for case in CASES if case[0].name in ("batch", "instance")]
CUSTOM = [case for case in CASES if case[1] == "custom"]
PAIRED = [case for case in CUSTOM if (case[0].name, "native", case[2]) not in UNDEFINED]


def case_id(value: object) -> str:
    """The readable part of a test's name."""
    return str(getattr(value, "name", value))
