"""`bnlab bench engine`: times the article's program, single runs and stacks, beside the machine's measured limit."""

from __future__ import annotations

import dataclasses
import math
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from statistics import fmean, median
from typing import Any

from bnlab.bench import article, limit
from bnlab.bench.configs import article_config, model_configs, with_norm
from bnlab.bench.timing import alternate
from bnlab.config import MLPConfig, RunConfig
from bnlab.data import Part, Split
from bnlab.engine import WORTH_RECORDING, Evaluation, Observer, train
from bnlab.launch import Job, device_of, plan_of, replicate, split_of, threads_for
from bnlab.machine import compiler
from bnlab.machine.threads import DEFAULT_THREADS, in_own_thread, use_threads
from bnlab.store import environment

ARTICLE = "the article's program"
SIZES = (4, 16, 64)
MIXED = ("none", "batch", "layer", "group")
SEEDS_OF_A_MODEL = 8
LIMIT_REPLICATES = 16
FEW_TEST_IMAGES = 100
"""The number of test images. Evaluation is not timed, so it is kept short."""


@dataclass(frozen=True)
class Case:
    """One way to train `replicates` networks; `seconds` takes the number of steps."""

    name: str
    replicates: int
    compiled: bool
    seconds: Callable[[int], float]


class _Clock(Observer):
    """Keeps the seconds spent in training, evaluation left out, by step."""

    def __init__(self) -> None:
        self.seconds: dict[int, float] = {}

    def evaluated(self, evaluation: Evaluation) -> None:
        self.seconds[evaluation.step] = evaluation.seconds

    def diverged(self, replicate: int, step: int) -> None:
        raise RuntimeError(f"replicate {replicate} diverged at step {step}: its time would mean nothing")


@use_threads(1)
def bench(
    steps: int, rounds: int, threads: int | None, *, compiled: bool, models: bool, begin: Callable[[int, str], None]
) -> dict[str, Any]:
    """Times every case in alternating rounds and returns the figures as plain values.

    Times are in microseconds per replicate and step; `speedup` is the article's time over the case's, and
    `share_of_limit` the limit's over the case's, all between medians over the rounds.

    Args:
        steps: how many are timed in every round, after at least as many to warm up.
        rounds: how often each case is timed.
        threads: of the CPU; None leaves PyTorch's choice.
        compiled: also time compiled stacks.
        models: also time the other models, and a norm that bnlab does not know.
        begin: is called with the round and the case before each measurement.

    Raises:
        UserError: `compiled`, and there is no working C++ compiler.
    """
    config = dataclasses.replace(article_config(), threads=threads)
    if compiled:
        compiler.check("--compiled", "--no-compiled")
    limits: list[limit.Limit] = []
    with ProcessPoolExecutor(_threads(config), multiprocessing.get_context("spawn")) as processes:
        chosen = cases(config, processes, compiled=compiled, models=models)
        measures = {case.name: lambda case=case: case.seconds(steps) / steps / case.replicates for case in chosen}
        times = alternate(measures | {"the limit": lambda: _limit(config, limits)}, rounds, begin)
    return {
        "bench": "engine",
        "environment": environment.describe("cpu", _threads(config)),
        "steps": steps,
        "rounds": rounds,
        **_figures(chosen, times, limits, config),
    }


def cases(config: RunConfig, processes: Executor, *, compiled: bool, models: bool) -> list[Case]:
    """All cases, the article's program first."""
    custom = with_norm(config, "batch", "custom")
    seeds = {size: [Job(config, seed) for seed in range(size)] for size in (1, *SIZES)}
    cores = _threads(config)
    found = [
        Case(ARTICLE, 1, False, partial(_seconds_of_the_article, config)),
        _case("single run", seeds[1]),
        Case("single runs, a process per core", cores, False, partial(_seconds_side_by_side, config, cores, processes)),
        _case("single run, custom batch norm", [Job(custom, 0)]),
    ]
    if compiled:
        found.append(_case("single run, compiled", seeds[1], compiled=True))
        found.append(_case("single run, custom batch norm, compiled", [Job(custom, 0)], compiled=True))
    for size in SIZES:
        found.append(_case(f"stack of {size} seeds", seeds[size]))
        if compiled:
            found.append(_case(f"stack of {size} seeds, compiled", seeds[size], compiled=True))
    found.append(_case("stack of 16 seeds, custom batch norm", [Job(custom, seed) for seed in range(16)]))
    for size in (4, 16):
        mixed = [Job(with_norm(config, scheme), seed) for scheme in MIXED for seed in range(size)]
        found.append(_case(f"stack of 4 schemes x {size} seeds ({', '.join(MIXED)})", mixed))
    return found + _cases_of_models(config.threads) if models else found


def _cases_of_models(threads: int | None) -> list[Case]:
    """A single run and a stack of each of the other models."""
    found = []
    for name, of_model in model_configs().items():
        config = dataclasses.replace(of_model, threads=threads)
        found.append(_case(f"{name}, single run", [Job(config, 0)]))
        stack = [Job(config, seed) for seed in range(SEEDS_OF_A_MODEL)]
        found.append(_case(f"{name}, stack of {SEEDS_OF_A_MODEL} seeds", stack))
    return found


def seconds_of_steps(jobs: Sequence[Job], steps: int, *, compiled: bool) -> float:
    """The seconds of `steps` training steps of a stack, batches included, after others to warm up.

    The latter are at least as many, and enough that the step is recorded, as it would be in a whole run.
    """
    config = jobs[0].config
    clock = _Clock()
    warm_up = steps * math.ceil(WORTH_RECORDING / steps)
    plan = dataclasses.replace(plan_of(config), total_steps=warm_up + steps, eval_every=steps)
    replicates = [replicate(job.config, job.seed) for job in jobs]
    threads, device = threads_for(config, len(jobs)), device_of(config)
    split = _hardly_tested(config)
    train(replicates, split, plan, device, clock, threads=threads, compiled=compiled, warn=_refuse)
    return clock.seconds[warm_up + steps] - clock.seconds[warm_up]


def _refuse(line: str) -> None:
    raise RuntimeError(f"{line}; its time would be that of another program")


def _threads(config: RunConfig) -> int:
    return config.threads or DEFAULT_THREADS


def _seconds_side_by_side(config: RunConfig, count: int, processes: Executor, steps: int) -> float:
    """The mean seconds of `count` single runs that train at the same time, in processes with one thread each."""
    alone = dataclasses.replace(config, threads=1)
    running = [processes.submit(_seconds_alone, Job(alone, seed), steps) for seed in range(count)]
    return fmean(run.result() for run in running)


@use_threads(1)
def _seconds_alone(job: Job, steps: int) -> float:
    return seconds_of_steps([job], steps, compiled=False)


def _seconds_of_the_article(config: RunConfig, steps: int) -> float:
    return in_own_thread(_threads(config), partial(article.seconds_of_steps, steps, warm_up=steps))


def _case(name: str, jobs: Sequence[Job], *, compiled: bool = False) -> Case:
    return Case(name, len(jobs), compiled, lambda steps: seconds_of_steps(jobs, steps, compiled=compiled))


def _hardly_tested(config: RunConfig) -> Split:
    split = split_of(config.data)
    few = Part(split.test.images[:FEW_TEST_IMAGES], split.test.labels[:FEW_TEST_IMAGES])
    return dataclasses.replace(split, validation=None, test=few)


def _products(config: RunConfig) -> list[limit.Product]:
    split = split_of(config.data)
    assert isinstance(config.model, MLPConfig)
    widths = [split.train.images[0].numel(), *config.model.widths(), split.classes]
    return limit.step_products(LIMIT_REPLICATES, config.data.batch_size, widths)


def _parameters(config: RunConfig) -> int:
    return LIMIT_REPLICATES * sum(parameter.numel() for parameter in replicate(config, 0).model.parameters())


def _limit(config: RunConfig, limits: list[limit.Limit]) -> float:
    """Measures the limit once more, appends it to `limits`, and returns its seconds per replicate and step."""
    measure = partial(limit.measure, _products(config), _parameters(config))
    limits.append(in_own_thread(_threads(config), measure))
    return (limits[-1].products + limits[-1].adam) / LIMIT_REPLICATES


def _figures(
    chosen: Sequence[Case], times: dict[str, list[float]], limits: Sequence[limit.Limit], config: RunConfig
) -> dict[str, Any]:
    """The plain values of `bench`, from seconds per replicate and step by round."""
    medians = {name: median(seconds) for name, seconds in times.items()}
    products, adam = median(each.products for each in limits), median(each.adam for each in limits)
    return {
        "limit": {
            "replicates": LIMIT_REPLICATES,
            "us": medians["the limit"] * 1e6,
            "us_of_rounds": _microseconds(times["the limit"]),
            "products_us": products / LIMIT_REPLICATES * 1e6,
            "products_gflops": sum(product.flops for product in _products(config)) / products / 1e9,
            "adam_us": adam / LIMIT_REPLICATES * 1e6,
            "adam_gb_per_s": limit.adam_bytes(_parameters(config)) / adam / 1e9,
        },
        "cases": [
            {
                "case": case.name,
                "replicates": case.replicates,
                "compiled": case.compiled,
                "us": medians[case.name] * 1e6,
                "us_of_rounds": _microseconds(times[case.name]),
                "speedup": medians[ARTICLE] / medians[case.name],
                "share_of_limit": medians["the limit"] / medians[case.name],
            }
            for case in chosen
        ],
    }


def _microseconds(seconds: Sequence[float]) -> list[float]:
    return [each * 1e6 for each in seconds]
