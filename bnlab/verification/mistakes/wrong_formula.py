"""Known mistakes in the schemes of reference/formulas.py, which do not standardize by one mean and variance."""

from bnlab.verification.mistakes.mistake import Mistake

_DYT = frozenset({"dyt"})
_DERF = frozenset({"derf"})
_AFFINE = frozenset({"dyt", "derf", "iter_norm"})
_WHITENING = frozenset({"iter_norm"})
_SPECTRAL = frozenset({"spectral_norm"})
_LENGTH = frozenset({"weight_norm"})
_STANDARD = frozenset({"weight_standardization"})
_SCALED = frozenset({"scaled_weight_standardization"})

_SQUASHED = "dynamic tanh (Zhu et al. 2025; this scheme) is y = γ tanh(α x) + β."
_WHITENED = "iterative normalization (Huang et al. 2019; this scheme)"
_STANDARDIZED = "weight standardization (Qiao et al. 2019; this scheme)"

FORMULA = (
    Mistake("beta missing", {"affine": "gamma"}, "beta is not applied: this scheme has y = γ f(x) + β.", _AFFINE),
    Mistake("gamma missing", {"affine": "beta"}, "gamma is not applied: this scheme has y = γ f(x) + β.", _AFFINE),
    Mistake(
        "affine missing", {"affine": "none"}, "gamma and beta are not applied: this scheme has y = γ f(x) + β.", _AFFINE
    ),
    Mistake(
        "beta subtracted", {"affine": "minus beta"}, "beta is subtracted: this scheme has y = γ f(x) + β.", _AFFINE
    ),
    Mistake("alpha missing", {"alpha_at": "nowhere"}, f"alpha is not applied, tanh(x): {_SQUASHED}", _DYT),
    Mistake("alpha outside", {"alpha_at": "outside"}, f"alpha is outside of tanh, α tanh(x): {_SQUASHED}", _DYT),
    Mistake("alpha divides", {"alpha_at": "divides"}, f"x is divided by alpha, tanh(x / α): {_SQUASHED}", _DYT),
    Mistake("nothing is squashed", {"squash": "nothing"}, f"there is no tanh, α x: {_SQUASHED}", _DYT),
    Mistake("sigmoid instead of tanh", {"squash": "sigmoid"}, f"the function is a sigmoid: {_SQUASHED}", _DYT),
    Mistake(
        "alpha times the shift",
        {"shift_at": "x"},
        "the shift is multiplied by alpha, erf(α (x + s)): Derf (Chen et al. 2025; this scheme) is y = γ erf(α x + s)"
        " + β.",
        _DERF,
    ),
    Mistake(
        "unbiased covariance",
        {"variance": "unbiased"},
        f"the covariance is the unbiased one, over n − 1: {_WHITENED} divides by n.",
        _WHITENING,
    ),
    Mistake(
        "eps missing",
        {"place": "none"},
        f"eps is not added to the covariance: {_WHITENED} has Σ + ε I.",
        _WHITENING,
    ),
    Mistake(
        "trace not taken back",
        {"trace": "left"},
        f"the whitening matrix is not divided by √tr Σ, so that it is that of Σ / tr Σ: {_WHITENED} divides it.",
        _WHITENING,
    ),
    Mistake(
        "root of the trace missing",
        {"trace": "whole"},
        f"the whitening matrix is divided by tr Σ, and not by its root: {_WHITENED} divides it by √tr Σ.",
        _WHITENING,
    ),
    Mistake(
        "updated in evaluation too",
        {"update": "always"},
        f"eval mode moves the running mean and whitening matrix too: {_WHITENED} moves them in training alone.",
        _WHITENING,
    ),
    Mistake(
        "training by running statistics",
        {"train_by": "updated"},
        "train mode normalizes by the running mean and whitening matrix, after they were updated, without a gradient"
        f" through them: {_WHITENED} uses the batch's own.",
        _WHITENING,
    ),
    Mistake(
        "momentum inverted",
        {"weighs": "old"},
        f"momentum acts as 1 − m, the weight of the old value: in {_WHITENED} and PyTorch it is that of the new batch.",
        _WHITENING,
    ),
    Mistake(
        "evaluation by batch statistics",
        {"eval_by": "batch"},
        f"eval mode uses the batch's mean and covariance: {_WHITENED} uses the running ones there.",
        _WHITENING,
    ),
    *(
        Mistake(
            "nothing is normalized",
            {"divisor": "nothing"},
            f"the weight is used as it is, without being normalized: {definition}.",
            schemes,
        )
        for schemes, definition in (
            (_LENGTH, "weight normalization (Salimans & Kingma 2016; PyTorch) is w = g v / ‖v‖"),
            (_SPECTRAL, "spectral normalization (Miyato et al. 2018; PyTorch) divides by the largest singular value"),
            (_STANDARD, f"{_STANDARDIZED} has (w − μ) / (σ + ε)"),
        )
    ),
    Mistake(
        "Frobenius norm instead of the largest singular value",
        {"divisor": "frobenius"},
        "the weight is divided by its Frobenius norm, the root of its sum of squares: spectral normalization (Miyato et"
        " al. 2018; PyTorch) divides by the largest singular value.",
        _SPECTRAL,
    ),
    Mistake(
        "divided by the square of the largest singular value",
        {"divisor": "square"},
        "the weight is divided by σ², the largest eigenvalue of W Wᵀ: spectral normalization (Miyato et al. 2018;"
        " PyTorch) divides by σ itself.",
        _SPECTRAL,
    ),
    Mistake(
        "largest singular value detached",
        {"divisor": "constant"},
        "the gradient takes σ for a constant (computed from weight.data, or detached): it depends on the weight, and"
        " PyTorch differentiates uᵀ W v.",
        _SPECTRAL,
    ),
    Mistake(
        "one length for all units",
        {"over": "all"},
        "all of v has one length: in weight normalization (Salimans & Kingma 2016; PyTorch) each output unit has its"
        " own.",
        _LENGTH,
    ),
    Mistake(
        "length of each input",
        {"over": "outputs"},
        "the length is that of each input's weights (dim=0 of (out, in)): in weight normalization (Salimans & Kingma"
        " 2016; PyTorch) it is that of each output unit's.",
        _LENGTH,
    ),
    Mistake(
        "divided by the squared length",
        {"divisor": "square"},
        "v is divided by ‖v‖²: weight normalization (Salimans & Kingma 2016; PyTorch) is w = g v / ‖v‖.",
        _LENGTH,
    ),
    Mistake(
        "g missing",
        {"gain": "none"},
        "g is not applied, w = v / ‖v‖: weight normalization (Salimans & Kingma 2016; PyTorch) is w = g v / ‖v‖.",
        _LENGTH,
    ),
    *(
        Mistake(
            "eps added to the length",
            {"added": eps},
            f"{eps:g} is added to the length, w = g v / (‖v‖ + ε): weight normalization (Salimans & Kingma 2016;"
            " PyTorch) has no eps.",
            _LENGTH,
        )
        for eps in (1e-8, 1e-6, 1e-5, 1e-10, 1e-7, 1e-4, 1e-3)
    ),
    Mistake(
        "unbiased variance normalizes",
        {"variance": "unbiased"},
        "the deviation is the unbiased one, as torch.std gives it and as the authors' program has it: the formula of"
        f" {_STANDARDIZED} divides by n.",
        _STANDARD,
        accepted=True,
    ),
    Mistake(
        "eps under the root",
        {"place": "inside"},
        f"eps is added under the root, √(σ² + ε): {_STANDARDIZED} adds it to the deviation.",
        _STANDARD,
        accepted=True,
    ),
    Mistake(
        "mean not taken off",
        {"centred": False},
        f"the mean of a unit's weights is not taken off: {_STANDARDIZED} has (w − μ) / (σ + ε).",
        _STANDARD,
    ),
    Mistake(
        "one mean for all units",
        {"over": "all"},
        f"all weights share one mean and deviation: in {_STANDARDIZED} each output unit has its own.",
        _STANDARD,
    ),
    Mistake(
        "statistics of each input",
        {"over": "outputs"},
        "mean and deviation are those of each input's weights (dim=0 of (out, in)): in"
        f" {_STANDARDIZED} they are those of each output unit's.",
        _STANDARD,
    ),
    Mistake(
        "statistics detached",
        {"constant": "both"},
        f"the gradient takes mean and deviation for constants: in {_STANDARDIZED} they depend on the weights.",
        _STANDARD,
    ),
    Mistake(
        "unbiased variance normalizes",
        {"variance": "unbiased"},
        "the variance is the unbiased one, which is torch.var's default: scaled weight standardization (Brock et al."
        " 2021; this scheme) divides by n.",
        _SCALED,
    ),
    Mistake(
        "fan-in left out",
        {"fan_in": "left out"},
        "the number of inputs is left out, (w − μ) / σ: scaled weight standardization (Brock et al. 2021; this scheme)"
        " divides by σ √K, so that a unit keeps the variance of its inputs.",
        _SCALED,
    ),
)
