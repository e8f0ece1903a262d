"""Schemes that a class can be compared with, but that bnlab cannot train."""

from __future__ import annotations

from collections import ChainMap

from bnlab.norms import SCHEMES, NormConfig, Scheme

BEYOND = {
    scheme.name: scheme
    for scheme in (
        Scheme(
            name="scale_norm",
            settings=NormConfig,
            title="Scale normalization",
            formula="y = g x / max(‖x‖, ε)",
            normalizes_over="the features of each sample; no mean is taken off",
            source="Nguyen & Salazar 2019, arXiv 1910.05895",
            when_to_use="transformers, in place of layer normalization.",
            invariances="Y N N Y N Y",
            shift=False,
            impls=(),
        ),
        Scheme(
            name="evonorm_s0",
            settings=NormConfig,
            title="EvoNorm-S0",
            formula="y = γ x sigmoid(v x) / √(σ² + ε) + β, with σ² of each sample and group",
            normalizes_over="groups of channels and the spatial axes, for each sample; it is an activation too",
            source="Liu et al. 2020, arXiv 2004.02967",
            when_to_use="convolutional networks at any batch size, without an activation after it.",
            invariances="N N N N N N",
            impls=(),
        ),
        Scheme(
            name="iter_norm",
            settings=NormConfig,
            title="Iterative normalization",
            formula="x̂ = Σ^(−1/2) (x − μ), by T steps of Newton's method",
            normalizes_over="the batch and the spatial axes; channels are decorrelated",
            source="Huang et al. 2019, arXiv 1904.03441",
            when_to_use="where whitened features are wanted.",
            invariances="Y N N Y Y N",
            batch_statistics=True,
            impls=(),
        ),
        Scheme(
            name="spectral_norm",
            settings=NormConfig,
            title="Spectral normalization",
            formula="w = W / σ(W), the largest singular value",
            normalizes_over="the weights of a layer",
            source="Miyato et al. 2018, arXiv 1802.05957",
            when_to_use="discriminators, and where a layer's Lipschitz constant has to be 1.",
            invariances="Y N N N N N",
            shift=False,
            of_weights=True,
            impls=(),
        ),
    )
}
"""The schemes by name."""

KNOWN = ChainMap(BEYOND, SCHEMES)
"""All schemes that can be verified."""
