"""The typed configuration: the shipped defaults, the article's two programs, types and ranges."""

import dataclasses
from dataclasses import asdict
from typing import Any

import pytest

from bnlab.config import CHOICES, MLPConfig, RunConfig, settings_of, unknown_setting
from bnlab.config.other_names import OTHER_NAMES
from bnlab.errors import written
from tests.compose import compose
from tests.configured import changed, refused


def test_the_defaults_are_those_that_the_readme_promises() -> None:
    config = changed(())
    assert (config.norm.name, config.model.name, config.data.name) == ("batch", "mlp", "mnist")
    assert (config.optimizer.name, config.schedule.name, config.optimizer.lr) == ("adam", "constant", 1e-3)
    assert (config.data.batch_size, config.data.validation_size, config.data.normalize) == (32, 10_000, "none")
    assert isinstance(config.model, MLPConfig)
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
        ((), "model__hidden", 12345, "a list of whole numbers, e.g. [128,64], or null"),
        ((), "model__hidden", [128, "wide"], "a list of whole numbers, e.g. [128,64], or null"),
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
    assert (
        refused(choices, **{key: value})
        == f"{dotted}{at}={written(wrong)} is of the wrong type; it has to be {allowed}"
    )


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("norm__impl", "nativ", "norm.impl=nativ is not known; allowed: native, custom, keras. Did you mean 'native'?"),
        (
            "model__activation",
            "rely",
            "model.activation=rely is not known; allowed: relu, gelu, tanh, sigmoid, linear. Did you mean 'relu'?",
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


def test_a_configuration_cannot_be_changed() -> None:
    """Cause: the jobs of a sweep share the sections that they have in common, and a run's address is computed once."""
    config = changed(())
    for part in (config, config.stack, *(getattr(config, section) for section in CHOICES)):
        with pytest.raises(dataclasses.FrozenInstanceError):
            part.name = "other"


def test_nesterov_needs_momentum() -> None:
    message = refused(("optimizer=sgd",), optimizer__momentum=0.0, optimizer__nesterov=True)
    assert message == "optimizer.nesterov=true needs optimizer.momentum above 0"


def test_the_length_is_set_by_steps_before_epochs_and_by_one_of_them() -> None:
    assert (changed((), steps=7).steps, changed((), steps=7).epochs) == (7, None)
    assert changed((), steps=7).protocol() == changed((), steps=7, epochs=3).protocol()
    assert refused((), epochs=None) == "epochs and steps are both null; set one of them"


OF = "is a setting of"


@pytest.mark.parametrize(
    ("choices", "key", "settings", "meant"),
    [
        ((), "epss", "impl, eps, affine, momentum, track_running_stats", "Did you mean 'eps'?"),
        ((), "epsilon", "impl, eps, affine, momentum, track_running_stats", "Did you mean 'eps'?"),
        ((), "batch_size", "impl, eps, affine, momentum, track_running_stats", "Did you mean 'data.batch_size'?"),
        (
            ("norm=layer",),
            "num_groups",
            "impl, eps, affine",
            f"'num_groups' {OF} norm=group, weight_standardization, scaled_weight_standardization, weight_norm.",
        ),
        (
            ("norm=layer",),
            "groups",
            "impl, eps, affine",
            f"'num_groups' {OF} norm=group, weight_standardization, scaled_weight_standardization, weight_norm.",
        ),
        (("norm=group",), "r_mx", "impl, eps, affine, num_groups", f"'r_max' {OF} norm=batch_renorm."),
        (("norm=none",), "virtual_batch_size", "impl", f"'virtual_batch_size' {OF} norm=ghost_batch, ghost_noise."),
    ],
)
def test_a_setting_that_a_scheme_does_not_have_is_refused(
    choices: tuple[str, ...], key: str, settings: str, meant: str
) -> None:
    name = choices[0].removeprefix("norm=") if choices else "batch"
    message = refused(choices, **{f"norm__{key}": 0.1})
    assert message == f"norm={name} has no setting '{key}'; its settings: {settings}. {meant}"


def test_a_choice_without_settings_says_so() -> None:
    assert refused((), schedule__gamma=0.5) == (
        "schedule=constant has no setting 'gamma'; its settings: warmup_steps. 'gamma' is a setting of schedule=step."
    )


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("epoch", " Did you mean 'epochs'?"),
        ("num_epochs", " Did you mean 'epochs'?"),
        ("lr", " Did you mean 'optimizer.lr'?"),
        ("learning_rate", " Did you mean 'optimizer.lr'?"),
        ("Learning_rte", " Did you mean 'optimizer.lr'?"),
        ("batch_size", " Did you mean 'data.batch_size'?"),
        ("hidden", " Did you mean 'model.hidden'?"),
        ("channels", " Did you mean 'model.channels'?"),  # which the chosen model does not have
        ("momentum", " Did you mean 'norm.momentum' or 'optimizer.momentum'?"),
        ("trainer.max_epochs", " Did you mean 'epochs'?"),
        ("scheduler", " Did you mean 'schedule'?"),
        ("dropout", " Did you mean 'model.dropout'?"),
        ("droput", " Did you mean 'model.dropout'?"),
        ("_target_x", " Did you mean 'norm.target'?"),
    ],
)
def test_an_unknown_setting_at_the_top_is_told_with_the_one_that_was_meant(key: str, meant: str) -> None:
    error = str(unknown_setting(key, {"norm": "batch", "model": "mlp"}))
    assert error.startswith(f"unknown setting '{key}'; allowed: checkpoint_every, ")
    assert error.endswith(f"stack, steps, tags, threads, tracker.{meant}")


def test_other_names_are_none_of_bnlabs_own() -> None:
    own = {field.name for field in dataclasses.fields(RunConfig)}
    own |= {name for group, choices in CHOICES.items() for choice in choices for name in settings_of(group, choice)}
    assert not own & set(OTHER_NAMES)


def test_every_shipped_choice_sets_exactly_the_settings_of_its_schema() -> None:
    for group, choices in CHOICES.items():
        for choice in choices:
            shipped = set(compose([f"{group}={choice}"])[group])
            fixed = {"name", "impl"} & shipped
            assert shipped - fixed - {"digest"} == set(settings_of(group, choice)), (group, choice)
