"""Every shipped YAML file, and every scheme by every impl, is trained for two steps."""

import csv
import math
from pathlib import Path

import pytest

from bnlab.config import CHOICES, CONF, added_settings, from_mapping
from bnlab.errors import UserError
from bnlab.launch.outcomes import run
from bnlab.launch.preflight import check
from bnlab.norms import SCHEMES
from bnlab.store import run_folder
from tests.compose import compose
from tests.data import idx

STUDIES = sorted(CONF.glob("study/*.yaml"))
"""These have tests of their own, in tests/studies/test_shipped.py."""
FILES = sorted({*CONF.glob("*/*.yaml")} - {*STUDIES})
SPATIAL = {f"norm={name}" for name, scheme in SCHEMES.items() if scheme.spatial_only}
BY_SEVERAL = {f"norm={name}" for name, scheme in SCHEMES.items() if len(scheme.impls) > 1}
"""Trained by each of their impls below."""
TWO_STEPS = ("threads=1", "steps=2", "data.limit=200", "quiet=true")


def choice(path: Path) -> str:
    return f"{path.parent.name}={path.stem}"


def test_the_folder_holds_what_this_test_knows_how_to_train() -> None:
    groups = {path.parent.name for path in FILES}
    assert groups == {"norm", "model", "data", "optimizer", "schedule", "engine", "experiment"}
    assert {path.stem for path in CONF.glob("norm/*.yaml")} == {*SCHEMES, "custom_class", "mixed"}


def test_settings_that_were_added_leave_the_addresses_of_stored_runs_as_they_are() -> None:
    """README's run, from before the first of them; a value that is not the default is another run."""
    assert run_folder(from_mapping(compose([]))).name == "batch-native-mlp-fe48282ade"
    others = ["model.dropout=0.1", "optimizer.clip_norm=1", "schedule.warmup_steps=9", "data.accumulate=2"]
    others += ["data.split_seed=0", "data.split_seed=1", "optimizer.adaptive_clip=1"]
    assert len({run_folder(from_mapping(compose([other]))) for other in ["seed=0", *others]}) == 8


def test_the_files_state_the_defaults_of_added_settings() -> None:
    for section, choices in CHOICES.items():
        for name in choices:
            added = added_settings(section, name)
            shipped = compose([f"{section}={name}"])[section]
            assert {key: shipped[key] for key in added} == added, (section, name)


@pytest.mark.parametrize("override", [choice(path) for path in FILES if choice(path) not in BY_SEVERAL])
def test_every_file_trains(override: str, tmp_path: Path) -> None:
    arguments = [override, *TWO_STEPS]
    name = override.removeprefix("data=")
    if name in idx.RELATIVES:
        idx.write_all(tmp_path, name)
        arguments += [f"data.root={tmp_path}", "data.validation_size=0", "data.batch_size=3", "data.drop_last=true"]
    if override in SPATIAL:
        arguments.append("model=cnn")
    if override == "norm=custom_class":
        arguments.append("norm.target=torch.nn:Identity")
    if override == "norm=mixed":
        arguments.append("norm.per_layer=[batch,none]")
    assert losses(tmp_path, *arguments)


@pytest.mark.parametrize("norm", [name for name, scheme in SCHEMES.items() if not scheme.of_weights])
def test_every_scheme_trains_on_the_convolutional_network(norm: str, tmp_path: Path) -> None:
    impl = "norm.impl=custom"  # native rms norm takes no images
    assert losses(tmp_path, "model=cnn", f"norm={norm}", impl, *TWO_STEPS)


@pytest.mark.parametrize("norm", [name for name, scheme in SCHEMES.items() if len(scheme.impls) > 1])
def test_the_impls_of_a_scheme_train_alike(norm: str, tmp_path: Path) -> None:
    model = "model=cnn" if SCHEMES[norm].spatial_only else "model=mlp"
    impls = SCHEMES[norm].impls
    native, *others = [
        losses(tmp_path / impl, model, f"norm={norm}", f"norm.impl={impl}", *TWO_STEPS) for impl in impls
    ]
    assert others
    assert all(other == pytest.approx(native, rel=1e-4) for other in others)


@pytest.mark.parametrize("override", sorted(SPATIAL))
@pytest.mark.parametrize("impl", ["native", "custom"])
def test_schemes_that_need_space_are_refused_on_the_mlp(override: str, impl: str, tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=f"^{override} cannot be used here: .* use a convolutional model, or norm=layer"
    ):
        losses(tmp_path, override, f"norm.impl={impl}", *TWO_STEPS)


def losses(folder: Path, *overrides: str) -> list[float]:
    """All losses of metrics.csv."""
    config = from_mapping(compose([*overrides, f"runs_dir={folder}"]))
    check(config)
    ((outcome,),) = run([config])
    assert (outcome.result.state, outcome.trained) == ("done", True)
    with (outcome.folder / "metrics.csv").open() as file:
        found = [float(row["loss"]) for row in csv.DictReader(file)]
    assert all(math.isfinite(loss) for loss in found)
    return found
