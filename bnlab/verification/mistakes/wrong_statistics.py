"""Known mistakes with running statistics, and with train and eval mode."""

from bnlab.verification.mistakes.mistake import BATCH, MIXED, OF_INPUT, RENORM, SPATIAL, Mistake

FIRST_STEP = frozenset({"initial values", "momentum: weight of new batch", "stored over biased variance"})

RUNNING = (
    *(
        Mistake(
            "variance kept",
            {"stored": stored},
            f"the running statistic holds the {stored}: in batch renormalization (Ioffe 2017; this scheme) the"
            " deviation is averaged.",
            RENORM,
            accepted=True,
        )
        for stored in ("variance", "biased variance")
    ),
    Mistake(
        "stored variance biased",
        {"stored": "biased"},
        "running_var stores the biased variance, 1/n Σ (x − μ)²: PyTorch stores the unbiased one, times n/(n−1),"
        " as algorithm 2 of Ioffe & Szegedy 2015 does; Keras stores the biased one.",
        BATCH,
        accepted=True,
    ),
    Mistake(
        "momentum inverted",
        {"momentum": "old"},
        "momentum acts as 1 − m, the weight of the old value, which is Keras's convention: in PyTorch it is the"
        " weight of the new batch, running ← (1 − m) running + m batch.",
        BATCH | RENORM | MIXED,
    ),
    Mistake(
        "mode ignored",
        {"eval_by": "batch", "update": "always"},
        "eval mode uses batch statistics and goes on updating the running ones, as if the layer never looked at"
        " self.training: the paper (algorithm 2) and PyTorch normalize by the running statistics there and leave"
        " them alone.",
        BATCH | RENORM | MIXED,
    ),
    Mistake(
        "evaluation by batch statistics",
        {"eval_by": "batch"},
        "eval mode uses batch statistics: the paper (algorithm 2), PyTorch and Keras use the running ones there,"
        " so that a sample's output does not depend on the others.",
        BATCH | RENORM | MIXED,
    ),
    Mistake(
        "running statistics exchanged in evaluation",
        {"eval_by": "exchanged"},
        "eval mode takes the running mean and the running variance for each other: PyTorch and Keras subtract the mean,"
        " and divide by the root of the variance.",
        BATCH,
    ),
    Mistake(
        "variance of the batch in evaluation",
        {"eval_by": "running mean"},
        "eval mode uses the running mean, but the batch's own variance: the paper (algorithm 2), PyTorch and Keras use"
        " the running statistics alone.",
        BATCH,
    ),
    Mistake(
        "mean of the batch in evaluation",
        {"eval_by": "running variance"},
        "eval mode uses the running variance, but the batch's own mean: the paper (algorithm 2), PyTorch and Keras use"
        " the running statistics alone.",
        BATCH,
    ),
    Mistake(
        "training by running statistics",
        {"train_by": "running"},
        "train mode normalizes by the running statistics: the paper (algorithm 1), PyTorch and Keras use the"
        " batch's own mean and variance there.",
        BATCH | MIXED,
    ),
    Mistake(
        "statistics frozen",
        {"train_by": "running", "update": "never"},
        "both modes normalize by running statistics that never move, as torchvision's FrozenBatchNorm2d does for a"
        " model that is trained already: the paper (algorithm 1), PyTorch and Keras use the batch's own in train mode"
        " and move the running ones.",
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
        BATCH | RENORM | MIXED,
    ),
    Mistake(
        "running statistics updated in evaluation",
        {"update": "always"},
        "the running statistics are updated in eval mode as well: PyTorch and Keras change them in training only,"
        " or test data would leak into the model.",
        BATCH | MIXED,
    ),
    Mistake(
        "running variance starts at 0",
        {"initial_var": 0.0},
        "running_var starts at 0: in PyTorch and Keras it starts at 1, so that an untrained layer in eval mode is"
        " nearly the identity.",
        BATCH | MIXED,
    ),
    Mistake(
        "standard deviation stored",
        {"stored": "deviation"},
        "the running statistic holds the standard deviation: PyTorch and Keras store the variance, whose average"
        " is another number than the squared average of its roots.",
        BATCH,
    ),
    Mistake(
        "standard deviation stored",
        {"stored": "unbiased deviation"},
        "the running statistic holds the standard deviation: PyTorch and Keras store the variance, whose average"
        " is another number than the squared average of its roots.",
        BATCH,
    ),
    Mistake(
        "standard deviation stored",
        {"stored": "deviation", "eval_by": "squares"},
        "the running statistic holds the standard deviation: PyTorch and Keras store the variance, whose average"
        " is another number than the squared average of its roots.",
        BATCH,
    ),
    Mistake(
        "standard deviation stored",
        {"stored": "unbiased deviation", "eval_by": "squares"},
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
    Mistake(
        "running statistics updated in evaluation",
        {"update": "always", "eval_by": "updated"},
        "the running statistics are updated in eval mode as well, before they normalize: PyTorch and Keras change them"
        " in training only, or test data would leak into the model.",
        BATCH,
    ),
    Mistake(
        "modes swapped",
        {"train_by": "running", "eval_by": "batch", "update": "evaluation"},
        "the modes are swapped, as if self.training were negated: the paper (algorithms 1 and 2) and PyTorch normalize"
        " by the batch's statistics, and store them, in train mode, and use the running ones in eval mode.",
        BATCH,
    ),
    Mistake(
        "mode taken from the gradient switch",
        {"mode": "recorded"},
        "whether gradients are recorded (torch.is_grad_enabled) sets the mode, not self.training: with PyTorch's layers"
        " model.eval() is enough, and model.train() under torch.no_grad() still trains the statistics.",
        BATCH,
    ),
    Mistake(
        "running variance never updated",
        {"updated": "running_mean"},
        "running_var is never updated, only running_mean: PyTorch and Keras move both by every training batch.",
        BATCH,
    ),
    Mistake(
        "running mean never updated",
        {"updated": "running_var"},
        "running_mean is never updated, only running_var: PyTorch and Keras move both by every training batch.",
        BATCH,
    ),
    Mistake(
        "running statistics not averaged",
        {"momentum_value": 1.0},
        "the running statistics are those of the last batch alone: PyTorch and Keras average, running ← (1 − m)"
        " running + m batch.",
        BATCH,
    ),
    Mistake(
        "running statistics averaged over all batches",
        {"momentum": "average"},
        "the running statistics are the average over all batches so far, the k-th weighing 1/k, which is PyTorch's"
        " momentum=None: given a number m, PyTorch and Keras move them by running ← (1 − m) running + m batch.",
        BATCH,
    ),
    Mistake(
        "another weight at each step",
        {"momentum": "debiased"},
        "the weight of the new batch is m / (1 − (1 − m)^k) at step k, as Adam corrects its start: PyTorch and Keras"
        " move the running statistics by running ← (1 − m) running + m batch at every step.",
        BATCH,
    ),
    Mistake(
        "another weight at each step",
        {"momentum": "average with the start"},
        "the weight of the new batch is 1/(k + 1) at step k, whatever the momentum, so that what the running statistics"
        " start at counts as a batch: PyTorch and Keras move them by running ← (1 − m) running + m batch.",
        BATCH,
    ),
    Mistake(
        "running statistics start at the first batch's",
        {"start": "first batch"},
        "the first batch sets the running statistics, and only later ones move them: PyTorch and Keras start at 0 and"
        " 1, and move them by every batch, the first one included.",
        BATCH,
        FIRST_STEP,
    ),
    Mistake(
        "momentum of the variance inverted",
        {"momentum": "old in running_var"},
        "momentum acts as 1 − m in running_var alone, as the weight of the old value: in PyTorch it is the weight of"
        " the new batch in both running statistics.",
        BATCH,
    ),
    Mistake(
        "momentum of the mean inverted",
        {"momentum": "old in running_mean"},
        "momentum acts as 1 − m in running_mean alone, as the weight of the old value: in PyTorch it is the weight of"
        " the new batch in both running statistics.",
        BATCH,
    ),
    Mistake(
        "eps stored",
        {"stored": "with eps"},
        "eps is added to the variance that is stored: PyTorch and Keras store the variance alone and add eps where it"
        " normalizes, or it would count twice in eval mode.",
        BATCH,
    ),
    Mistake(
        "eps stored",
        {"stored": "and eps"},
        "eps is added to the variance that is stored: PyTorch and Keras store the variance alone and add eps where it"
        " normalizes, or it would count twice in eval mode.",
        BATCH,
    ),
    Mistake(
        "eps stored",
        {"stored": "biased and eps"},
        "eps is added to the biased variance that is stored: PyTorch and Keras store the variance alone and add"
        " eps where it normalizes, or it would count twice in eval mode.",
        BATCH,
    ),
    Mistake(
        "stored variance corrected by N",
        {"stored": "by samples"},
        "running_var is multiplied by N/(N−1) with N samples: PyTorch's n counts the values per channel, N·L or N·H·W"
        " on inputs with spatial axes.",
        BATCH,
    ),
    Mistake(
        "sum stored",
        {"stored_mean": "sum"},
        "running_mean is fed with the sum over the batch: PyTorch and Keras feed it with the mean.",
        BATCH,
        SPATIAL,
    ),
)


def other_average(old: float, own: float, momentum: float) -> Mistake:
    """The mistake that running statistics are other multiples of the old value and the batch's."""
    formula = f"{round(old, 9):.4g} running + {round(own, 9):.4g} batch"
    text = (
        f"with m = {momentum:g} running statistics become {formula}: in PyTorch they become (1 − m) running + m batch."
    )
    return Mistake("another moving average", {"weights": (old, own)}, text, BATCH)


LAST = (
    Mistake(
        "training by updated running statistics",
        {"train_by": "updated", "start": "first batch"},
        "the first batch sets the running statistics, and train mode updates them first and normalizes by them: the"
        " paper (algorithm 1), PyTorch and Keras use the batch's own mean and variance there.",
        BATCH,
        OF_INPUT | FIRST_STEP,
    ),
)
"""A mistake that leaves so many arrays undetermined that it is tried after all others."""
