"""Weight normalization: its settings and what is known of it; the layers are in bnlab.norms.weight_norm."""

from bnlab.norms.of_weights import OfWeightsConfig
from bnlab.norms.scheme import Scheme

SCHEME = Scheme(
    name="weight_norm",
    settings=OfWeightsConfig,
    title="Weight normalization",
    formula="w = g v / ‖v‖",
    normalizes_over="the weights of each output unit; the activations by a norm that may follow (norm.then)",
    source="Salimans & Kingma 2016, arXiv 1602.07868",
    when_to_use="where no statistics may be taken of the data: recurrent, reinforcement or generative models.",
    invariances="Y N Y N N N",
    defaults={"PyTorch": "dim 0: a length for each output unit"},
    shift=False,
    of_weights=True,
)
