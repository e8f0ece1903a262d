"""The article's network in JAX, for jax_vmap.py, which runs it by the Python of an environment that has JAX and Optax.

R replicates by jax.vmap, their steps by jax.lax.scan, compiled by XLA; images and labels are resident. It is what one
would write for speed in JAX: `python jax_network.py R STEPS FOLDER` then reads a line for each round, trains so many
steps and prints the seconds. FOLDER has the unpacked files of MNIST. The first round, which compiles, is not printed.
"""

import itertools
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import jax  # type: ignore[import-not-found]
import jax.numpy as jnp  # type: ignore[import-not-found]
import numpy as np
import optax  # type: ignore[import-not-found]

WIDTHS = (784, 128, 64, 10)
BATCH, EPS, MOMENTUM = 32, 1e-5, 0.1
OPTIMIZER = optax.adam(1e-3)


def initial(key: Any) -> dict[str, Any]:
    """Weights as torch.nn.Linear draws them, without biases before the norms' beta."""
    sizes = list(itertools.pairwise(WIDTHS))
    weights = [
        jax.random.uniform(own, size, minval=-1, maxval=1) / size[0] ** 0.5
        for own, size in zip(jax.random.split(key, len(sizes)), sizes, strict=True)
    ]
    affine = [(jnp.ones(width), jnp.zeros(width)) for width in WIDTHS[1:-1]]
    return {"weights": weights, "affine": affine, "bias": jnp.zeros(WIDTHS[-1])}


def loss(parameters: dict[str, Any], running: list[Any], images: Any, labels: Any) -> tuple[Any, list[Any]]:
    x, updated = images, []
    for weight, (gamma, beta), (mean, variance) in zip(
        parameters["weights"][:-1], parameters["affine"], running, strict=True
    ):
        x = x @ weight
        m, v = x.mean(0), x.var(0)
        unbiased = v * BATCH / (BATCH - 1)
        updated.append((mean + MOMENTUM * (m - mean), variance + MOMENTUM * (unbiased - variance)))
        x = jax.nn.relu((x - m) * jax.lax.rsqrt(v + EPS) * gamma + beta)
    logits = x @ parameters["weights"][-1] + parameters["bias"]
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1).mean(), updated


def main() -> None:
    replicates, steps, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    images = jnp.asarray(np.fromfile(folder / "train-images-idx3-ubyte", np.uint8)[16:].reshape(-1, WIDTHS[0]))
    labels = jnp.asarray(np.fromfile(folder / "train-labels-idx1-ubyte", np.uint8)[8:].astype(np.int32))

    def step(state: Any, chosen: Any) -> Any:
        parameters, moments, running = state
        batch = images[chosen].astype(jnp.float32) / 255
        (value, running), gradient = jax.value_and_grad(loss, has_aux=True)(parameters, running, batch, labels[chosen])
        updates, moments = OPTIMIZER.update(gradient, moments)
        return (optax.apply_updates(parameters, updates), moments, running), value

    run = jax.jit(
        lambda state, batches: jax.lax.scan(lambda state, chosen: jax.vmap(step)(state, chosen), state, batches),
        donate_argnums=0,
    )
    parameters = jax.vmap(initial)(jax.random.split(jax.random.key(0), replicates))
    running = [(jnp.zeros((replicates, width)), jnp.ones((replicates, width))) for width in WIDTHS[1:-1]]
    state = parameters, jax.vmap(OPTIMIZER.init)(parameters), running
    order = np.random.default_rng(0)
    for number, _ in enumerate(sys.stdin):
        batches = jnp.asarray(order.integers(0, len(labels), (steps, replicates, BATCH)))
        began = perf_counter()
        state, losses = run(state, batches)
        losses.block_until_ready()
        taken = perf_counter() - began
        assert bool(jnp.isfinite(losses).all())
        if number:
            print(taken, flush=True)
        else:
            print("compiled", flush=True)


if __name__ == "__main__":
    main()
