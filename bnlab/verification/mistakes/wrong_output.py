"""Known mistakes in the output."""

from collections.abc import Iterator

from bnlab.verification.mistakes.mistake import (
    ALL,
    BATCH,
    BY_SAMPLE,
    CENTRED,
    CONSTANT,
    FRN,
    GATED,
    LENGTHS,
    MIXED,
    OF_INPUT,
    RENORM,
    WITH_BETA,
    Mistake,
)

_NOTHING = (
    "the input is passed on without being normalized, as if what was computed were not returned: the paper, PyTorch and"
    " Keras return γ x̂ + β."
)

_SWITCHABLE = (
    "switchable normalization (Luo et al. 2018; this scheme) mixes, by the softmax of its logits, the variances over"
    " each channel of a sample, each sample, and the batch."
)

_EVONORM = "EvoNorm-S0 (Liu et al. 2020; this scheme) is y = γ x sigmoid(v x) / √(σ² + ε) + β."

OF_GRADIENTS = OF_INPUT | {f"gradient of {name}" for name in ("gamma", "beta", "weight", "bias")}

OF_SAMPLES = frozenset({"layer", "group", "instance"}) | GATED

OF_GROUPS = frozenset({"group"}) | GATED

_STAGES = {
    "std of std": "the deviation is that of deviations, x.std(2).std(3)",
    "mean of std": "the deviation is the mean of deviations, x.std(2).mean(3)",
    "var of var": "the variance is that of variances, x.var(2).var(3)",
    "mean of var": "the variance is the mean of variances, x.var(2).mean(3)",
}


def _in_stages() -> Iterator[Mistake]:
    """The mistakes of a variance that is taken over one axis after the other."""
    for how, text in _STAGES.items():
        for backwards in ("", " backwards"):
            said = f"{text}, one axis after the other: PyTorch and Keras take it over all axes at once, x.var((2, 3))."
            yield Mistake("deviation in stages", {"in_stages": how + backwards}, said, CENTRED - MIXED, CONSTANT)


def _floors() -> Iterator[Mistake]:
    """ε as the least value of the variance or of the deviation: a convention where that is one of a sample."""
    texts = {
        "clamped": "eps is the least that the variance may be, √max(σ², ε): the paper, PyTorch and Keras add it,"
        " √(σ² + ε).",
        "clamped outside": "eps is the least that the deviation may be, max(σ, ε): the paper, PyTorch and Keras add it"
        " under the root, √(σ² + ε).",
    }
    for place, text in texts.items():
        for schemes, accepted in ((OF_SAMPLES | LENGTHS, True), (ALL - OF_SAMPLES - LENGTHS, False)):
            yield Mistake("eps as a floor", {"eps": place}, text, schemes, CONSTANT, accepted=accepted)


OUTPUT: tuple[Mistake, ...] = (
    Mistake(
        "eps outside",
        {"eps": "outside"},
        "eps is outside the root, x̂ = (x − μ) / (σ + ε): the paper, PyTorch and Keras have it inside, √(σ² + ε).",
        CENTRED - OF_SAMPLES | RENORM,
        CONSTANT,
    ),
    Mistake(
        "eps outside",
        {"eps": "outside"},
        "eps is outside the root, x̂ = (x − μ) / (σ + ε): PyTorch and Keras have it inside, √(σ² + ε).",
        OF_SAMPLES,
        CONSTANT,
        accepted=True,
    ),
    Mistake(
        "eps outside",
        {"eps": "outside"},
        "eps is outside the root, x / (RMS + ε), as in the program of Zhang & Sennrich 2019: torch.nn.RMSNorm and"
        " Keras have it inside, x / √(mean(x²) + ε).",
        LENGTHS,
        CONSTANT,
        accepted=True,
    ),
    Mistake(
        "eps outside",
        {"eps": "outside"},
        "eps is outside the root, x / (√ν² + ε): Singh & Krishnan 2019 (this scheme) have it inside, x / √(ν² + ε).",
        FRN,
        CONSTANT,
    ),
    Mistake(
        "nothing is normalized",
        {"taken_off": 0.0, "divisor": "nothing", "affine": "none"},
        _NOTHING,
        leaves_running_open=True,
    ),
    Mistake(
        "nothing is normalized",
        {"taken_off": 0.0, "divisor": "nothing"},
        _NOTHING,
        leaves_running_open=True,
    ),
    Mistake(
        "not divided",
        {"divisor": "nothing"},
        "x − μ is not divided by anything: the paper, PyTorch and Keras divide by √(σ² + ε).",
        CENTRED - MIXED - GATED,
        leaves_running_open=True,
    ),
    Mistake(
        "x left out",
        {"gate": "left out", "taken_off": 0.0},
        "x is left out, y = γ / √(σ² + ε), as where the factor that normalizes is returned and x is not multiplied by"
        " it: the papers, PyTorch and Keras multiply.",
        ALL - MIXED - GATED,
        CONSTANT,
    ),
    Mistake(
        "eps missing",
        {"eps": "none"},
        "eps is not added at all, so that a constant feature divides 0 by 0: the paper, PyTorch and Keras divide"
        " by √(σ² + ε).",
        leaves_open=CONSTANT,
    ),
    Mistake(
        "unbiased variance normalizes",
        {"variance": "unbiased"},
        "x is normalized by the unbiased variance, 1/(n−1) Σ (x − μ)², which is torch.var's default: the paper,"
        " PyTorch and Keras normalize by the biased one, 1/n (x.var(unbiased=False)).",
        CENTRED - OF_SAMPLES | RENORM,
    ),
    Mistake(
        "unbiased variance normalizes",
        {"variance": "unbiased"},
        "x is normalized by the unbiased variance, 1/(n−1) Σ (x − μ)², which is torch.var's default: PyTorch and Keras"
        " normalize by the biased one, 1/n.",
        OF_SAMPLES,
        accepted=True,
    ),
    Mistake(
        "divided by the variance",
        {"divisor": "variance"},
        "x − μ is divided by the variance: the paper, PyTorch and Keras divide by its root, √(σ² + ε).",
    ),
    Mistake(
        "divided by the square of the variance",
        {"divisor": "square"},
        "x − μ is divided by (σ² + ε)²: the paper, PyTorch and Keras divide by the root, √(σ² + ε).",
    ),
    Mistake(
        "multiplied by the deviation",
        {"divisor": "multiplied"},
        "x − μ is multiplied by √(σ² + ε), or divided by its inverse (torch.rsqrt): the paper, PyTorch and Keras divide"
        " by √(σ² + ε).",
    ),
    Mistake(
        "divided by the root of the deviation",
        {"divisor": "root of the deviation"},
        "x − μ is divided by √(σ + ε), as where torch.std is taken for the variance: the paper, PyTorch and Keras"
        " divide by √(σ² + ε).",
        leaves_open=CONSTANT,
    ),
    Mistake(
        "eps subtracted",
        {"eps": "subtracted"},
        "eps is subtracted, √(σ² − ε), which is not a number where the variance is smaller: the paper, PyTorch and"
        " Keras add it, √(σ² + ε).",
        leaves_open=CONSTANT,
    ),
    Mistake(
        "shortcut variance",
        {"shortcut": True},
        "the variance is computed as E[x²] − μ², which cancels all digits when the mean is large beside the"
        " spread: the paper and PyTorch take the mean of (x − μ)².",
        CENTRED,
    ),
    Mistake(
        "layer norm instead of batch norm",
        {"samples": False, "channels": "all"},
        "statistics are taken over the features of each sample, which is LayerNorm: batch normalization (paper,"
        " algorithm 1; PyTorch) takes them over the batch, for each feature.",
        BATCH,
        leaves_running_open=True,
    ),
    Mistake(
        "instance norm instead of batch norm",
        {"samples": False},
        "each sample has statistics of its own, which is InstanceNorm: batch normalization (paper, section 3.2;"
        " PyTorch) takes them over the batch too.",
        BATCH,
        leaves_running_open=True,
    ),
    Mistake(
        "one mean for all features",
        {"channels": "all"},
        "one mean and variance is taken over all values, features included (a missing dim= in mean and var):"
        " batch normalization (paper, algorithm 1; PyTorch) takes them for each feature.",
        BATCH,
        leaves_running_open=True,
    ),
    Mistake(
        "spatial axes forgotten",
        {"space": "none"},
        "statistics are taken for each position: batch normalization takes them over the spatial axes too (paper,"
        " section 3.2; torch.nn.BatchNorm2d).",
        BATCH,
        leaves_running_open=True,
    ),
    Mistake(
        "batch norm instead",
        {"samples": True, "channels": "channel"},
        "statistics are taken over the batch, for each feature, which is BatchNorm: this scheme takes them within"
        " each sample.",
        BY_SAMPLE,
        leaves_running_open=True,
    ),
    Mistake(
        "over the batch too",
        {"samples": True},
        "statistics are taken over the batch as well: this scheme takes them within each sample, so that a"
        " sample's output does not depend on the others.",
        BY_SAMPLE,
        leaves_running_open=True,
    ),
    Mistake(
        "layer norm instead of group norm",
        {"channels": "all"},
        "one group of all channels is normalized, which is LayerNorm: GroupNorm (Wu & He 2018; PyTorch) has"
        " num_groups groups of neighbouring channels.",
        frozenset({"group", "instance", "evonorm_s0"}),
    ),
    Mistake(
        "instance norm instead",
        {"channels": "channel"},
        "each channel is normalized by itself, which is InstanceNorm: this scheme's statistics go over several"
        " channels.",
        frozenset({"layer", "group", "rms", "evonorm_s0"}),
    ),
    Mistake(
        "spatial axes forgotten",
        {"space": "none"},
        "statistics are taken for each position, over the channels alone: in bnlab and torch.nn.GroupNorm they go"
        " over the spatial axes too.",
        OF_GROUPS,
    ),
    Mistake(
        "mean not taken off",
        {"centred": False},
        "the mean is not taken off, which is RMSNorm: the paper and PyTorch divide x − μ.",
        CENTRED,
        leaves_running_open=True,
    ),
    Mistake(
        "mean taken off",
        {"centred": True},
        "the mean is taken off, which is LayerNorm: RMSNorm (Zhang & Sennrich 2019; torch.nn.RMSNorm) divides x"
        " itself.",
        frozenset({"rms"}),
    ),
    Mistake(
        "affine swapped",
        {"affine": "swapped"},
        "gamma and beta are swapped, y = β x̂ + γ: the paper and PyTorch have y = γ x̂ + β.",
        WITH_BETA,
    ),
    Mistake(
        "affine missing",
        {"affine": "none"},
        "gamma and beta are not applied, y = x̂: the paper and PyTorch have y = γ x̂ + β.",
        WITH_BETA,
    ),
    Mistake(
        "beta missing",
        {"affine": "gamma"},
        "beta is not applied, y = γ x̂: the paper and PyTorch have y = γ x̂ + β.",
        WITH_BETA,
    ),
    Mistake(
        "gamma missing",
        {"affine": "beta"},
        "gamma is not applied, y = x̂ + β: the paper and PyTorch have y = γ x̂ + β.",
        WITH_BETA,
    ),
    Mistake(
        "gamma missing",
        {"affine": "none"},
        "gamma is not applied: RMSNorm (Zhang & Sennrich 2019; torch.nn.RMSNorm) is y = γ x / √(mean(x²) + ε).",
        frozenset({"rms"}),
    ),
    Mistake(
        "eps twice",
        {"eps": "twice"},
        "eps is added twice, √(σ² + 2ε): the paper, PyTorch and Keras add it once.",
    ),
    *_floors(),
    Mistake(
        "sum of squares divides",
        {"variance": "sum"},
        "x is divided by the root of a sum of squares: the paper, PyTorch and Keras divide by that of their mean.",
    ),
    Mistake(
        "mean left in the numerator",
        {"taken_off": 0.0},
        "x itself is divided by √(σ² + ε): the paper, PyTorch and Keras divide x − μ.",
        CENTRED,
    ),
    Mistake(
        "mean and variance exchanged",
        {"confused": "exchanged"},
        "the mean and the variance are taken for each other, as where torch.var_mean, which returns the variance first,"
        " is unpacked as mean, var: PyTorch and Keras subtract the mean, and divide by the root of the variance.",
        CENTRED - MIXED,
        OF_GRADIENTS,
    ),
    Mistake(
        "mean for variance",
        {"confused": "mean for variance"},
        "the mean stands for the variance, as where a square is missing, and its root is not a number where it is"
        " negative: the paper, PyTorch and Keras divide by √(σ² + ε).",
        CENTRED - MIXED | LENGTHS,
        OF_GRADIENTS,
    ),
    Mistake(
        "mean added",
        {"taken_off": -1.0},
        "x + μ is divided by √(σ² + ε): the paper, PyTorch and Keras divide x − μ.",
        CENTRED,
    ),
    Mistake(
        "affine before normalizing",
        {"affine": "before"},
        "gamma and beta are applied before normalizing, which takes them out again: the paper and PyTorch have y = γ x̂"
        " + β, of the normalized x̂.",
        CENTRED,
    ),
    Mistake(
        "beta subtracted",
        {"affine": "minus beta"},
        "beta is subtracted, y = γ x̂ − β: the paper and PyTorch have y = γ x̂ + β.",
        WITH_BETA,
    ),
    Mistake(
        "one added to gamma",
        {"affine": "one more"},
        "the factor is 1 + γ, as in Gemma's RMSNorm: the papers, PyTorch and Keras have γ itself, which starts at 1.",
    ),
    Mistake(
        "groups interleaved",
        {"channels": "interleaved"},
        "a group is every num_groups-th channel: GroupNorm (Wu & He 2018; PyTorch) has groups of neighbouring channels"
        " (reshape to (N, groups, C / groups, ...), not to (N, C / groups, groups, ...)).",
        OF_GROUPS,
    ),
    Mistake(
        "group size instead of number",
        {"channels": "sized"},
        "3 groups are normalized where num_groups=2 was passed for 6 channels: it is taken for the channels of a group,"
        " or not at all; in GroupNorm (Wu & He 2018; PyTorch) it is how many groups there are.",
        OF_GROUPS,
    ),
    Mistake(
        "last axis forgotten",
        {"space": "first"},
        "each position on the last axis has statistics of its own: batch normalization takes them over all spatial"
        " axes (paper, section 3.2; torch.nn.BatchNorm2d), mean((0, 2, 3)) of (N, C, H, W).",
        BATCH,
        leaves_running_open=True,
    ),
    Mistake(
        "first spatial axis forgotten",
        {"space": "second"},
        "each position on the first spatial axis has statistics of its own: batch normalization takes them over all"
        " spatial axes (paper, section 3.2; torch.nn.BatchNorm2d), mean((0, 2, 3)) of (N, C, H, W).",
        BATCH,
        leaves_running_open=True,
    ),
    Mistake(
        "relu instead of the threshold",
        {"threshold": "zero"},
        "the activation is ReLU, max(y, 0): filter response normalization (Singh & Krishnan 2019; this scheme) has"
        " max(y, τ) with a learned τ.",
        FRN,
    ),
    Mistake(
        "threshold missing",
        {"threshold": "none"},
        "the threshold is not applied: filter response normalization (Singh & Krishnan 2019; this scheme) is followed"
        " by max(y, τ) with a learned τ.",
        FRN,
    ),
    Mistake(
        "unbiased variance normalizes",
        {"variance": "each unbiased"},
        "each of the variances that are mixed is unbiased, 1/(n−1) Σ (x − μ)², which is torch.var's default: switchable"
        " normalization (Luo et al. 2018; this scheme) mixes the biased ones.",
        MIXED,
    ),
    *(
        Mistake(name, {"mixture": mixture}, f"{text}: {_SWITCHABLE}", MIXED)
        for name, mixture, text in (
            ("softmax missing", "logits", "the mixture's shares are the logits themselves, which need not add up to 1"),
            ("softmax twice", "softmax twice", "softmax is applied twice to the logits, so that shares hardly differ"),
            (
                "variances averaged",
                "averages",
                "the variances of a sample and of the batch are averages of the channels' variances, without the spread"
                " of their means",
            ),
        )
    ),
    Mistake(
        "only the mean is divided",
        {"divisor": "mean"},
        "only the mean is divided by the deviation, x − μ / √(σ² + ε), as where brackets are missing: the paper,"
        " PyTorch and Keras divide x − μ.",
        CENTRED,
    ),
    Mistake(
        "beta in the bracket",
        {"affine": "bracketed"},
        "beta is multiplied by gamma too, y = γ (x̂ + β): the paper and PyTorch have y = γ x̂ + β.",
        WITH_BETA,
    ),
    Mistake(
        "gamma twice",
        {"affine": "gamma twice"},
        "gamma stands for beta too, y = γ x̂ + γ: the paper and PyTorch have y = γ x̂ + β.",
        WITH_BETA,
    ),
    Mistake(
        "beta twice",
        {"affine": "beta twice"},
        "beta stands for gamma too, y = β x̂ + β: the paper and PyTorch have y = γ x̂ + β.",
        WITH_BETA,
    ),
    Mistake(
        "input added",
        {"residual": True},
        "the input is added to the output, x + γ x̂ + β: the papers, PyTorch and Keras return γ x̂ + β alone.",
    ),
    Mistake(
        "mean of the output taken off",
        {"centred_again": True},
        "the mean of γ x̂ + β over the first spatial axis is taken off, which leaves nothing of β, as in the layer norm"
        " of Autoformer for what is seasonal: the papers, PyTorch and Keras return γ x̂ + β.",
        ALL - FRN,
        CONSTANT,
    ),
    Mistake(
        "relu included",
        {"threshold": "zero"},
        "the output has a ReLU, max(y, 0): in PyTorch and Keras that is another layer.",
        ALL - FRN,
        CONSTANT,
    ),
    Mistake(
        "mean of absolute values",
        {"absolute": True},
        "x is divided by the mean of |x − μ|, not by a root of squares: the paper, PyTorch and Keras divide by"
        " √(σ² + ε).",
        ALL - MIXED,
        CONSTANT,
    ),
    Mistake(
        "n outside the root",
        {"variance": "over n twice"},
        "the root of the sum of squares is divided by n, outside of the root: the paper, PyTorch and Keras divide the"
        " sum by n under it.",
    ),
    Mistake("sigmoid missing", {"gate": "none"}, f"x is not multiplied by sigmoid(v x): {_EVONORM}", GATED),
    Mistake("v missing", {"gate": "without v"}, f"v is left out, x sigmoid(x): {_EVONORM}", GATED),
    Mistake("x missing", {"gate": "alone"}, f"sigmoid(v x) is not multiplied by x: {_EVONORM}", GATED),
    Mistake(
        "r missing",
        {"renormalized": "no r"},
        "the factor r is left out: in batch renormalization (Ioffe 2017; this scheme) x̂ = (x − μ_B)/σ_B · r + d.",
        RENORM,
    ),
    Mistake(
        "d missing",
        {"renormalized": "no d"},
        "the shift d is left out: in batch renormalization (Ioffe 2017; this scheme) x̂ = (x − μ_B)/σ_B · r + d.",
        RENORM,
    ),
    Mistake(
        "d divided by the batch's deviation",
        {"renormalized": "d by the batch"},
        "the shift d is divided by the batch's deviation: in batch renormalization (Ioffe 2017; this scheme) d = (μ_B −"
        " μ)/σ, by the running one.",
        RENORM,
    ),
    Mistake(
        "r and d differentiated",
        {"renormalized": "differentiated"},
        "r and d get a gradient: in batch renormalization (Ioffe 2017, section 3; this scheme) they are constants,"
        " .detach() in PyTorch.",
        RENORM,
    ),
    *_in_stages(),
)
