"""`bnlab bench`: what it prints, its JSON, and its errors. No time is asserted."""

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from bnlab.bench import configs, engine, limit, norms
from bnlab.bench.engine import Case
from bnlab.config import MLPConfig
from bnlab.engine.evaluation import evaluate
from bnlab.engine.optimizer import StackOptimizer
from bnlab.launch.job import Job
from bnlab.norms import SCHEMES
from tests.conftest import Cli

QUICK = ("bench", "engine", "--steps", "1", "--rounds", "1", "--threads", "1", "--no-compiled")
STACKS = [
    "the article's program",
    "single run",
    "single runs, a process per core",
    "single run, custom batch norm",
    "stack of 2 seeds",
    "stack of 5 seeds",
    "stack of 16 seeds, custom batch norm",
    "stack of 4 schemes x 4 seeds (none, batch, layer, group)",
    "stack of 4 schemes x 16 seeds (none, batch, layer, group)",
]


def test_engine_prints_its_table_and_writes_json(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "SIZES", (2, 5))
    monkeypatch.setattr(engine, "WORTH_RECORDING", 1)
    monkeypatch.setattr(limit, "CALLS", 1)
    answer = cli(*QUICK, "--out", "new/engine.json")
    assert answer.code == 0, answer.err
    for text in (*STACKS, "us per replicate and step", "times the article's", "of the limit", "1.0 x"):
        assert text in answer.out
    for text in ("Medians of 1 alternating rounds of 1 training steps", "GFLOP/s", "GB/s"):
        assert text in answer.out
    assert f"torch {torch.__version__}" in answer.out
    assert "1 threads)." in answer.out
    assert answer.err.strip() == "wrote new/engine.json"
    _check_engine(json.loads((tmp_path / "new" / "engine.json").read_text()))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["engine.json"]


def _check_engine(results: dict[str, Any]) -> None:
    assert set(results) == {"bench", "environment", "steps", "rounds", "limit", "cases"}
    assert (results["bench"], results["steps"], results["rounds"]) == ("engine", 1, 1)
    assert results["environment"]["threads"] == 1
    keys = {"replicates", "us", "us_of_rounds", "products_us", "products_gflops", "adam_us", "adam_gb_per_s"}
    assert set(results["limit"]) == keys
    assert results["limit"]["us"] == pytest.approx(results["limit"]["products_us"] + results["limit"]["adam_us"])
    assert [case["case"] for case in results["cases"]] == STACKS
    assert [case["replicates"] for case in results["cases"]] == [1, 1, 1, 1, 2, 5, 16, 16, 64]
    keys = {"case", "replicates", "compiled", "us", "us_of_rounds", "speedup", "share_of_limit"}
    for case in results["cases"]:
        assert set(case) == keys
        assert case["us"] > 0
        assert case["speedup"] == pytest.approx(results["cases"][0]["us"] / case["us"])
        assert case["share_of_limit"] == pytest.approx(results["limit"]["us"] / case["us"])


def test_figures_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rounds and one, of cases and limits whose times are known."""
    article_times, stack_times = iter([0.008, 0.004, 0.006]), iter([0.016, 0.048, 0.032])
    limits = iter([limit.Limit(0.008, 0.004), limit.Limit(0.012, 0.008), limit.Limit(0.010, 0.006)])

    def cases(config: object, processes: object, *, compiled: bool, models: bool) -> list[Case]:
        return [
            Case(engine.ARTICLE, 1, False, lambda steps: steps * next(article_times)),
            Case("sixteen", 16, True, lambda steps: steps * next(stack_times)),
        ]

    monkeypatch.setattr(engine, "cases", cases)
    monkeypatch.setattr(limit, "measure", lambda products, parameters: next(limits))
    results = engine.bench(10, 3, None, compiled=False, models=False, begin=lambda number, name: None)
    program, sixteen = results["cases"]
    assert program["us"] == pytest.approx(6000)
    assert sixteen["us"] == pytest.approx(2000)
    assert sixteen["us_of_rounds"] == pytest.approx([1000, 3000, 2000])
    assert (sixteen["speedup"], program["speedup"]) == pytest.approx((3, 1))
    assert results["limit"]["us"] == pytest.approx(1000)
    assert (results["limit"]["products_us"], results["limit"]["adam_us"]) == pytest.approx((625, 375))
    assert sixteen["share_of_limit"] == pytest.approx(0.5)
    # 16 replicates: 14,540,800 operations in 10 ms, 7 x 4 bytes of 109,770 parameters in 6 ms.
    assert results["limit"]["products_gflops"] == pytest.approx(16 * 14_540_800 / 0.010 / 1e9)
    assert results["limit"]["adam_gb_per_s"] == pytest.approx(16 * 28 * 109_770 / 0.006 / 1e9)


def test_cases_are_the_articles_configuration() -> None:
    config = configs.article_config()
    assert (config.data.batch_size, config.optimizer.name, config.optimizer.lr) == (32, "adam", 1e-3)
    assert isinstance(config.model, MLPConfig)
    assert (config.model.bias, config.model.hidden, config.data.validation_size) == (True, [128, 64], 0)
    assert type(config.norm) is SCHEMES["batch"].settings
    custom = configs.with_norm(config, "batch", "custom")
    assert custom.norm == dataclasses.replace(config.norm, impl="custom")
    assert type(configs.norm_config("group")) is SCHEMES["group"].settings
    with ThreadPoolExecutor(1) as unused:
        compiled = [case for case in engine.cases(config, unused, compiled=True, models=False) if case.compiled]
    assert [case.replicates for case in compiled] == [1, 1, 4, 16, 64]


def test_the_other_models_are_timed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "WORTH_RECORDING", 1)
    monkeypatch.setattr(engine, "SEEDS_OF_A_MODEL", 2)
    with ThreadPoolExecutor(1) as unused:
        found = engine.cases(configs.article_config(), unused, compiled=False, models=True)
    cases = [case for case in found if case.name.partition(",")[0] in ("cnn", "rnn", "vit", "own class")]
    assert [case.name for case in cases if case.replicates == 1] == [
        "cnn, single run",
        "rnn, single run",
        "vit, single run",
        "own class, single run",
    ]
    assert [case.name for case in cases if case.replicates == 2] == [
        "cnn, stack of 2 seeds",
        "rnn, stack of 2 seeds",
        "vit, stack of 2 seeds",
        "own class, stack of 2 seeds",
    ]
    assert all(case.seconds(1) > 0 for case in cases)


def test_steps_are_timed_without_warm_up_and_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def later(seconds: float) -> None:
        nonlocal now
        now += seconds

    class Clock:
        """A stack's step takes 1 s, 50 s in the warm-up, an evaluation an hour."""

        perf_counter = staticmethod(lambda: now)

    original = StackOptimizer.set_lr

    def step(self: StackOptimizer, number: int) -> None:
        later(1.0 if number >= 3 else 50.0)
        original(self, number)

    def slow(*arguments: Any, **options: Any) -> Any:
        later(3600.0)
        return evaluate(*arguments, **options)

    monkeypatch.setattr("bnlab.engine.loop.time", Clock)
    monkeypatch.setattr(StackOptimizer, "set_lr", step)
    monkeypatch.setattr("bnlab.engine.shard.evaluate", slow)
    jobs = [Job(configs.article_config(), seed) for seed in (0, 1)]
    assert engine.seconds_of_steps(jobs, 3, compiled=False) == 3.0


def test_norms_prints_its_table(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(norms, "CALLS", 2)
    answer = cli("bench", "norms", "--rounds", "1", "--threads", "1")
    assert answer.code == 0, answer.err
    for text in ("(32, 128)", "(128, 128)", "(32, 784)", "(1024, 128)", "(32, 32, 14, 14)", "ratio to native"):
        assert text in answer.out
    assert "Medians of 1 alternating rounds, each the median of 2 calls." in answer.out


def test_norms_prints_json_and_nothing_else(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(norms, "median_seconds", lambda call, calls, warm_up: 3e-6 if call() is None else 2e-6)
    answer = cli("bench", "norms", "--rounds", "1", "--json")
    results = json.loads(answer.out)
    assert set(results) == {"bench", "environment", "calls", "rounds", "cases"}
    seen = {(c["scheme"], c["impl"], tuple(c["shape"]), c["pass"]): c for c in results["cases"]}
    flat = [(32, 128), (128, 128), (32, 784), (1024, 128)]
    for scheme in ("batch", "layer", "group", "rms"):
        for impl in ("native", "custom"):
            assert all((scheme, impl, shape, "forward") in seen for shape in flat)
    # Without space there is nothing to normalize an instance over; torch.nn.RMSNorm is for the last axes only.
    assert {key[2] for key in seen if key[0] == "instance"} == {(32, 32, 14, 14)}
    assert ("rms", "native", (32, 32, 14, 14), "forward") not in seen
    assert seen["rms", "custom", (32, 32, 14, 14), "forward"]["ratio_to_native"] is None
    assert seen["batch", "custom", (32, 128), "forward + backward"] == {
        "scheme": "batch",
        "impl": "custom",
        "shape": [32, 128],
        "pass": "forward + backward",
        "us": pytest.approx(3),
        "ratio_to_native": pytest.approx(1),
    }
    assert seen["batch", "custom", (32, 128), "forward"]["us"] == pytest.approx(2)


def test_a_backward_pass_gives_gradients() -> None:
    case = norms.Case("layer", "custom", (4, 16), backward=True)
    call = norms.layer_pass(case)
    assert call is not None
    assert call() is None
    assert norms.layer_pass(norms.Case("instance", "native", (4, 16), backward=True)) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("engine", "--steps", "0"), "--steps 0 is out of range; it has to be 1 to 1000000000"),
        (("engine", "--rounds", "-1"), "--rounds -1 is out of range; it has to be 1 to 100000"),
        (("engine", "--threads", "0"), "--threads 0 is out of range; it has to be 1 to 1024"),
        (("norms", "--rounds", "0"), "--rounds 0 is out of range; it has to be 1 to 100000"),
        (("norms", "--out", "."), "--out . is a folder; name a file in it"),
        (
            ("norms", "--out", "file/x.json"),
            "--out file/x.json cannot be written (Not a directory); choose another file",
        ),
    ],
)
def test_bad_options_end_in_one_line(cli: Cli, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    (tmp_path / "file").touch()
    answer = cli("bench", *arguments)
    assert (answer.code, answer.out, answer.err) == (2, "", f"error: {message}\n")


def test_compiled_without_a_compiler_is_refused(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    answer = cli("bench", "engine")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("error: --compiled needs a C++ compiler, and no-such-compiler cannot be run; install")
    assert answer.err.endswith(", or use --no-compiled\n")


def test_help_does_not_import_torch(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "bnlab.bench.show", None)
    answer = cli("bench", "--help")
    assert answer.code == 0
    assert "engine" in answer.out
    assert "norms" in answer.out
