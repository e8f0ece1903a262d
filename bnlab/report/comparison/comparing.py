"""The comparison: a row of numbers per arm, best first, with differences to a baseline."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bnlab import stats
from bnlab.errors import UserError, nearest, unknown
from bnlab.report.comparison import arms, contrasts, images, names, provenance, seeds
from bnlab.report.comparison.frame import metric_columns
from bnlab.report.comparison.wording import listed
from bnlab.store import FINISHED, SPLITS

SHOWN = 3


@dataclass(frozen=True)
class Comparison:
    """Arms side by side.

    Attributes:
        metric: the metric that was compared.
        by: the columns whose values define the arms; empty: there is one arm, "all".
        baseline: the arm that the others are compared with, or None.
        summary: one row per arm, best first, arms with a diverged seed last. In the metric's own unit (accuracies are
            fractions); NaN where there is no number. Columns: arm, the `by` columns, n (seeds that finished), diverged
            (seeds that diverged), mean, sd, low and high (95 % interval over seeds), median, interquartile_mean,
            low_images and high_images (95 % interval over seeds and test images), and best (whether the arm has an
            established lead over all others without failures). With a baseline also difference, difference_low and
            difference_high (simultaneous intervals), method, p and p_corrected.
        pairs: the pairs of arms that were compared.
        lead: the best arm without failures and its lead, or None if fewer than two arms have a value.
        values: by arm, the metric by seed; infinite, on the bad side, if the seed diverged.
        replicates: one row per replicate, as from `frame.read`, with its arm.
        notes: what a reader must know to read the table correctly, a line each.
        left_out: the replicates that are not counted, with the reason, a line each.
        planned: the number of seeds per arm that was fixed beforehand, or None.
        withheld: whether it is too early for verdicts; then there are no pairs and no lead.
    """

    metric: str
    by: list[str]
    baseline: str | None
    summary: pd.DataFrame
    pairs: list[contrasts.Pair]
    lead: contrasts.Lead | None
    values: contrasts.Values
    replicates: pd.DataFrame
    notes: list[str]
    left_out: list[str]
    planned: int | None
    withheld: bool

    @property
    def fewest_seeds(self) -> int:
        """The number of finished or diverged seeds in the arm that has the fewest of them."""
        return _fewest_seeds(self.summary)

    @property
    def tests(self) -> int:
        """The number of tests in the report, for which the p are corrected together."""
        return self.pairs[0].family if self.pairs else 1


def compare(
    frame: pd.DataFrame,
    by: Sequence[str],
    metric: str,
    baseline: str | None,
    *,
    planned: int | None = None,
    watched: bool = False,
) -> Comparison:
    """Compares the arms by a metric.

    A seed counts once: if an arm holds several settings, its value is the mean over them, and it counts as diverged if
    one of them diverged. Replicates that neither diverged nor are done with a finite metric are left out.

    Args:
        frame: from `frame.read`.
        by: the columns whose values define an arm; empty: all settings that differ between the runs.
        metric: a final metric ("test_accuracy").
        baseline: "norm.name=none", several conditions joined by commas, or None.
        planned: the seeds per arm before which verdicts are withheld, so that nobody stops at a lucky number.
        watched: whether the report is made again after every seed; without a plan it then has no verdicts.

    Raises:
        UserError: an unknown column or metric, or a baseline that is not exactly one arm.
    """
    frame = _with_metric(frame, metric)
    replicates, keys, notes = arms.group(frame, by)
    finite = replicates[metric].abs() < math.inf
    counted, incomplete = seeds.complete(replicates[(replicates["state"] == "diverged") | finite & _done(replicates)])
    values = seeds.values(replicates["arm"].unique(), counted, metric, higher=is_accuracy(metric))
    summary = _summary(replicates, values, keys, metric)
    base = _baseline_arm(summary, keys, baseline) if baseline else None
    withheld = watched if planned is None else _fewest_seeds(summary) < planned
    answers, changed = images.read(counted, metric)
    pairs, lead = ([], None) if withheld else contrasts.hold(values, base, answers)
    summary = _with_images(summary, answers)
    summary["best"] = summary["arm"] == (lead.first if lead and lead.real else None)
    short = names.names_of(summary, keys)
    notes = [*images.notes(counted, answers, short), *notes]
    notes = [*seeds.pooled_notes(counted, short), *seeds.outlier_notes(values, short, metric), *notes]
    if base and not withheld:
        summary = _with_differences(summary, pairs)
        notes = [*_method_notes(pairs, base, short), *notes]
    return Comparison(
        metric=metric,
        by=keys,
        baseline=base,
        summary=summary,
        pairs=pairs,
        lead=lead,
        values=values,
        replicates=replicates,
        notes=notes + provenance.notes(replicates),
        left_out=_left_out(replicates, finite, metric) + incomplete + changed,
        planned=planned,
        withheld=withheld,
    )


def _fewest_seeds(summary: pd.DataFrame) -> int:
    return int((summary["n"] + summary["diverged"]).min())


def is_accuracy(metric: str) -> bool:
    """Whether the metric is an accuracy (a fraction, higher is better); all others are losses (lower is better)."""
    return metric.endswith("accuracy")


def _with_metric(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The frame, with the metric as a column of NaN if no replicate has metrics but some diverged.

    Raises:
        UserError: an unknown metric, or no replicate has any.
    """
    metrics = metric_columns(frame)
    if not metrics and (frame["state"] == "diverged").any():
        metrics = [f"{split}_{kind}" for split in dict.fromkeys(("test", *SPLITS)) for kind in ("accuracy", "loss")]
        frame = frame.assign(**{metric: math.nan})
    if not metrics:
        states = ", ".join(f"{count} {state}" for state, count in frame["state"].value_counts().items())
        raise UserError(
            f"no run has the metric '{metric}', or any: none has finished ({states}); train on: bnlab train"
        )
    if metric not in metrics:
        raise unknown("metric", metric, metrics)
    return frame


def _done(replicates: pd.DataFrame) -> "pd.Series[bool]":
    return replicates["state"] == "done"


def _summary(replicates: pd.DataFrame, values: contrasts.Values, keys: list[str], metric: str) -> pd.DataFrame:
    first: dict[Any, dict[Any, Any]] = replicates.drop_duplicates("arm").set_index("arm")[keys].to_dict("index")
    highest = 1.0 if is_accuracy(metric) else math.inf
    rows: list[dict[str, Any]] = []
    for arm, own in values.items():
        finished = seeds.finished(own).tolist()
        n, mean, sd, (low, high) = stats.summarize(finished)
        rows.append(
            {"arm": arm}
            | first[arm]
            | {"n": n, "diverged": len(own) - n, "mean": mean, "sd": sd}
            # An interval by Student's t can exceed the metric's range; no mean can.
            | {"low": max(low, 0.0) if n > 1 else low, "high": min(high, highest) if n > 1 else high}
            | {"median": stats.median(finished), "interquartile_mean": stats.interquartile_mean(finished)}
        )
    return pd.DataFrame(rows)


def _with_images(summary: pd.DataFrame, answers: Mapping[str, images.ArmAnswers]) -> pd.DataFrame:
    crossed = {arm: stats.crossed_mean(known.answers) for arm, known in answers.items()}
    intervals = {arm: found.interval(contrasts.LEVEL) for arm, found in crossed.items() if found}
    unknown_interval = stats.Interval(math.nan, math.nan)
    found = [intervals.get(arm, unknown_interval) for arm in summary["arm"]]
    return summary.assign(
        low_images=[max(low, 0.0) if low == low else low for low, _ in found],
        high_images=[min(high, 1.0) if high == high else high for _, high in found],
    )


def _with_differences(summary: pd.DataFrame, pairs: Sequence[contrasts.Pair]) -> pd.DataFrame:
    names = {"low": "difference_low", "high": "difference_high"}
    found = contrasts.frame(pairs, higher=True).rename(columns=names).set_index("first")
    columns = ["difference", "difference_low", "difference_high", "method", "p", "p_corrected"]
    return summary.join(found[columns], on="arm")


def _method_notes(pairs: Sequence[contrasts.Pair], baseline: str, short: Mapping[str, str]) -> list[str]:
    notes = []
    if any(pair.contrast.paired for pair in pairs):
        notes.append(f"differences to {short[baseline]} are of pairs with equal seeds")
    if partly := [f"{short[pair.first]} ({pair.contrast.left_out})" for pair in pairs if pair.contrast.left_out]:
        notes.append(f"replicates whose seed the other arm lacks are left out of the pairs: {listed(partly, SHOWN)}")
    if unpaired := [short[pair.first] for pair in pairs if not pair.contrast.paired]:
        notes.append(f"no pairs to {short[baseline]}, as seeds differ, so Welch's t: {'; '.join(unpaired)}")
    return notes


def _baseline_arm(summary: pd.DataFrame, keys: list[str], baseline: str) -> str:
    """The one arm that meets all conditions of "key=value,key=value"."""
    chosen = summary
    # A comma inside a value, as in model.hidden=[128,64], does not begin a condition.
    for condition in re.split(r",\s*(?=[\w.]+=)", baseline):
        key, equals, value = condition.partition("=")
        if not (key and equals):
            raise UserError(f"baseline '{baseline}' is not of the form column=value, as in norm.name=none")
        if key not in keys:
            made = f"made by: {', '.join(keys)}" if keys else "not told apart by any column"
            raise UserError(f"baseline '{baseline}': the arms are {made}; add '{key}' to --by.{nearest(key, keys)}")
        chosen = chosen[[_parsed(cell) == _parsed(value) for cell in chosen[key].fillna(arms.ABSENT)]]
    found = chosen["arm"].tolist()
    if len(found) == 1:
        return str(found[0])
    if not found:
        every = summary["arm"].tolist()
        raise UserError(f"baseline '{baseline}' is none of the arms: {'; '.join(every)}.{nearest(baseline, every)}")
    raise UserError(
        f"baseline '{baseline}' is {len(found)} arms: {'; '.join(found)}; give more column=value, with commas"
    )


def _parsed(text: str) -> Any:
    """The text parsed as JSON, so that 1e-3 equals 0.001 and [128, 64] equals [128,64]; a word stays as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _left_out(replicates: pd.DataFrame, finite: "pd.Series[bool]", metric: str) -> list[str]:
    """A line for each reason why replicates are not counted."""
    state = replicates["state"].where(finite | (replicates["state"] != "done"), f"done but has no finite {metric}")
    out = replicates[~state.isin(FINISHED)]
    names = out["run"] + "/seed-" + out["seed"].astype(str)
    names += out["error"].map(lambda error: f" ({error})" if error else "")
    groups = names.groupby(state[out.index], sort=False)
    return [f"not counted, as {reason}: {listed(own.tolist(), SHOWN)}" for reason, own in groups]
