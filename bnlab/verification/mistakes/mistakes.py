"""All known mistakes; the defects, which are what can be wrong with how a layer keeps its tensors; and the facts.

A sentence says what the code seems to do, what the reference does, and the reference's source.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bnlab.verification.mistakes.by_rule import BY_MODE, in_one_mode, over_other_axes
from bnlab.verification.mistakes.mistake import BATCH, Mistake
from bnlab.verification.mistakes.wrong_formula import FORMULA
from bnlab.verification.mistakes.wrong_gradient import GRADIENT
from bnlab.verification.mistakes.wrong_output import OUTPUT
from bnlab.verification.mistakes.wrong_statistics import LAST, RUNNING
from bnlab.verification.reference import Reference

MISTAKES = (*RUNNING, *OUTPUT, *GRADIENT, *FORMULA, *LAST)

DEFECTS = {
    "input changed": "the input is changed in place, so that whatever else uses it gets other numbers: PyTorch's"
    " layers leave it as it is.",
    "parameter overwritten": "the forward pass overwrites a parameter (parameter.data = ..., or an in-place change), so"
    " that what was learned is lost and no gradient goes through what is computed: PyTorch's layers leave parameters to"
    " the optimizer.",
    "evaluation changes the layer": "a pass in eval mode changes what the layer keeps, as by power iteration there, so"
    " that the same input gives another output the next time: PyTorch's layers change nothing in eval mode.",
    "modes cannot be set": "its own `train` or `eval` is not PyTorch's train(mode=True) and eval(): model.train() and"
    " model.eval() of any model that has the layer raise an exception.",
    "rest left out": "of a batch that the ghosts' size does not divide, the samples that are left over are missing in"
    " the output: in this scheme every sample is in a ghost.",
    "rest passed on": "of a batch that the ghosts' size does not divide, the samples that are left over are passed on"
    " as they are: in this scheme every sample is in a ghost, and is normalized.",
    "layers in a list": "layers are kept in a plain list, tuple or dict, which PyTorch does not look into, so that"
    " nothing in them is learned, stored or moved: make it an nn.ModuleList or nn.ModuleDict.",
    "no weight": "there is no gamma (a parameter of as many values as features, e.g. `weight`): the paper and"
    " PyTorch have y = γ x̂ + β.",
    "no bias": "there is no beta (a parameter of as many values as features, e.g. `bias`): the paper and PyTorch"
    " have y = γ x̂ + β.",
    "weight of another shape": "gamma is not one value for each feature: the paper and PyTorch have a gamma of shape"
    " (C,).",
    "bias of another shape": "beta is not one value for each feature: the paper and PyTorch have a beta of shape (C,).",
    "weight is no parameter": "gamma is a plain tensor, or needs no gradient, so it is never learned: make it an"
    " nn.Parameter, as PyTorch does.",
    "bias is no parameter": "beta is a plain tensor, or needs no gradient, so it is never learned: make it an"
    " nn.Parameter, as PyTorch does.",
    "weight is uninitialised": "gamma is whatever was in memory (torch.empty, torch.Tensor(n)), and nothing sets it: in"
    " PyTorch and Keras it starts at 1, so that y = x̂ at first.",
    "bias is uninitialised": "beta is whatever was in memory (torch.empty, torch.Tensor(n)), and nothing sets it: in"
    " PyTorch and Keras it starts at 0.",
    "random output": "two passes over one input give two outputs: PyTorch's layers have no noise of their own.",
    "no statistics": "a new layer has no running mean and variance (tensors with `mean` and `var` in their names): the"
    " paper (algorithm 2) and PyTorch need them in eval mode.",
    "statistics are no buffers": "the running statistics are plain attributes, missing in state_dict and left"
    " behind by .to(device): PyTorch registers them by register_buffer.",
    "statistics are not stored": "the running statistics are buffers outside state_dict (persistent=False), lost when a"
    " model is saved and loaded: PyTorch's are in it.",
    "statistics are not detached": "the running statistics are not detached: they hold on to the graph of every"
    " batch so far, and memory grows; PyTorch updates them outside autograd (torch.no_grad, or .detach()).",
    "statistics of another shape": "the running statistics are of another shape than (C,): PyTorch and Keras keep"
    " one mean and one variance for each feature.",
}
"""For each defect in how a layer keeps its tensors, a sentence."""

FACTS = {
    "terms of the gradient": "the input's gradient is not (γ g − mean(γ g) − x̂ mean(γ g x̂)) / σ, with g = ∂loss/∂y: in"
    " this scheme it is; it is said which term is another.",
    "gradient of another function": "the input's gradient is not the derivative of the output, as by a backward of its"
    " own with a mistake in it: in this scheme it is.",
    "constants are no numbers": "for a constant feature its output or gradient is not a number (0 / 0, or the"
    " derivative of a root at 0): in this scheme eps keeps both finite.",
    "not a number": "values of its output are not numbers (nan or inf) for inputs of ordinary size: this scheme's are.",
    "depends on earlier batches": "in train mode its output depends on the batches before: this scheme's does not.",
    "state not stored": "a layer that has loaded its state_dict gives another output: something that it keeps, as the"
    " vector of a power iteration, is a plain attribute, which this scheme's layer registers by register_buffer.",
    "mode changes the output": "for one input it gives another output in eval mode than in train mode, as by running"
    " statistics of its own: this scheme computes the same in both, from the input alone.",
    "depends on other values": "a value of the output depends on other samples, features or positions than in this"
    " scheme: it is said on which.",
    "evaluation of samples together": "in eval mode a sample's output depends on the other samples: in this scheme it"
    " does not, or the other way round.",
    "another scale": "an input 3 times as large changes the output by another factor than in this scheme: it is said"
    " by which.",
    "another shift": "a number that is added to every value of the input changes the output: in this scheme it does"
    " not.",
    "another size": "the output of large inputs, with γ = 1 and β = 0, has another mean square than in this scheme: it"
    " is said which.",
}
"""For each fact that facts.py may find, a sentence."""


def describe(defect: str, words: str = "") -> str:
    """The sentence for an entry of `checks.Report.defects`, and more words about it."""
    if defect in DEFECTS:
        return f"{DEFECTS[defect]} {words}".rstrip()
    if defect.endswith(" of another shape"):
        name = defect.removesuffix(" of another shape")
        return f"{name} is not of the shape that it has in this scheme. {words}".rstrip()
    return f"{defect}: the scheme has a parameter of that name, which the layer has to learn."


def sentences() -> Iterator[tuple[str, str, list[str]]]:
    """Name, sentence and schemes of every mistake; an empty list of schemes stands for all."""
    said = [(each.name, each.text, each.schemes) for each in MISTAKES if not each.accepted]
    yield from ((name, text, sorted(schemes)) for name, text, schemes in dict.fromkeys(said))
    schemes = ", ".join(BY_MODE.values())
    yield "NAME in evaluation, NAME in training", f"a mistake in {schemes} is made in one mode alone.", sorted(BATCH)
    yield (
        "another moving average",
        "running statistics are other multiples of the old value and the batch's.",
        sorted(BATCH),
    )
    yield "fixed numbers", "the output is multiplied by a number, and another is added to it.", []
    for what, go in {"statistics": "statistics go", "variance": "the variance goes", "mean": "the mean goes"}.items():
        yield f"{what} over other axes", f"{go} over other axes than in the scheme; it is said which.", []
    for setting in ("eps", "momentum"):
        yield f"{setting} fixed", f"{setting} is another number inside than was passed.", []
    yield "axes taken for each other", "it runs only on inputs whose axes all have one length.", []
    for name, text in FACTS.items():
        yield name, text, []
    yield "one position", "the output is another for inputs of one position, as a sequence of one token.", []
    yield "eps and a constant", "a number is added to the eps that was passed.", []
    for name, text in DEFECTS.items():
        yield name, text, []


def known(scheme: str, reference: Reference) -> Iterable[Mistake]:
    """The mistakes that can be made in a scheme, the likeliest first; last, fixed values in place of a setting's."""
    yield from (mistake for mistake in MISTAKES if scheme in mistake.schemes)
    if reference.recipe is not None:
        yield from in_one_mode(scheme, reference.recipe) if reference.statistics else ()
        yield from over_other_axes(scheme, reference.recipe)
    yield from _fixed("eps", (1e-5, 1e-3, 1e-6, 1e-8, 1e-7, 1e-4, 1e-12, 1e-10, 1e-2, 1e-1), reference)
    yield from _increased(reference)
    yield from _fixed("momentum", (0.1, 0.01, 0.9, 0.99, 0.5, 0.001, 0.999), reference)


def _increased(reference: Reference) -> Iterable[Mistake]:
    if reference.recipe is None or "eps" not in reference.settings:
        return
    given = reference.settings["eps"]
    for value in (1e-3, 1e-5, 1e-6, 1e-8):
        text = f"{value:g} is added to eps, while {given:g} was passed: PyTorch and Keras use what is passed."
        yield Mistake("eps and a constant", {"eps_value": given + value}, text)


def _fixed(setting: str, values: Iterable[float], reference: Reference) -> Iterable[Mistake]:
    given = reference.settings.get(setting)
    if given is None or (setting == "momentum" and not reference.statistics):
        return
    for value in values:
        if value != given:
            text = f"{setting} is {value:g} inside, while {given:g} was passed: PyTorch and Keras use what is passed."
            yield Mistake(f"{setting} fixed", {f"{setting}_value": value}, text)
