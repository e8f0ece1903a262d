"""Known mistakes with running statistics and the two modes."""

from bnlab.verify.mistake import BATCH, OF_INPUT, Mistake

RUNNING = (
    Mistake(
        "stored variance biased",
        {"stored": "biased"},
        "running_var stores the biased variance, 1/n Σ (x − μ)²: PyTorch stores the unbiased one, times n/(n−1),"
        " as algorithm 2 of Ioffe & Szegedy 2015 does; Keras stores the biased one.",
        BATCH,
    ),
    Mistake(
        "momentum inverted",
        {"momentum": "old"},
        "momentum acts as 1 − m, the weight of the old value, which is Keras's convention: in PyTorch it is the"
        " weight of the new batch, running ← (1 − m) running + m batch.",
        BATCH,
    ),
    Mistake(
        "mode ignored",
        {"eval_by": "batch", "update": "always"},
        "eval mode uses batch statistics and goes on updating the running ones, as if the layer never looked at"
        " self.training: the paper (algorithm 2) and PyTorch normalize by the running statistics there and leave"
        " them alone.",
        BATCH,
    ),
    Mistake(
        "evaluation by batch statistics",
        {"eval_by": "batch"},
        "eval mode uses batch statistics: the paper (algorithm 2), PyTorch and Keras use the running ones there,"
        " so that a sample's output does not depend on the others.",
        BATCH,
    ),
    Mistake(
        "training by running statistics",
        {"train_by": "running"},
        "train mode normalizes by the running statistics: the paper (algorithm 1), PyTorch and Keras use the"
        " batch's own mean and variance there.",
        BATCH,
    ),
    Mistake(
        "training by updated running statistics",
        {"train_by": "updated"},
        "train mode updates the running statistics first and normalizes by them: the paper (algorithm 1), PyTorch"
        " and Keras use the batch's own mean and variance there.",
        BATCH,
        OF_INPUT,
    ),
    Mistake(
        "running statistics never updated",
        {"update": "never"},
        "the running statistics are never updated: PyTorch and Keras move them by every training batch, running ←"
        " (1 − m) running + m batch.",
        BATCH,
    ),
    Mistake(
        "running statistics updated in evaluation",
        {"update": "always"},
        "the running statistics are updated in eval mode as well: PyTorch and Keras change them in training only,"
        " or test data would leak into the model.",
        BATCH,
    ),
    Mistake(
        "running variance starts at 0",
        {"initial_var": 0.0},
        "running_var starts at 0: in PyTorch and Keras it starts at 1, so that an untrained layer in eval mode is"
        " nearly the identity.",
        BATCH,
    ),
    Mistake(
        "standard deviation stored",
        {"stored": "deviation"},
        "the running statistic holds the standard deviation: PyTorch and Keras store the variance, whose average"
        " is another number than the squared average of its roots.",
        BATCH,
    ),
    Mistake(
        "stored variance corrected the wrong way",
        {"stored": "product"},
        "running_var is multiplied by (n−1)/n: the unbiased variance of algorithm 2 of Ioffe & Szegedy 2015 and"
        " PyTorch is the biased one times n/(n−1).",
        BATCH,
    ),
)
