"""The references against the other, older reference of tests/norms: plain loops, and gradients by the full Jacobian."""

import numpy as np
import pytest

from bnlab.verification.checks import measures
from bnlab.verification.reference import KNOWN
from bnlab.verification.reference.layers import CHANNELS, SHAPES, ReferenceLayer, ReferenceNew, drawn
from bnlab.verification.reference.reference import REFERENCES, Array, gradient
from tests.norms import reference as older

CASES = [
    (scheme, ndim)
    for scheme in ("batch", "layer", "group", "instance", "rms")
    for ndim in SHAPES
    if (scheme, ndim) != ("instance", 2)
]


def layer(scheme: str) -> ReferenceLayer:
    return ReferenceLayer(REFERENCES[scheme], "float64", draw=True)


def groups(scheme: str) -> int:
    return int(REFERENCES[scheme].settings.get("num_groups", 1))


def close(actual: Array, expected: Array) -> None:
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-13 * np.abs(expected).max())


@pytest.mark.parametrize(("scheme", "ndim"), CASES)
def test_output(scheme: str, ndim: int) -> None:
    x, parameters = measures.draw(ndim), drawn(REFERENCES[scheme])
    x_hat = older.standardize(scheme, x, 1e-3, groups(scheme))
    gamma, beta = parameters["weight"], parameters.get("bias", np.zeros(CHANNELS))
    expected = older.per_channel(gamma, ndim) * x_hat + older.per_channel(beta, ndim)
    close(layer(scheme).forward(x, training=True), expected)


@pytest.mark.parametrize(("scheme", "ndim"), CASES)
def test_gradients(scheme: str, ndim: int) -> None:
    x, g = measures.draw(ndim), measures.draw(ndim, seed=9)
    found = layer(scheme).gradients(x, g)
    h = np.asarray(g * older.per_channel(drawn(REFERENCES[scheme])["weight"], ndim))
    close(found["input"], older.input_gradient(scheme, x, h, 1e-3, groups(scheme)))
    x_hat = older.standardize(scheme, x, 1e-3, groups(scheme))
    close(found["weight"], older.channel_sums(g * x_hat))
    if "bias" in found:
        close(found["bias"], older.channel_sums(g))


@pytest.mark.parametrize("ndim", SHAPES)
def test_running_statistics_and_evaluation(ndim: int) -> None:
    batch = layer("batch")
    batches = [measures.draw(ndim, seed) for seed in range(4)]
    for values in batches:
        batch.forward(values, training=True)
    mean, var = older.running_statistics("batch", batches, 0.3)
    close(batch.statistics()["running_mean"], mean)
    close(batch.statistics()["running_var"], var)
    x, parameters = measures.draw(ndim, seed=8), drawn(REFERENCES["batch"])
    x_hat = (x - older.per_channel(mean, ndim)) / np.sqrt(older.per_channel(var, ndim) + 1e-3)
    gamma, beta = (older.per_channel(parameters[name], ndim) for name in ("weight", "bias"))
    close(batch.forward(x, training=False), gamma * x_hat + beta)
    close(batch.statistics()["running_var"], var)


def test_the_complex_step_is_exact() -> None:
    at, g = np.array([0.3, 2.0]), np.array([1.0, -2.0])
    # of a² b − 2 sin(b)
    expected = np.array([2 * 0.3 * 2.0, 0.3**2 - 2 * np.cos(2.0)])
    close(gradient(lambda v: np.array([v[0] ** 2 * v[1], np.sin(v[1])]), at, g), expected)


def test_every_scheme_has_a_reference() -> None:
    assert set(REFERENCES) == set(KNOWN)


# The statistics of batch renormalization and online normalization do not follow a change at once; bounded functions and
# EvoNorm's gate saturate at the sizes used there.
NOT_SO = {"batch_renorm", "online", "dyt", "derf", "bounded", "evonorm_s0"}


@pytest.mark.parametrize("scheme", sorted(set(REFERENCES) - NOT_SO))
def test_invariances_are_those_of_the_table(scheme: str) -> None:
    ndim = 4 if KNOWN[scheme].spatial_only else 2
    kept = measures.invariances(ReferenceNew(REFERENCES[scheme]), ndim)
    assert " ".join("Y" if same else "N" for same in kept.values()) == KNOWN[scheme].invariances
