"""`Recipe`: the choices that an implementation of a normalization makes, one by one.

The defaults are the definition: the paper's, and PyTorch's where the paper leaves a choice. Every known mistake is
another value of a few of them (see bnlab/verification/mistakes), and so is Keras's convention.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

IN_EVALUATION = "evaluation_"
"""How the name of a change begins that is made in evaluation alone."""


FIRST_BATCH = (
    "space",
    "centred",
    "taken_off",
    "variance",
    "gate",
    "divisor",
    "eps",
    "eps_value",
    "in_stages",
    "absolute",
    "confused",
    "variance_over",
    "shortcut",
    "constant",
    "affine",
    "residual",
    "centred_again",
    "factor",
    "addend",
    "input_gradient",
    "gamma_gradient",
    "beta_gradient",
    "gamma_gradient_of",
    "parameter_gradients",
    "mixed",
    "mixture",
    "order",
    "ghosts",
    "rest",
    "ghost_statistics",
    "threshold",
)
"""The attributes that decide, with the axes, over the output for the first batch in training, and its gradients."""


@dataclass(frozen=True)
class Recipe:
    """How x̂ and y are computed. Names in backquotes are values of the attribute.

    Attributes:
        samples: whether statistics go over the batch; else each sample has its own.
        channels: which channels share statistics: none (`channel`), groups of neighbours (`group`), groups of every
            num_groups-th channel (`interleaved`), groups of num_groups channels (`sized`), or `all`.
        space: the spatial axes over which statistics go: `all`, only the `first`, only the `second`, or `none`.
        centred: whether the mean is used; else it counts as 0, in the variance too.
        taken_off: how many times the mean is subtracted from x, 1 in the definition; the variance does not change.
        variance: the variance that normalizes, `biased` (1/n), `unbiased` (1/(n−1)), the `sum` of squares, or the
            biased one over n once more (`over n twice`). In a mixture (`mixed`), `unbiased` means that all variances
            are computed from the unbiased one of each channel of a sample, and `each unbiased` that each is unbiased
            by itself.
        gate: what is divided by the deviation: x (`none`), x sigmoid(v x) (`swish`), x sigmoid(x) (`without v`),
            sigmoid(v x) (`alone`), or 1 (`left out`).
        divisor: x − μ is divided by the `root` of the variance, by the `variance` or its `square`, `multiplied` by the
            root, divided by `nothing`, or by √(σ + ε) (`root of the deviation`). Or only the `mean` is, x − μ/σ.
        eps: the place of ε: `inside` the root, `twice` there, `subtracted` there, `outside` it, the least variance
            (`clamped`, √max(σ², ε)), the least deviation (`clamped outside`, max(σ, ε)), or `none`.
        eps_value: the value of ε in place of the setting's.
        in_stages: if not empty, the variance is taken over one axis after the other, by torch's std,
            var or mean: `mean of std` is std over the first axis, then the mean over each later one. It begins at the
            last axis if the words end with `backwards`.
        absolute: whether the mean of |x − μ| stands for the deviation.
        confused: if not empty, the mean and the variance are taken for each other (`exchanged`), or the mean of the
            values stands for the variance too (`mean for variance`).
        variance_over: over what the variance goes if not over the mean's axes: values of samples, channels and space.
        shortcut: whether the variance is computed as E[x²] − μ², in the input's precision.
        constant: which statistics the gradient treats as constants: `none`, `mean`, `variance` or `both`.
        affine: which of γ and β are applied: `both`, `gamma`, `beta`, `none`, or `swapped`, `minus beta`, `one more`
            (1 + γ), `bracketed` (γ (x̂ + β)), `before` normalizing, or one stands for both (`gamma twice`, `beta
            twice`).
        residual: whether x is added to y.
        centred_again: whether the mean of y over the first spatial axis is taken off y.
        factor, addend: fixed numbers that multiply y, and are added to it.
        input_gradient: the gradient of x: `full`, with γ left out (`without gamma`), `negative`, `times n`, or divided
            by σ once more (`by the variance`).
        gamma_gradient, beta_gradient: how samples enter the gradient: their `sum`, their `mean`, only the `first` or
            the `last`, or `none`.
        gamma_gradient_of: ∂loss/∂γ is Σ g x̂ (`x_hat`) or Σ g x (`x`), with g = ∂loss/∂y.
        parameter_gradients: `own`, or γ has β's and β has γ's (`swapped`).
        mode: what distinguishes training from evaluation: self.`training`, or whether gradients are `recorded`.
        train_by: the statistics that normalize in training: the `batch`'s, the `running` ones, or the running ones
            after their update (`updated`).
        eval_by: the statistics that normalize in evaluation: the `running` ones, the running ones after an update
            (`updated`), the running mean and the square of the running variance (`squares`), the two in each other's
            place (`exchanged`), the `batch`'s, or only the mean or the variance is the running one (`running mean`,
            `running variance`).
        mixed: whether mean and variance are mixtures, with learned shares, of those of each channel of a sample, of
            each sample and of the batch; the latter two are computed from the first.
        mixture: the shares are the `softmax` of the logits, its softmax once more (`softmax twice`), or the logits
            themselves (`logits`); or the variances of a sample and of the batch are the `averages` of those of each
            channel of a sample, without the spread of the means.
        order: which logit belongs to each channel of a sample, to the sample, and to the batch.
        update: running statistics are updated in `training`, in `evaluation`, `never` or `always`.
        updated: which of them are updated: `both`, `running_mean` or `running_var`.
        momentum: momentum m is the weight of the `new` batch, or of the `old` value, or of the old value in one
            statistic alone (`old in running_mean`, `old in running_var`). Or it is ignored: the running statistics are
            the `average` of all batches so far, or of the initial value and these (`average with the start`). Or the
            weight of the new batch is m / (1 − (1 − m)^k) at step k, as in Adam (`debiased`).
        weights: if not empty, running statistics are these two numbers times the old value and the batch's.
        momentum_value: the value of momentum in place of the setting's.
        start: the first batch moves the running statistics from their initial values (`given`), or sets them (`first
            batch`).
        stored: what the running variance averages: the variance of the batch, `unbiased` or `biased`; the biased one
            times (n−1)/n (`product`); its root (`deviation`); the root of the unbiased one (`unbiased deviation`); the
            unbiased one plus ε (`and eps`); the biased one plus ε (`biased and eps`), also times n/(n−1) (`with eps`);
            or the biased one times N/(N−1), without counting spatial axes (`by samples`). If `renormalized`, the
            deviation √(σ² + ε), or the unbiased `variance` or the `biased variance` in its place.
        stored_mean: what the running mean averages: the batch's `mean`, or the `sum` of its values.
        initial_var: the running variance of a new layer.
        renormalized: if not empty, x̂ is corrected in training towards the running statistics: x̂ r + d; the running
            deviation √(σ² + ε) is averaged instead of the variance. r and d are treated as constants (`constant`), are
            differentiated (`differentiated`), one of them is left out (`no r`, `no d`), or d is divided by the batch's
            deviation (`d by the batch`).
        ghosts: if not empty, the batch is divided in training into ghosts, parts with statistics of their own: groups
            of `neighbours`, or every k-th sample (`interleaved`).
        rest: if the ghosts' size does not divide the batch, the remaining samples are `spread` over the ghosts, form a
            ghost of their `own`, or the batch is divided as by torch.chunk (`chunks`).
        ghost_statistics: the running statistics move once for each ghost (`in turn`), or once by the ghosts' `mean`.
        evaluation: names and values of attributes that differ in evaluation.
        threshold: the scheme's activation is max(y, τ) with a `learned` τ, or with τ = 0 (`zero`); or it has `none`.
    """

    samples: bool
    channels: str
    space: str = "all"
    centred: bool = True
    taken_off: float = 1.0
    variance: str = "biased"
    gate: str = "none"
    divisor: str = "root"
    eps: str = "inside"
    eps_value: float | None = None
    in_stages: str = ""
    absolute: bool = False
    confused: str = ""
    variance_over: tuple[bool, str, str] | None = None
    shortcut: bool = False
    constant: str = "none"
    affine: str = "both"
    residual: bool = False
    centred_again: bool = False
    factor: float = 1.0
    addend: float = 0.0
    input_gradient: str = "full"
    gamma_gradient: str = "sum"
    beta_gradient: str = "sum"
    gamma_gradient_of: str = "x_hat"
    parameter_gradients: str = "own"
    mode: str = "training"
    train_by: str = "batch"
    eval_by: str = "running"
    update: str = "training"
    updated: str = "both"
    momentum: str = "new"
    momentum_value: float | None = None
    weights: tuple[float, float] | None = None
    start: str = "given"
    stored: str = "unbiased"
    stored_mean: str = "mean"
    initial_var: float = 1.0
    mixed: bool = False
    mixture: str = "softmax"
    order: tuple[int, ...] = (0, 1, 2)
    renormalized: str = ""
    ghosts: str = ""
    rest: str = "spread"
    ghost_statistics: str = "in turn"
    threshold: str = "none"
    evaluation: tuple[tuple[str, Any], ...] = ()

    def in_mode(self, training: bool) -> Recipe:
        """The recipe that holds in training or in evaluation."""
        return self if training or not self.evaluation else replace(self, **dict(self.evaluation))

    def of_first_batch(self) -> Recipe:
        """The recipe with the definition's choices where they do not matter for one batch in training."""
        if self.train_by != "batch" or self.renormalized:
            return replace(self, evaluation=(), eval_by="running")
        own = {name: getattr(self, name) for name in FIRST_BATCH}
        return Recipe(self.samples, self.channels, **own)

    def with_changes(self, changes: Mapping[str, Any]) -> Recipe:
        """The recipe with other values of attributes; `evaluation_NAME` is the value of NAME in evaluation alone."""
        of_evaluation = {name: value for name, value in changes.items() if name.startswith(IN_EVALUATION)}
        others = {name: value for name, value in changes.items() if name not in of_evaluation}
        added = {name.removeprefix(IN_EVALUATION): value for name, value in of_evaluation.items()}
        return replace(self, **others, evaluation=tuple(sorted((dict(self.evaluation) | added).items())))

    def blocks(self, channels: int, settings: Mapping[str, Any]) -> int:
        """The number of blocks of neighbouring channels in a sample that are normalized independently.

        It is 0 if samples depend on each other.

        Args:
            channels: C.
            settings: the scheme's settings, for num_groups.
        """
        if self.samples or self.mixed or self.variance_over is not None:
            return 0
        groups = int(settings.get("num_groups", 1))
        return {"channel": channels, "group": groups, "sized": channels // groups}.get(self.channels, 1)

    def updates_in(self, training: bool) -> bool:
        """Whether a forward pass in this mode changes the running statistics."""
        return self.update in ("always", "training" if training else "evaluation")
