"""The typed configuration: the shipped defaults, the article's two programs, types and ranges."""

import math
from dataclasses import asdict
from typing import Any

import pytest

from bnlab.config import CHOICES, RunConfig, from_mapping, settings_of
from bnlab.errors import UserError
from tests.compose import compose


def changed(overrides: tuple[str, ...], **values: object) -> RunConfig:
    """The checked configuration with some values replaced: `optimizer__lr=0.1` is optimizer.lr."""
    mapping = compose(overrides)
    for key, value in values.items():
        section, _, setting = key.partition("__")
        if setting:
            mapping[section][setting] = value
        else:
            mapping[section] = value
    return from_mapping(mapping)


def test_the_defaults_are_those_that_the_readme_promises() -> None:
    config = changed(())
    assert (config.norm.name, config.model.name, config.data.name) == ("batch", "mlp", "mnist")
    assert (config.optimizer.name, config.schedule.name, config.optimizer.lr) == ("adam", "constant", 1e-3)
    assert (config.data.batch_size, config.data.validation_size, config.data.normalize) == (32, 10_000, "none")
    assert (config.model.hidden, config.model.activation, config.model.bias) == ([128, 64], "relu", "auto")
    assert (config.epochs, config.steps, config.seed, config.device) == (10, None, 0, "auto")


ARTICLE: dict[str, Any] = {
    # Section 0 of the article's programs; section 12 of the conventions says what Keras's values are in PyTorch's.
    "model": {
        "name": "mlp",
        "hidden": [128, 64],
        "activation": "relu",
        "norm_position": "pre",
        "norm_input": False,
        "norm_output": False,
        "init_gain": None,
        "bias": True,
    },
    "data": {"name": "mnist", "batch_size": 32, "drop_last": False, "normalize": "none", "limit": None},
    "optimizer": {"name": "adam", "lr": 1e-3, "betas": [0.9, 0.999], "weight_decay": 0.0},
    "norm": {"name": "batch", "affine": True, "track_running_stats": True},
    "schedule": {"name": "constant"},
}
PYTORCH = {
    "model": {"init": "pytorch"},
    "data": {"validation_size": 0},
    "optimizer": {"eps": 1e-8},
    "norm": {"eps": 1e-5, "momentum": 0.1},
}
KERAS = {
    "model": {"init": "xavier"},
    "data": {"validation_size": 60_000 // 5},
    "optimizer": {"eps": 1e-7},
    "norm": {"eps": 1e-3, "momentum": pytest.approx(1 - 0.99)},
}


@pytest.mark.parametrize(("name", "own"), [("article_pytorch", PYTORCH), ("article_keras", KERAS)])
def test_the_articles_programs(name: str, own: dict[str, dict[str, object]]) -> None:
    config = changed((f"experiment={name}",))
    assert (config.epochs, config.steps, config.label) == (10, None, name.replace("_", "-"))
    found = asdict(config)
    for section, settings in ARTICLE.items():
        expected = {**settings, **own.get(section, {})}
        assert {key: found[section][key] for key in expected} == expected


@pytest.mark.parametrize("name", ["article_pytorch", "article_keras"])
def test_the_articles_programs_can_be_changed_by_hand(name: str) -> None:
    config = changed((f"experiment={name}", "norm.eps=0.5", "epochs=2", "data.batch_size=4", "label=mine"))
    assert (config.norm.settings()["eps"], config.epochs, config.data.batch_size) == (0.5, 2, 4)
    assert config.label == "mine"


def refused(choices: tuple[str, ...], **changes: object) -> str:
    with pytest.raises(UserError) as error:
        changed(choices, **changes)
    assert "\n" not in str(error.value)
    return str(error.value)


POSITIVE = "a finite number above 0"
SEEDS = "how many seeds (1 to 10000), or a list of distinct seeds, e.g. [7,9]"
RANGES: list[tuple[tuple[str, ...], str, list[object], str]] = [
    ((), "norm__eps", [0.0, -1e-5, math.nan, math.inf, -math.inf], POSITIVE),
    (("norm=layer",), "norm__eps", [0.0, math.nan], POSITIVE),
    (("norm=group",), "norm__eps", [0.0, math.nan], POSITIVE),
    (("norm=instance",), "norm__eps", [0.0, math.nan], POSITIVE),
    (("norm=rms",), "norm__eps", [0.0, -1.0, math.nan], POSITIVE),
    ((), "norm__momentum", [-0.001, 1.001, math.nan, math.inf], "between 0 and 1"),
    (("norm=instance",), "norm__momentum", [-0.001, 1.001, math.nan], "between 0 and 1"),
    (("norm=group",), "norm__num_groups", [0, -2], "1 or more"),
    ((), "model__hidden", [[]], "a list of one or more widths, e.g. [128,64]"),
    ((), "model__hidden", [[128, 0], [-1]], "widths of 1 or more"),
    (("model.init=normal",), "model__init_gain", [0.0, -1.0, math.nan, math.inf], POSITIVE),
    ((), "model__bias", ["maybe", "True "], "auto, true or false"),
    ((), "data__validation_size", [-1], "0 or more"),
    ((), "data__batch_size", [0, -32], "1 or more"),
    ((), "data__limit", [0, -1], "1 or more, or null for all"),
    ((), "optimizer__lr", [0.0, -1e-3, math.nan, math.inf], POSITIVE),
    ((), "optimizer__eps", [0.0, -1e-8, math.nan], POSITIVE),
    ((), "optimizer__weight_decay", [-1e-4, math.nan, math.inf], "a finite number, 0 or above"),
    ((), "optimizer__betas", [[0.9], [0.9, 1.0], [-0.1, 0.9], [0.9, 0.9, 0.9]], "two numbers, each from 0 to below 1"),
    (("optimizer=sgd",), "optimizer__momentum", [-0.1, 1.1, math.nan], "between 0 and 1"),
    (("schedule=cosine",), "schedule__final_factor", [-0.1, 1.1, math.nan], "between 0 and 1"),
    (("schedule=step",), "schedule__every_epochs", [0.0, -1.0, math.nan, math.inf], POSITIVE),
    (("schedule=step",), "schedule__gamma", [0.0, -1.0, math.nan, math.inf], POSITIVE),
    ((), "epochs", [0, -1], "1 or more"),
    ((), "steps", [0, -1], "1 or more, or null to count in epochs"),
    ((), "eval_every", [0, -1], "1 or more, or null"),
    ((), "threads", [0, -1], "1 or more, or null"),
    ((), "seeds", [0, -1, 10_001, 2.5, "a", True, [], [7, 7], [-1], ["a"], [2**32]], SEEDS),
    ((), "stack__max_replicates", [0, -1, "many", 2.5, True], "auto, or a whole number of 1 or more"),
    ((), "compile", ["maybe", 7], "auto, true or false"),
    ((), "seed", [-1, 2**32], "a whole number from 0 to 2^32 - 1"),
    ((), "label", ["a/b", "", "..", "a b", "x" * 81], "1 to 80 letters, digits, '-' and '_'"),
]


@pytest.mark.parametrize(
    ("choices", "key", "value", "allowed"),
    [(choices, key, value, allowed) for choices, key, values, allowed in RANGES for value in values],
)
def test_a_value_out_of_range_is_named_with_what_is_allowed(
    choices: tuple[str, ...], key: str, value: object, allowed: str
) -> None:
    dotted = key.replace("__", ".")
    assert refused(choices, **{key: value}) == f"{dotted}={value} is out of range; it has to be {allowed}"


LEGAL: list[tuple[tuple[str, ...], str, list[object]]] = [
    ((), "norm__eps", [1e-300, 1.0]),
    ((), "norm__momentum", [0.0, 1.0, None]),
    (("norm=rms",), "norm__eps", [None, 1e-8]),
    ((), "model__hidden", [[1], [7, 7, 7]]),
    ((), "model__bias", [True, False, "auto"]),
    ((), "data__validation_size", [0, 59_999]),
    ((), "data__limit", [1, None]),
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


@pytest.mark.parametrize(
    ("choices", "key", "value", "allowed"),
    [
        ((), "norm__eps", "small", "a number"),
        ((), "norm__momentum", "high", "a number, or null"),
        ((), "norm__affine", 2.5, "true or false"),
        (("norm=group",), "norm__num_groups", 2.5, "a whole number"),
        ((), "data__batch_size", 32.5, "a whole number"),
        ((), "data__batch_size", "many", "a whole number"),
        ((), "data__batch_size", None, "a whole number"),
        ((), "data__limit", "all", "a whole number, or null"),
        ((), "model__hidden", 12345, "a list of whole numbers, e.g. [128,64]"),
        ((), "model__hidden", [128, "wide"], "a list of whole numbers, e.g. [128,64]"),
        ((), "optimizer__betas", [0.9, "high"], "a list of numbers, e.g. [0.9,0.999]"),
        ((), "epochs", 1.5, "a whole number, or null"),
        ((), "seed", "zero", "a whole number"),
        ((), "rerun", "maybe", "true or false"),
    ],
)
def test_a_wrong_type_is_named_with_the_type_that_it_has_to_be(
    choices: tuple[str, ...], key: str, value: object, allowed: str
) -> None:
    at, wrong = ("[1]", value[1]) if isinstance(value, list) else ("", value)
    dotted = key.replace("__", ".")
    assert refused(choices, **{key: value}) == f"{dotted}{at}={wrong} is of the wrong type; it has to be {allowed}"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("norm__impl", "nativ", "norm.impl=nativ is not known; allowed: native, custom. Did you mean 'native'?"),
        (
            "model__activation",
            "rely",
            "model.activation=rely is not known; allowed: relu, gelu, tanh, sigmoid. Did you mean 'relu'?",
        ),
        (
            "model__norm_position",
            "pos",
            "model.norm_position=pos is not known; allowed: pre, post. Did you mean 'post'?",
        ),
        ("model__init", "he", "model.init=he is not known; allowed: pytorch, kaiming, xavier, normal."),
        (
            "data__normalize",
            "std",
            "data.normalize=std is not known; allowed: none, standard. Did you mean 'standard'?",
        ),
        (
            "model__init_gain",
            2.0,
            "model.init_gain is not a setting of model.init=pytorch; use kaiming, xavier or normal",
        ),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest_one(key: str, value: object, message: str) -> None:
    assert refused((), **{key: value}) == message


def test_seeds() -> None:
    assert changed(()).replicate_seeds() == [0]
    assert changed((), seed=7).replicate_seeds() == [7]
    assert changed((), seed=7, seeds=3).replicate_seeds() == [0, 1, 2]
    assert changed((), seeds=[9, 0]).replicate_seeds() == [9, 0]


def test_nesterov_needs_momentum() -> None:
    message = refused(("optimizer=sgd",), optimizer__momentum=0.0, optimizer__nesterov=True)
    assert message == "optimizer.nesterov=true needs optimizer.momentum above 0"


def test_the_length_is_set_by_steps_before_epochs_and_by_one_of_them() -> None:
    assert (changed((), steps=7).steps, changed((), steps=7).epochs) == (7, None)
    assert changed((), steps=7).protocol() == changed((), steps=7, epochs=3).protocol()
    assert refused((), epochs=None) == "epochs and steps are both null; set one of them"


@pytest.mark.parametrize(
    ("choices", "key", "settings", "meant"),
    [
        ((), "epss", "impl, eps, affine, momentum, track_running_stats", " Did you mean 'eps'?"),
        (("norm=layer",), "momentum", "impl, eps, affine", ""),
        (("norm=layer",), "num_groups", "impl, eps, affine", ""),
        (("norm=rms",), "track_running_stats", "impl, eps, affine", ""),
        (("norm=group",), "momentum", "impl, eps, affine, num_groups", ""),
        (("norm=none",), "eps", "impl", ""),
    ],
)
def test_a_setting_that_a_scheme_does_not_have_is_refused(
    choices: tuple[str, ...], key: str, settings: str, meant: str
) -> None:
    name = choices[0].removeprefix("norm=") if choices else "batch"
    message = refused(choices, **{f"norm__{key}": 0.1})
    assert message == f"norm={name} has no setting '{key}'; its settings: {settings}.{meant}"


def test_a_choice_without_settings_says_so() -> None:
    assert refused((), schedule__gamma=0.5) == "schedule=constant has no setting 'gamma'; it has no settings."


def test_an_unknown_setting_at_the_top_is_told_with_the_nearest_one() -> None:
    message = refused((), epoch=3)
    assert message.startswith("unknown setting 'epoch'; allowed: ")
    assert message.endswith(" Did you mean 'epochs'?")


def test_every_shipped_choice_sets_exactly_the_settings_of_its_schema() -> None:
    for group, choices in CHOICES.items():
        for choice in choices:
            shipped = set(compose([f"{group}={choice}"])[group])
            fixed = {"name", "impl"} & shipped
            assert shipped - fixed == set(settings_of(group, choice)), (group, choice)
