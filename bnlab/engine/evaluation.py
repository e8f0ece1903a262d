"""Loss and accuracy of a stack: on the batches just trained, and on held-out images. R replicates, K classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bnlab.data import Part, Split
from bnlab.engine.population import buffers_kept
from bnlab.lifting import without_noise

EVALUATION_BATCH = 1000
"""Images per forward pass in evaluation; fixed, so that equal runs give equal bits."""


@dataclass
class Score:
    """Sums over N images, per replicate: float64 (R,) cross-entropy in nats, (R,) correct answers.

    `is_right`: bool (R, N), which images were answered correctly, in their order; None where only sums are kept.
    """

    loss_sum: Tensor
    correct: Tensor
    images: int
    is_right: Tensor | None = None

    @staticmethod
    def zeros(replicates: int) -> Score:
        return Score(torch.zeros(replicates, dtype=torch.float64), torch.zeros(replicates, dtype=torch.float64), 0)

    def __iadd__(self, other: Score) -> Score:
        self.loss_sum = self.loss_sum + other.loss_sum
        self.correct = self.correct + other.correct
        self.images += other.images
        if self.is_right is not None and other.is_right is not None:
            self.is_right = torch.cat([self.is_right, other.is_right], dim=1)
        else:
            self.is_right = None
        return self

    def loss(self, replicate: int) -> float:
        """Mean cross-entropy in nats."""
        return float(self.loss_sum[replicate]) / self.images

    def accuracy(self, replicate: int) -> float:
        """Share of the images whose largest logit is the right class."""
        return float(self.correct[replicate]) / self.images


def sum_of_losses(scores: Iterable[Score]) -> Tensor:
    """(R,), finite where all of a replicate's losses are."""
    return torch.stack([score.loss_sum for score in scores]).sum(0)


def log_probabilities_of(logits: Tensor) -> Tensor:
    """(R, K, N) of logits (R, N, K). PyTorch's kernel takes many times as long over a last dimension of few classes."""
    return F.log_softmax(logits.mT, dim=1)


def score_batches(
    log_probabilities: Sequence[Tensor], labels: Sequence[Tensor], *, keep_each: bool = False
) -> tuple[Score, Tensor]:
    """The score of T batches of one size, from log-probabilities (R, K, N) and labels (R, N); mean losses (T, R).

    `keep_each` also keeps which images were answered correctly.
    """
    answers, right = torch.stack(list(log_probabilities), dim=1), torch.stack(list(labels), dim=1)
    losses = -answers.gather(2, right.unsqueeze(2)).squeeze(2)
    correct = answers.max(2).indices == right  # as argmax, and faster
    is_right = correct.flatten(1).cpu() if keep_each else None
    score = Score(_sum(losses), correct.sum((1, 2)).cpu().double(), right[0].numel(), is_right)
    return score, losses.mean(-1).T


def _sum(losses: Tensor) -> Tensor:
    """Of (R, T, N) over all but R, in float64, on the CPU."""
    if losses.device.type == "mps":  # which has no float64
        losses = losses.cpu()
    return losses.double().sum((1, 2)).cpu()


@torch.no_grad()
def evaluate(
    stack: nn.Module,
    data: Split,
    part: Part,
    device: torch.device,
    *,
    batch_size: int = EVALUATION_BATCH,
    keep_each: bool = False,
) -> Score:
    """The score of all replicates in evaluation mode, with each norm's running statistics; of each image, if asked."""
    stack.eval()
    score = _score_part(stack, data, part, batch_size, device, keep_each=keep_each)
    stack.train()
    return score


@torch.no_grad()
def evaluate_on_batch_statistics(stack: nn.Module, data: Split, batch_size: int, device: torch.device) -> Score:
    """The test score in training mode: each batch is normalized by its own statistics; the running ones stay as are.

    The batches have the size of the training's, since statistics of fewer images are of another kind: images that are
    left over at the end are scored in a batch with those before them, which count once.
    """
    with buffers_kept(stack), without_noise(stack):
        return _score_part(stack, data, data.test, batch_size, device, fill_last=True)


def _score_part(
    stack: nn.Module,
    data: Split,
    part: Part,
    batch_size: int,
    device: torch.device,
    *,
    fill_last: bool = False,
    keep_each: bool = False,
) -> Score:
    dtype = next(stack.parameters()).dtype
    total: Score | None = None
    for start in range(0, len(part), batch_size):
        stop = min(start + batch_size, len(part))
        first = max(stop - batch_size, 0) if fill_last else start
        images, labels = part.batch(first, stop)
        log_probabilities = log_probabilities_of(stack(data.scaling.to_float(images.to(device), dtype)))
        labels = labels.to(device).expand(len(log_probabilities), -1)
        log_probabilities, labels = log_probabilities[:, :, start - first :], labels[:, start - first :]
        score, _ = score_batches([log_probabilities], [labels], keep_each=keep_each)
        if total is None:
            total = score
        else:
            total += score
    if total is None:
        raise ValueError("there are no images to evaluate")
    return total
