"""The conventions that are accepted, as data, and what a user may declare."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from bnlab.errors import UserError, unknown

AUTO = "auto"
"""Stands for the scheme that a class is named after, or whose output is nearest to the class's."""

MOMENTA = ("new", "old")
LAYOUTS = ("channels-first", "channels-last")


@dataclass(frozen=True)
class Declared:
    """What a user states about a class; None leaves it to what the class itself shows.

    Attributes:
        affine: whether it has γ and β.
        momentum: whether its momentum is the weight of the `new` batch or of the `old` value.
        running_stats: whether it keeps running statistics.
        layout: `channels-first`, or `channels-last` if it takes (N, L, C) and (N, H, W, C).

    Raises:
        UserError: unknown momentum or layout.
    """

    affine: bool | None = None
    momentum: str | None = None
    running_stats: bool = True
    layout: str | None = None

    def __post_init__(self) -> None:
        if self.momentum not in (None, *MOMENTA):
            raise unknown("momentum", str(self.momentum), MOMENTA)
        if self.layout not in (None, *LAYOUTS):
            raise unknown("layout", str(self.layout), LAYOUTS)

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def affine_of(text: str | None) -> bool | None:
    """The value of --affine; None if it is not given. Raises UserError if the text is not `true` or `false`."""
    if text not in (None, "true", "false"):
        raise UserError(f"--affine {text} is of the wrong type; allowed: true, false")
    return None if text is None else text == "true"


@dataclass(frozen=True)
class Convention:
    """One convention.

    Attributes:
        name: its name in JSON and tests.
        text: what the layer does, and how the definition differs.
        made_by: libraries and papers that follow it.
        accepted: when a layer's choice counts as this convention, in words.
        declare: the command-line option that states or refuses it.
    """

    name: str
    text: str
    made_by: str
    accepted: str
    declare: str = ""


CONVENTIONS = {
    each.name: each
    for each in (
        Convention(
            "no gamma and beta",
            "it has no gamma and no beta: y = x̂.",
            "affine=False of torch.nn.BatchNorm1d, SimpleRMSNorm (Qin et al. 2023)",
            "where the layer has no such parameters",
            "--affine true refuses it, --affine false says so",
        ),
        Convention(
            "no gamma",
            "it has no gamma: the factor of x̂ is 1.",
            "scale=False of Keras",
            "where the layer has no such parameter",
            "--affine true refuses it",
        ),
        Convention(
            "no beta",
            "it has no beta: y = γ x̂.",
            "bias=False of torch.nn.LayerNorm, nanoGPT, center=False of Keras",
            "where the layer has no such parameter",
            "--affine true refuses it, --kwargs '{bias: false}' asks for it",
        ),
        Convention(
            "beta beside gamma",
            "it has a beta, y = γ x̂ + β, where the scheme has gamma alone.",
            "bias=True in the program of Zhang & Sennrich 2019",
            "where an RMS norm has such a parameter",
        ),
        Convention(
            "one gamma for all",
            "gamma is a single number for all features; PyTorch has one for each, of shape (C,).",
            "scale and shift by scalars, courses",
            "where the layer has such a parameter",
            "--affine true refuses it",
        ),
        Convention(
            "one beta for all",
            "beta is a single number for all features; PyTorch has one for each, of shape (C,).",
            "scale and shift by scalars, courses",
            "where the layer has such a parameter",
            "--affine true refuses it",
        ),
        Convention(
            "own start",
            "a parameter starts at other values than in this scheme; in PyTorch and Keras gamma starts at 1 and beta at"
            " 0, so that y = x̂ at first.",
            "MUNIT's layer norm (random gamma), zero-initialised gamma of residual branches (Goyal et al. 2017)",
            "where the class sets these values",
        ),
        Convention(
            "gamma for each value",
            "gamma has one value for each value of a sample, of shape (C, H, W); it was looked at as it starts.",
            "torch.nn.LayerNorm((C, H, W))",
            "in layer normalization",
        ),
        Convention(
            "beta for each value",
            "beta has one value for each value of a sample, of shape (C, H, W); it was looked at as it starts.",
            "torch.nn.LayerNorm((C, H, W))",
            "in layer normalization",
        ),
        Convention(
            "one added to gamma",
            "the factor is 1 + γ, and γ starts at 0, so that y = x̂ at first, as with a γ that starts at 1.",
            "Gemma's RMSNorm",
            "where gamma starts at 0 and γ = 0 leaves x̂",
        ),
        Convention(
            "momentum of the old value",
            "its momentum m is the weight of the old value: running ← m running + (1 − m) batch, PyTorch's with 1 − m.",
            "Keras, TensorFlow",
            "where the momentum that the class has, or its constructor's default, is at least 0.5",
            "--momentum old says so, --momentum new refuses it",
        ),
        Convention(
            "average over all batches",
            "the running statistics are the average over all batches so far, the k-th weighing 1/k.",
            "momentum=None of torch.nn.BatchNorm1d, algorithm 2 of Ioffe & Szegedy 2015",
            "where the constructor takes no momentum",
            "--momentum new refuses it",
        ),
        Convention(
            "no running statistics",
            "it keeps no running statistics, and normalizes by the batch in evaluation too.",
            "track_running_stats=False of torch.nn.BatchNorm1d, courses",
            "where it keeps nothing from batch to batch and has no momentum; where it is declared, or given by"
            " --kwargs '{track_running_stats: false}'",
            "--no-running-stats",
        ),
        Convention(
            "stored variance biased",
            "running_var stores the biased variance, 1/n Σ (x − μ)²; PyTorch stores the unbiased one, times n/(n−1), as"
            " algorithm 2 of Ioffe & Szegedy 2015 does.",
            "Keras, TensorFlow, d2l.ai",
            "in batch and ghost batch normalization",
        ),
        Convention(
            "variance kept",
            "the running statistic holds the variance, whose root is taken where it is used; the paper averages the"
            " deviation.",
            "programs after Ioffe 2017 that start from batch normalization",
            "in batch renormalization",
        ),
        Convention(
            "eps outside",
            "eps is added to the root and not under it: (x − μ) / (σ + ε), or x / (RMS + ε) without a mean.",
            "the program of Zhang & Sennrich 2019; Ba et al. 2016 have no eps",
            "in layer, group, instance, RMS and scale normalization, and in EvoNorm-S0",
        ),
        Convention(
            "eps as a floor",
            "eps is the least value of the variance or of the deviation, √max(σ², ε) or max(σ, ε), and is not added.",
            "torch.nn.functional.normalize, programs with clamp(min=eps)",
            "in layer, group, instance, RMS and scale normalization, and in EvoNorm-S0",
        ),
        Convention(
            "unbiased variance normalizes",
            "the variance that normalizes is the unbiased one of torch.var and torch.std. The output is smaller than"
            " PyTorch's by the factor √((n − 1)/n), which gamma makes up for.",
            "the Annotated Transformer's layer norm, AdaIN in programs after Huang & Belongie 2017",
            "in layer, group and instance normalization, in EvoNorm-S0, and in weight standardization, whose authors'"
            " program does so",
        ),
        Convention(
            "channels last",
            "it takes (N, L, C) and (N, H, W, C), with the features on the last axis.",
            "Keras, torch.nn.LayerNorm, JAX",
            "where it is declared, where it takes no other inputs, or where it has no parameters and normalizes over"
            " the last axis",
            "--layout channels-last says so, --layout channels-first refuses it",
        ),
        Convention(
            "volumes",
            "it takes (N, C, D, H, W) alone; bnlab's layers take images and sequences.",
            "torch.nn.BatchNorm3d, torch.nn.InstanceNorm3d",
            "where it takes no other inputs",
        ),
        Convention(
            "statistics for each position",
            "each position has statistics of its own, over its channels alone; bnlab and torch.nn.GroupNorm(1, C) take"
            " them over the spatial axes too.",
            "ConvNeXt's and SAM's LayerNorm2d, torch.nn.LayerNorm on (N, H, W, C)",
            "in layer and RMS normalization of inputs with spatial axes",
        ),
        Convention(
            "eps of F.normalize",
            "x is divided by max(‖x‖, 1e-12), as torch.nn.functional.normalize does, and no eps is added.",
            "RMSNorm by F.normalize (x-transformers)",
            "in RMS normalization, where the constructor takes no eps",
        ),
        Convention(
            "g in units of √C",
            "x is divided by its root mean square and g starts at 1: the same as ‖x‖ and a g that starts at √C.",
            "ScaleNorm of lucidrains's x-transformers and of MMPose",
            "in scale normalization",
        ),
        Convention(
            "eps under the root",
            "eps is added under the root, √(‖x‖² + ε) or √(σ² + ε). The paper of scale normalization has no eps, its"
            " program max(‖x‖, ε); that of weight standardization adds it to σ.",
            "ScaleNorm of Mega (Ma et al. 2022), StdConv2d of BiT (Kolesnikov et al. 2020)",
            "in scale normalization and weight standardization",
        ),
        Convention(
            "eps not learned",
            "on (N, C) ε is a number, as it is on inputs with spatial axes: in the paper it is learned there.",
            "FRN in programs after Singh & Krishnan 2019, written for images",
            "in filter response normalization, where the layer takes (N, C) and has no such parameter",
        ),
        Convention(
            "no threshold",
            "there is no threshold, y = γ x / √(ν² + ε) + β: max(y, τ) is a layer of its own.",
            "FRN beside a TLU in programs after Singh & Krishnan 2019",
            "in filter response normalization, where the layer has no such parameter and gives negative values",
        ),
        Convention(
            "split statistics",
            "each ghost has running statistics of its own; they are read, and used in evaluation, as their average.",
            "GhostBatchNorm of cifar10-fast (Page 2019)",
            "in ghost batch normalization, where there are several times as many values as features",
        ),
        Convention(
            "one step for all ghosts",
            "the running statistics move once for each batch, by the mean of the ghosts' statistics, and not by one"
            " ghost after the other.",
            "GhostBatchNorm of cifar10-fast (Page 2019), by its average",
            "in ghost batch normalization",
        ),
        Convention(
            "ghosts of every k-th sample",
            "a ghost is every k-th sample of the batch, and not neighbours.",
            "GhostBatchNorm of cifar10-fast (Page 2019), x.view(-1, C * splits, H, W)",
            "in ghost batch normalization",
        ),
        Convention(
            "rest is a ghost",
            "of a batch that the ghosts' size does not divide, the rest is a ghost of its own: x.split(V). bnlab's has"
            " equal ghosts, up to one sample.",
            "x.split in textbooks",
            "in ghost batch normalization",
        ),
        Convention(
            "ghosts of torch.chunk",
            "a batch that the ghosts' size does not divide is cut by torch.chunk into ⌈N / V⌉ parts. bnlab's has"
            " ⌊N / V⌋ equal ghosts, up to one sample.",
            "pytorch-tabnet's GBN",
            "in ghost batch normalization",
        ),
        Convention(
            "rest refused",
            "a batch that the ghosts' size does not divide is refused.",
            "x.view(-1, V, ...)",
            "in ghost batch normalization",
        ),
        Convention(
            "rest in a way of its own",
            "a batch that the ghosts' size does not divide is treated in a way of its own; it was held to the reference"
            " on batches that it divides.",
            "",
            "in ghost batch normalization",
        ),
        Convention(
            "logits that start equal",
            "the logits of the mixture start at one value that is not 0: their softmax, equal shares, is the same.",
            "SwitchNorm of Luo et al. 2018 (ones)",
            "in switchable normalization",
        ),
        Convention(
            "g that starts at 1",
            "g starts at 1, and not at the length of v, so that the weight is not the v that it starts from.",
            "weight-normalized layers that draw v themselves",
            "in weight normalization, where the class makes its own weight",
        ),
        Convention(
            "logits in another order",
            "the mixture's logits are in another order than those of the channel of a sample, the sample, the batch.",
            "programs after Luo et al. 2018",
            "in switchable normalization",
        ),
        Convention(
            "gain of each unit",
            "a learned factor multiplies each unit's ŵ.",
            "scaled weight standardization (Brock et al. 2021)",
            "in weight standardization, where the layer has such a parameter",
        ),
        Convention(
            "schedule of its own",
            "the constructor takes no r_max and d_max: it was held to r_max = 1 and d_max = 0, at which its own"
            " schedule begins, and what it does after some steps was not looked at.",
            "programs after Ioffe 2017, whose bounds grow with the steps",
            "in batch renormalization, where the constructor takes no bounds, or the layer begins as batch norm",
        ),
    )
}
"""The conventions by name."""
