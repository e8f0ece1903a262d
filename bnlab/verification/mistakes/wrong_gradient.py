"""Known mistakes in the backward pass."""

from bnlab.verification.mistakes.mistake import CENTRED, SPATIAL, Mistake

GRADIENT = (
    Mistake(
        "statistics detached",
        {"constant": "both"},
        "the gradient takes the mean and the variance for constants (detached, or computed under no_grad): both"
        " depend on x, and PyTorch differentiates through them (Ioffe & Szegedy 2015, section 3); the input's"
        " gradient lacks two terms.",
        CENTRED,
    ),
    Mistake(
        "variance detached",
        {"constant": "variance"},
        "the gradient takes the variance for a constant: it depends on x, and PyTorch differentiates through it"
        " (Ioffe & Szegedy 2015, section 3); the input's gradient lacks the term −x̂ · mean(g x̂).",
    ),
    Mistake(
        "mean detached",
        {"constant": "mean"},
        "the gradient takes the mean for a constant: it depends on x, and PyTorch differentiates through it"
        " (Ioffe & Szegedy 2015, section 3); the input's gradient lacks the term −mean(g).",
        CENTRED,
    ),
    Mistake(
        "input gradient without gamma",
        {"input_gradient": "without gamma"},
        "the gradient of the input is not multiplied by gamma: by the chain rule, and in PyTorch, ∂loss/∂x̂ = γ"
        " ∂loss/∂y (Ioffe & Szegedy 2015, section 3).",
    ),
    Mistake(
        "gamma gradient averaged",
        {"gamma_gradient": "mean"},
        "gamma's gradient is averaged over the batch: it is the sum over N, Σ g x̂ (Ioffe & Szegedy 2015, section"
        " 3; PyTorch).",
        leaves_open=SPATIAL,
    ),
    Mistake(
        "gamma gradient not summed",
        {"gamma_gradient": "last"},
        "gamma's gradient lacks the sum over N, it is that of the last sample: it is Σ g x̂ over the batch (Ioffe"
        " & Szegedy 2015, section 3; PyTorch).",
        leaves_open=SPATIAL,
    ),
    Mistake(
        "gamma gradient not summed",
        {"gamma_gradient": "first"},
        "gamma's gradient lacks the sum over N, it is that of the first sample: it is Σ g x̂ over the batch"
        " (Ioffe & Szegedy 2015, section 3; PyTorch).",
        leaves_open=SPATIAL,
    ),
    Mistake(
        "gamma gradient of x",
        {"gamma_gradient_of": "x"},
        "gamma's gradient is taken with x, Σ g x: it is Σ g x̂, with the normalized x̂ (Ioffe & Szegedy 2015,"
        " section 3; PyTorch).",
    ),
    Mistake(
        "beta gradient averaged",
        {"beta_gradient": "mean"},
        "beta's gradient is averaged over the batch: it is the sum over N, Σ g (Ioffe & Szegedy 2015, section 3;"
        " PyTorch).",
        CENTRED,
        SPATIAL,
    ),
    Mistake(
        "beta gradient not summed",
        {"beta_gradient": "last"},
        "beta's gradient lacks the sum over N, it is that of the last sample: it is Σ g over the batch (Ioffe &"
        " Szegedy 2015, section 3; PyTorch).",
        CENTRED,
        SPATIAL,
    ),
    Mistake(
        "beta gradient not summed",
        {"beta_gradient": "first"},
        "beta's gradient lacks the sum over N, it is that of the first sample: it is Σ g over the batch (Ioffe &"
        " Szegedy 2015, section 3; PyTorch).",
        CENTRED,
        SPATIAL,
    ),
    Mistake(
        "input gradient negative",
        {"input_gradient": "negative"},
        "the gradient of the input has the wrong sign: in PyTorch it is γ/√(σ² + ε) · (g − mean(g) − x̂ · mean(g x̂)).",
    ),
    Mistake(
        "input gradient times n",
        {"input_gradient": "times n"},
        "the gradient of the input is n times too large, as if a 1/n were left out: it is γ/√(σ² + ε) · (n g − Σ g − x̂"
        " Σ g x̂)/n (Ioffe & Szegedy 2015, section 3; PyTorch).",
    ),
    Mistake(
        "input gradient by the variance",
        {"input_gradient": "by the variance"},
        "the gradient of the input is divided by the variance: by the chain rule, and in PyTorch, it is divided by its"
        " root, √(σ² + ε).",
    ),
    Mistake(
        "parameter gradients swapped",
        {"parameter_gradients": "swapped"},
        "gamma has beta's gradient and beta has gamma's: gamma's is Σ g x̂, beta's is Σ g (Ioffe & Szegedy 2015,"
        " section 3; PyTorch).",
        CENTRED,
    ),
    Mistake(
        "no gradient of gamma",
        {"gamma_gradient": "none"},
        "gamma gets no gradient, so that it is never learned: it is Σ g x̂ (Ioffe & Szegedy 2015, section 3; PyTorch).",
    ),
    Mistake(
        "no gradient of beta",
        {"beta_gradient": "none"},
        "beta gets no gradient, so that it is never learned: it is Σ g (Ioffe & Szegedy 2015, section 3; PyTorch).",
        CENTRED,
    ),
)
