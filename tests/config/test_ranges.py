"""What is legal: every setting's range, with the text of the error outside it."""

import math
from typing import Any

import pytest

from bnlab.errors import written
from tests.configured import changed, refused

LABEL = "1 to 80 letters, digits, '-' and '_', the first a letter or digit"
POSITIVE = "a finite number above 0"
SEEDS = "how many seeds (1 to 10000), a list of distinct seeds, e.g. [7,9], or how many more than are stored, e.g. +5"
RANGES: list[tuple[tuple[str, ...], str, list[object], str]] = [
    ((), "norm__eps", [0.0, -1e-5, math.nan, math.inf, -math.inf], POSITIVE),
    (("norm=layer",), "norm__eps", [0.0, math.nan], POSITIVE),
    (("norm=group",), "norm__eps", [0.0, math.nan], POSITIVE),
    (("norm=instance",), "norm__eps", [0.0, math.nan], POSITIVE),
    (("norm=rms",), "norm__eps", [0.0, -1.0, math.nan], POSITIVE),
    ((), "optimizer__lr", [3.5e38, 1e300], "3.4e+38 or below, since float32 takes what is larger for infinity"),
    ((), "optimizer__lr", [5e-324, 1e-38], "1.2e-38 or above, since float32 takes what is smaller for 0"),
    ((), "optimizer__weight_decay", [1e-40], "1.2e-38 or above, since float32 takes what is smaller for 0"),
    ((), "norm__momentum", [1e-320], "1.2e-38 or above, since float32 takes what is smaller for 0"),
    (("norm=derf",), "norm__shift", [-1e300], "-3.4e+38 or above, since float32 takes what is larger for infinity"),
    ((), "norm__momentum", [-0.001, 1.001, math.nan, math.inf], "between 0 and 1"),
    (("norm=instance",), "norm__momentum", [-0.001, 1.001, math.nan], "between 0 and 1"),
    (("norm=group",), "norm__num_groups", [0, -2], "1 or more"),
    (("norm=batch_renorm",), "norm__r_max", [0.99, math.inf, math.nan], "a finite number, 1 or above"),
    (("norm=batch_renorm",), "norm__d_max", [-0.1, math.inf, math.nan], "a finite number, 0 or above"),
    (("norm=batch_renorm",), "norm__schedule_scale", [-0.1, math.inf], "a finite number, 0 or above"),
    (("norm=batch_renorm",), "norm__momentum", [-0.1, 1.1], "between 0 and 1"),
    (("norm=ghost_batch",), "norm__virtual_batch_size", [0, -1], "1 or more"),
    (("norm=ghost_batch",), "norm__momentum", [1.1], "between 0 and 1"),
    (("norm=precise_batch",), "norm__population_batches", [0, -1], "1 or more"),
    (("norm=precise_batch",), "norm__momentum", [1.1], "between 0 and 1"),
    (("norm=frn",), "norm__eps", [0.0, math.nan], POSITIVE),
    (("norm=switchable",), "norm__momentum", [1.1], "between 0 and 1"),
    (("norm=dyt",), "norm__alpha", [0.0, -0.5, math.nan], POSITIVE),
    (("norm=derf",), "norm__alpha", [0.0], POSITIVE),
    (("norm=noisy_batch",), "norm__centre", [-0.1], "a finite number, 0 or above"),
    (("norm=noisy_batch",), "norm__deviation", [0.9, math.inf], "a finite number, 1 or above"),
    (("norm=ghost_noise",), "norm__virtual_batch_size", [0], "1 or more"),
    (("norm=eval_norm",), "norm__own_share", [1.1], "between 0 and 1"),
    (("norm=power",), "norm__warmup_steps", [-1], "0 or more"),
    (("norm=online",), "norm__gradient_momentum", [1.1], "between 0 and 1"),
    (("norm=bounded",), "norm__alpha", [0.0], POSITIVE),
    (("norm=l1_batch",), "norm__eps", [0.0], POSITIVE),
    (("norm=mean_only_batch",), "norm__momentum", [1.1], "between 0 and 1"),
    (("norm=variance_only_batch",), "norm__eps", [0.0], POSITIVE),
    (("norm=scaled_weight_standardization",), "norm__gain", [0.0], POSITIVE),
    (("norm=derf",), "norm__shift", [math.inf, math.nan], "a finite number"),
    (("norm=weight_standardization",), "norm__eps", [0.0], POSITIVE),
    (("norm=weight_standardization",), "norm__then_eps", [0.0], POSITIVE),
    (("norm=weight_norm",), "norm__then_eps", [0.0], POSITIVE),
    (("norm=weight_norm", "norm.then=group"), "norm__num_groups", [0], "1 or more"),
    (("norm=weight_norm", "norm.then=batch"), "norm__momentum", [1.1], "between 0 and 1"),
    (("norm=weight_standardization",), "norm__num_groups", [0], "1 or more"),
    (("norm=weight_standardization", "norm.then=batch"), "norm__momentum", [1.1], "between 0 and 1"),
    (
        ("model=cnn",),
        "model__channels",
        [[], [8, 8, 8, 8, 8]],
        "a list of one to four widths, e.g. [16,32]",
    ),
    (("model=cnn",), "model__channels", [[0], [8, -1], [65_537]], "widths of 1 to 65536"),
    ((), "model__hidden", [[]], "a list of one or more widths, e.g. [128,64]"),
    ((), "model__hidden", [[128, 0], [-1]], "widths of 1 to 65536"),
    (("model.init=normal",), "model__init_gain", [0.0, -1.0, math.nan, math.inf], POSITIVE),
    ((), "model__bias", ["maybe", "True "], "auto, true or false"),
    ((), "data__validation_size", [-1], "0 or more"),
    ((), "data__batch_size", [0, -32], "1 or more"),
    ((), "data__split_seed", [-1, 2**32], "a whole number from 0 to 2^32 - 1, or null for one split for all seeds"),
    ((), "data__limit", [0, -1], "1 or more, or null for all"),
    ((), "optimizer__lr", [0.0, -1e-3, math.nan, math.inf], POSITIVE),
    ((), "optimizer__eps", [0.0, -1e-8, math.nan], POSITIVE),
    ((), "optimizer__weight_decay", [-1e-4, math.nan, math.inf], "a finite number, 0 or above"),
    ((), "optimizer__betas", [[0.9], [0.9, 1.0], [-0.1, 0.9], [0.9, 0.9, 0.9]], "two numbers, each from 0 to below 1"),
    (("optimizer=sgd",), "optimizer__momentum", [-0.1, 1.1, math.nan], "between 0 and 1"),
    (("schedule=cosine",), "schedule__final_factor", [-0.1, 1.1, math.nan], "between 0 and 1"),
    (("schedule=step",), "schedule__every_epochs", [0.0, -1.0, math.nan, math.inf], POSITIVE),
    (("schedule=step",), "schedule__gamma", [0.0, -1.0, math.nan, math.inf], POSITIVE),
    ((), "epochs", [0, -1, 1_000_001], "1 to 1000000"),
    ((), "steps", [0, -1, 10**9 + 1], "1 to 1000000000, or null to count in epochs"),
    ((), "eval_every", [0, -1], "1 to 1000000000, or null"),
    ((), "threads", [0, -1, 1025], "1 to 1024, or null"),
    ((), "seeds", [0, -1, 10_001, 2.5, "a", True, [], [7, 7], [-1], ["a"], [2**32]], SEEDS),
    ((), "stack__max_replicates", [0, -1, "many", 2.5, True], "auto, or a whole number of 1 or more"),
    ((), "compile", ["maybe", 7], "auto, true or false"),
    ((), "seed", [-1, 2**32], "a whole number from 0 to 2^32 - 1"),
    ((), "label", ["a/b", "", "..", "a b", "x" * 81], LABEL),
]


def test_a_backend_that_keras_does_not_have() -> None:
    text = "engine.backend=pytorch is not known; allowed: torch, tensorflow, jax. Did you mean 'torch'?"
    assert refused(("engine=keras",), engine__backend="pytorch") == text


@pytest.mark.parametrize(
    ("choices", "key", "value", "allowed"),
    [(choices, key, value, allowed) for choices, key, values, allowed in RANGES for value in values],
)
def test_a_value_out_of_range_is_named_with_what_is_allowed(
    choices: tuple[str, ...], key: str, value: object, allowed: str
) -> None:
    dotted = key.replace("__", ".")
    assert refused(choices, **{key: value}) == f"{dotted}={written(value)} is out of range; it has to be {allowed}"


LEGAL: list[tuple[tuple[str, ...], str, list[object]]] = [
    ((), "norm__eps", [1.2e-38, 3.4e38]),
    ((), "norm__momentum", [0.0, 1.0, None]),
    (("norm=rms",), "norm__eps", [None, 1e-8]),
    ((), "model__hidden", [[1], [7, 7, 7]]),
    ((), "model__bias", [True, False, "auto"]),
    ((), "data__validation_size", [0, 59_999]),
    ((), "data__limit", [1, None]),
    ((), "data__split_seed", [0, 2**32 - 1, None]),
    ((), "optimizer__weight_decay", [0.0]),
    ((), "optimizer__betas", [[0.0, 0.0]]),
    ((), "seed", [0, 2**32 - 1]),
    ((), "label", ["a-b_9"]),
    (("schedule=cosine",), "schedule__final_factor", [0.0, 1.0]),
    (("schedule=step",), "schedule__every_epochs", [0.5]),
]


@pytest.mark.parametrize(
    ("choices", "key", "value"), [(choices, key, value) for choices, key, values in LEGAL for value in values]
)
def test_the_ends_of_the_ranges_are_legal(choices: tuple[str, ...], key: str, value: object) -> None:
    found: Any = changed(choices, **{key: value})
    for part in key.split("__"):
        found = getattr(found, part)
    assert found == value
