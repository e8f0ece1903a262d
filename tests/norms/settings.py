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
    "batch_renorm": {
        "eps": 1e-5,
        "momentum": 0.1,
        "affine": True,
        "r_max": 1.5,
        "d_max": 0.7,
        "schedule_scale": 0.0,
    },
    "ghost_batch": {"eps": 1e-5, "momentum": 0.1, "affine": True, "virtual_batch_size": 2},
    "precise_batch": {"eps": 1e-5, "momentum": 0.1, "affine": True, "population_batches": 2},
    "frn": {"eps": 1e-6, "affine": True, "tlu": True},
    "switchable": {"eps": 1e-5, "momentum": 0.1, "affine": True},
    "dyt": {"alpha": 0.5, "affine": True},
    "derf": {"alpha": 0.5, "shift": 0.0, "affine": True},
    "weight_standardization": {"eps": 1e-5},
    "weight_norm": {},
    "scaled_weight_standardization": {"eps": 1e-4, "gain": 1.7},
    "bounded": {"function": "isru", "alpha": 0.5, "shift": 0.0, "affine": True},
    "eval_norm": {"eps": 1e-5, "momentum": 0.1, "affine": True, "own_share": None},
    "noisy_batch": {
        "eps": 1e-5,
        "momentum": 0.1,
        "affine": True,
        "centre": 0.5,
        "deviation": 1.25,
        "jitter": 0.1,
    },
    "ghost_noise": {"by": "batch", "eps": 1e-5, "momentum": 0.1, "affine": True, "virtual_batch_size": 3},
    "power": {"eps": 1e-5, "momentum": 0.1, "gradient_momentum": 0.2, "affine": True, "warmup_steps": 1},
    "online": {"eps": 1e-5, "momentum": 0.1, "gradient_momentum": 0.2, "affine": True},
    "l1_batch": {"eps": 1e-5, "momentum": 0.1, "affine": True},
    "mean_only_batch": {"momentum": 0.1, "affine": True},
    "variance_only_batch": {"eps": 1e-5, "momentum": 0.1, "affine": True},
}

SHAPES = {2: (6, 8), 3: (5, 8, 7), 4: (5, 8, 4, 2)}
"""(N, C), (N, C, L), (N, C, H, W). Five samples are two ghosts of unequal size."""

UNDEFINED = {("instance", "native", 2), ("instance", "custom", 2), ("rms", "native", 3), ("rms", "native", 4)}
"""Scheme, impl, ndim that are refused."""

CASES = [
    (scheme, impl, ndim)
    for scheme in SCHEMES.values()
    if scheme.name != "none" and not scheme.of_weights
    for impl in scheme.impls
    if impl != "keras"  # works in float32: see test_keras.py
    for ndim in SHAPES
    if (scheme.name, impl, ndim) not in UNDEFINED
]
TRACKING = [case for case in CASES if case[0].name in ("batch", "instance")]
GROUPED = [case for case in CASES if case[0].name in ("batch", "layer", "group", "instance", "rms")]
"""Mean and variance of sets of values, and nothing else: their gradients are known in closed form."""

_ALWAYS = (
    "batch_renorm",
    "eval_norm",
    "ghost_batch",
    "ghost_noise",
    "l1_batch",
    "mean_only_batch",
    "noisy_batch",
    "online",
    "power",
    "precise_batch",
    "switchable",
    "variance_only_batch",
)
ALWAYS_TRACKING = [case for case in CASES if case[0].name in _ALWAYS]
CUSTOM = [case for case in CASES if case[1] == "custom"]
PAIRED = [case for case in CUSTOM if "native" in case[0].impls and (case[0].name, "native", case[2]) not in UNDEFINED]


def case_id(value: object) -> str:
    """The readable part of a test's name."""
    return str(getattr(value, "name", value))
