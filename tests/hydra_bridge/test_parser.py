"""Hydra's parser where argparse looks into help texts, as it does since Python 3.14."""

import argparse

import pytest

from bnlab.hydra_bridge.parser import hydra_parser, unchecked_help
from tests.conftest import Cli


def look_into_help(parser: argparse.ArgumentParser, action: argparse.Action) -> None:
    """What Python 3.14's argparse does when an option is added."""
    if action.help is not None and "%" not in action.help:
        return
    action.help % vars(action)  # type: ignore[operator]


@pytest.fixture(autouse=True)
def as_python_3_14(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(argparse.ArgumentParser, "_check_help", look_into_help, raising=False)
    add_argument = argparse.ArgumentParser.add_argument

    def checked(parser: argparse.ArgumentParser, *names: str, **options: object) -> argparse.Action:
        action = add_argument(parser, *names, **options)  # type: ignore[arg-type]
        parser._check_help(action)  # type: ignore[attr-defined]
        return action

    monkeypatch.setattr(argparse.ArgumentParser, "add_argument", checked)


def test_the_parser_is_made() -> None:
    assert hydra_parser().parse_args(["-m", "norm=none,batch"]).multirun


def test_hydra_itself_makes_it_too(cli: Cli) -> None:
    answer = cli("train", "--cfg", "job", "norm=group")
    assert (answer.code, answer.err) == (0, "")
    assert "num_groups" in answer.out


def test_afterwards_argparse_looks_again() -> None:
    with unchecked_help():
        pass
    with pytest.raises(TypeError):
        argparse.ArgumentParser().add_argument("--x", help=object())  # type: ignore[arg-type]
