"""The choices that an implementation of a normalization makes, one by one.

The defaults are the definition: the paper's, and PyTorch's where the paper leaves a choice. Every known mistake is
another value of one or two of them (mistakes.py), and so is Keras's convention.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How x̂ and y are made.

    Attributes:
        samples: statistics go over the batch; else each sample has its own.
        channels: which channels share statistics: each one its own (`channel`), groups (`group`), or `all`.
        space: statistics go over the spatial axes; else each position has its own.
        centred: the mean is taken off.
        variance: the variance that normalizes, `biased` (1/n) or `unbiased` (1/(n−1)).
        divisor: x − μ is divided by the `root` of the variance, or by the `variance`.
        eps: `inside` the root, `outside` it, or `none`.
        eps_value: this ε, whatever the setting.
        shortcut: the variance is E[x²] − μ², in the input's precision.
        constant: what the gradient takes for a constant: `none`, `mean`, `variance` or `both`.
        affine: which of γ and β are applied: `both`, `gamma`, `beta`, `none`, or `swapped`.
        input_gradient: `full`, or with γ left out (`without gamma`).
        gamma_gradient, beta_gradient: `sum` over the samples, `mean` over them, or of the `first` or `last` one only.
        gamma_gradient_of: ∂loss/∂γ is Σ g x̂ (`x_hat`) or Σ g x (`x`).
        train_by: what normalizes in training: the `batch`, the `running` statistics, or these once `updated`.
        eval_by: what normalizes in evaluation: the `running` statistics or the `batch`.
        update: running statistics are updated in `training`, `never` or `always`.
        momentum: the weight of the `new` batch, or of the `old` value.
        momentum_value: this momentum, whatever the setting.
        stored: the running variance is the `unbiased`, the `biased`, var·(n−1)/n (`product`), or √var (`deviation`).
        initial_var: the running variance of a new layer.
    """

    samples: bool
    channels: str
    space: bool = True
    centred: bool = True
    variance: str = "biased"
    divisor: str = "root"
    eps: str = "inside"
    eps_value: float | None = None
    shortcut: bool = False
    constant: str = "none"
    affine: str = "both"
    input_gradient: str = "full"
    gamma_gradient: str = "sum"
    beta_gradient: str = "sum"
    gamma_gradient_of: str = "x_hat"
    train_by: str = "batch"
    eval_by: str = "running"
    update: str = "training"
    momentum: str = "new"
    momentum_value: float | None = None
    stored: str = "unbiased"
    initial_var: float = 1.0

    def updates_in(self, training: bool) -> bool:
        """Whether a forward pass in this mode changes the running statistics."""
        return self.update == "always" or (self.update == "training" and training)
