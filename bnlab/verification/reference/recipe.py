"""The choices that an implementation of a normalization makes, one by one.

The defaults are the definition: the paper's, and PyTorch's where the paper leaves a choice. Every known mistake is
another value of one or two of them (see bnlab/verification/mistakes), and so is Keras's convention.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """How x̂ and y are made.

    Attributes:
        samples: statistics go over the batch; else each sample has its own.
        channels: which channels share statistics: each one its own (`channel`), groups of neighbours (`group`), groups
            of every num_groups-th (`interleaved`), groups of num_groups channels (`sized`), or `all`.
        space: statistics go over the spatial axes, `all` of them, only the `first`, only the `second`, or `none`.
        centred: the variance is about the mean, which is taken off.
        taken_off: how many times the mean is taken off, whatever the variance is about.
        variance: the variance that normalizes, `biased` (1/n), `unbiased` (1/(n−1)), or the `sum` of squares; of a
            mixture all may come from the unbiased one of a channel (`unbiased`), or be so each (`each unbiased`).
        gate: what is divided is x (`none`), x sigmoid(v x) (`swish`), the same with v left out (`without v`), or
            sigmoid(v x) (`alone`).
        divisor: x − μ is divided by the `root` of the variance, by the `variance` or its `square`, `multiplied` by the
            root, divided by `nothing`, or by √(σ + ε) (`root of the deviation`).
        eps: `inside` the root, `twice` there, `subtracted` there, `outside` it, the least variance (`clamped`,
            √max(σ², ε)), the least deviation (`clamped outside`, max(σ, ε)), or `none`.
        eval_eps: the same in evaluation, if it differs there.
        eps_value: this ε, whatever the setting.
        shortcut: the variance is E[x²] − μ², in the input's precision.
        constant: what the gradient takes for a constant: `none`, `mean`, `variance` or `both`.
        affine: which of γ and β are applied: `both`, `gamma`, `beta`, `none`, or `swapped`, `minus beta`, `one more`
            (1 + γ), `before` normalizing.
        input_gradient: `full`, with γ left out (`without gamma`), `negative`, `times n`, or divided by σ once more (`by
            the variance`).
        gamma_gradient, beta_gradient: `sum` over the samples, `mean` over them, of the `first` or `last` one only, or
            `none`.
        gamma_gradient_of: ∂loss/∂γ is Σ g x̂ (`x_hat`) or Σ g x (`x`).
        parameter_gradients: `own`, or γ and β have each other's (`swapped`).
        mode: what tells training from evaluation: self.`training`, or whether gradients are `recorded`.
        train_by: what normalizes in training: the `batch`, the `running` statistics, or these once `updated`.
        eval_by: what normalizes in evaluation: the `running` statistics, these once `updated`, the running mean and the
            square of the running variance (`squares`), or the `batch`.
        mixed: mean and variance are those of each channel of a sample, of a sample and of the batch, in learned shares;
            the latter two are taken from the first.
        update: running statistics are updated in `training`, in `evaluation`, `never` or `always`.
        updated: which of them: `both`, `running_mean` or `running_var`.
        momentum: the weight of the `new` batch, or of the `old` value, or that `old in running_var` alone; or it plays
            no part, the running statistics being the `average` of all batches so far, or of these and of what they
            start at (`average with the start`); or it is `debiased` as Adam's are, m / (1 − (1 − m)^k) at step k.
        momentum_value: this momentum, whatever the setting.
        start: the first batch moves the running statistics from what is `given`, or sets them (`first batch`).
        stored: the running variance is the `unbiased`, the `biased`, var·(n−1)/n (`product`), √var (`deviation`), the
            root of the unbiased (`unbiased deviation`), the unbiased plus ε (`and eps`), the same of var + ε (`with
            eps`), or var·N/(N−1) whatever the spatial axes (`by samples`).
        stored_mean: the running mean is fed with the `mean` or the `sum`.
        initial_var: the running variance of a new layer.
        renormalized: in training x̂ is corrected towards the running statistics by r and d, of which it is the deviation
            that is averaged, ε included; `no r` or `no d` is left out, `differentiated` they are no constants, or d is
            divided by the batch's deviation (`d by the batch`).
        ghosts: in training the batch is divided into ghosts with statistics of their own, of `neighbours`, or every
            k-th sample (`interleaved`).
        rest: where their size does not divide the batch, the rest is `spread` over them, a ghost of its `own`, or all
            are as torch.chunk has them (`chunks`).
        ghost_statistics: the running statistics move by one ghost after the other (`in turn`), or once by their `mean`.
        threshold: the activation that belongs to the scheme is max(y, τ) with the `learned` τ, or with 0 (`zero`); or
            there is `none`.
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
    eval_eps: str = ""
    eps_value: float | None = None
    shortcut: bool = False
    constant: str = "none"
    affine: str = "both"
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
    start: str = "given"
    stored: str = "unbiased"
    stored_mean: str = "mean"
    initial_var: float = 1.0
    mixed: bool = False
    renormalized: str = ""
    ghosts: str = ""
    rest: str = "spread"
    ghost_statistics: str = "in turn"
    threshold: str = "none"

    def blocks(self, channels: int, settings: Mapping[str, Any]) -> int:
        """Into how many blocks of neighbouring channels a sample falls that share nothing; 0 where samples do."""
        if self.samples or self.mixed:
            return 0
        groups = int(settings.get("num_groups", 1))
        return {"channel": channels, "group": groups, "sized": channels // groups}.get(self.channels, 1)

    def updates_in(self, training: bool) -> bool:
        """Whether a forward pass in this mode changes the running statistics."""
        return self.update in ("always", "training" if training else "evaluation")
