"""One reader of anybody's files: plain values as PyYAML's safe loader has them, and a reason for all else."""

import time
from pathlib import Path

import pytest
import yaml

from bnlab.store import DamagedError, read_run, yaml_mapping
from tests.report import stored
from tests.store.attack import BOMB, CONFIGS, RESULTS

PLAIN = """\
norm: {name: batch, eps: 1.0e-5, momentum: 1e-5, affine: true, then: null, kwargs: {}, 'quoted: key': ~}
model:
  hidden: [128, 0x1f, 010, 1_000, -3, +4, 1:30]
  words: [yes, no, "no", 'null', relu, .inf, -.inf, 1.5.2, 2001-01-01, "\\e[2J", '']
  text: |
    two
    lines
  nothing:
epochs: 1
epochs: 2
"""


@pytest.mark.parametrize("loader", ["C", "Python"])
def test_plain_values_are_those_of_the_safe_loader(loader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if loader == "Python":
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    expected = yaml.safe_load(PLAIN)
    for _ in range(2):  # the second time values are known
        found = yaml_mapping(PLAIN)
        assert found == expected
        assert repr(found) == repr(expected)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is no mapping of keys to values"),
        ("- a", "it is no mapping of keys to values"),
        ("a: 1\n---\nb: 2\n", "it is no mapping of keys to values"),
        ("a: [", "it is not valid YAML (while parsing"),
        ("a: &x 1", "it has anchors or aliases"),
        ("a: *x", "it has anchors or aliases"),
        (BOMB, "it has anchors or aliases"),
        ("a: !!python/object/apply:os.getpid []", "it has the tag tag:yaml.org,2002:python/object/apply:os.getpid"),
        ("<<: {a: 1}", "it is not valid YAML (could not determine a constructor for the tag"),
        ("1: 2", "it has the key 1, which is no text"),
        ("? [a]\n: b", "it has the key ['a'], which is no text"),
        (f"a: {'[' * 20}{']' * 20}", "it is nested more than 20 deep"),
        (f"a: [{'1, ' * 6000}]", "or has more than 5000 values"),
        (f"a: {'9' * 5000}", "it is not valid YAML (Exceeds the limit"),
    ],
)
def test_what_is_no_mapping_of_plain_values_has_a_reason(text: str, reason: str) -> None:
    with pytest.raises(DamagedError) as error:
        yaml_mapping(text)
    assert reason in str(error.value)
    assert str(error.value).isprintable()


@pytest.mark.parametrize("config", CONFIGS, ids=lambda text: repr(text[:20]))
def test_a_hostile_configuration_is_text_or_has_a_reason(config: str, tmp_path: Path) -> None:
    """Cause: less than 1 kB of YAML took more than 40 s."""
    run = stored.run(tmp_path, "batch", folder="hostile")
    (run / "config.yaml").write_text(config)
    began = time.process_time()
    found = read_run(run)
    assert time.process_time() - began < 2
    assert found is not None
    assert (found.config is None) == found.reason.startswith("config.yaml is damaged: ")
    settings = {} if found.config is None else found.config.settings
    assert "".join([found.reason, *settings, *settings.values()]).isprintable()


@pytest.mark.parametrize("result", RESULTS, ids=lambda text: repr(text[:70]))
def test_a_hostile_result_is_typed_or_has_a_reason(result: str, tmp_path: Path) -> None:
    """Cause: one bad result.json ended every command."""
    run = stored.run(tmp_path, "batch", folder="hostile")
    folder = stored.replicate(run, 0, 0.9)
    (folder / "result.json").write_text(result)
    found = read_run(run)
    assert found is not None
    (replicate,) = found.replicates
    assert (replicate.result is None) == replicate.reason.startswith("result.json ")
    assert replicate.reason.isprintable()
    if replicate.result is not None:
        assert all(0 <= value <= 1 for value in replicate.result.final.values())
