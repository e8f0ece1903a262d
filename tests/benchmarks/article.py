"""bnlab's run of the article's configuration beside the article's program: `python -m tests.benchmarks.article`.

Both train `experiment=article_pytorch` alternately, seed by seed; prints the median seconds of an epoch, their
ratio, and both test accuracies. The seconds are those of training: neither side's evaluation is counted.
"""

import argparse
import dataclasses
from functools import partial
from statistics import median

from bnlab.bench import article
from bnlab.bench.article import Trained
from bnlab.bench.configs import article_config
from bnlab.config import RunConfig
from bnlab.engine.loop import train
from bnlab.engine.observer import Evaluation, Observer
from bnlab.launch.build import device_of, plan_of, replicate, split_of, threads_for
from bnlab.machine.threads import DEFAULT_THREADS, in_own_thread, use_threads
from bnlab.stats import summarize
from bnlab.store import environment


class _Epochs(Observer):
    """Keeps the training seconds at the end of each epoch, and the test accuracy."""

    def __init__(self) -> None:
        self.seconds: list[float] = [0.0]
        self.test_accuracy = 0.0

    def evaluated(self, evaluation: Evaluation) -> None:
        self.seconds.append(evaluation.seconds)
        self.test_accuracy = evaluation.scores["test"].accuracy(0)

    def diverged(self, replicate: int, step: int) -> None:
        raise RuntimeError(f"diverged at step {step}")


def train_bnlab(config: RunConfig, seed: int) -> Trained:
    """A single run, as `bnlab train experiment=article_pytorch seed=SEED` trains it."""
    epochs = _Epochs()
    threads, plan, device = threads_for(config, 1), plan_of(config), device_of(config)
    train([replicate(config, seed)], split_of(config.data), plan, device, epochs, threads=threads)
    laps = [end - start for start, end in zip(epochs.seconds, epochs.seconds[1:], strict=False)]
    return Trained(laps, epochs.test_accuracy)


def report(name: str, runs: list[Trained]) -> float:
    """Prints one side; returns its median seconds per epoch."""
    epochs = [seconds for run in runs for seconds in run.epoch_seconds]
    accuracy = summarize([100 * run.test_accuracy for run in runs])
    print(
        f"{name:14} {median(epochs):7.2f} s per epoch "
        f"(median of {len(epochs)}, {min(epochs):.2f} to {max(epochs):.2f}), "
        f"test accuracy {accuracy.mean:.2f} % (sd {accuracy.sd:.2f}, n = {accuracy.n})"
    )
    return median(epochs)


@use_threads(1)
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=DEFAULT_THREADS)
    arguments = parser.parse_args()
    config = dataclasses.replace(article_config(), epochs=arguments.epochs)
    published, ours = [], []
    for seed in range(arguments.seeds):
        published.append(in_own_thread(arguments.threads, partial(article.train, seed, arguments.epochs)))
        ours.append(train_bnlab(config, seed))
    print(environment.describe("cpu", arguments.threads))
    theirs, mine = report("the article's", published), report("bnlab", ours)
    print(f"ratio of the medians: {theirs / mine:.2f}")


if __name__ == "__main__":
    main()
