"""What marks an arm in every chart: a scheme has one colour and one shape, whatever else a report shows.

The colours are those of Okabe and Ito (2008), without their yellow, which is too pale for lines, and with a darker
orange and vermillion, and wine. Under every kind of colour vision any two of them differ by 15 in CIELAB or more.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

BLACK, BLUE, ORANGE, GREEN = "#000000", "#0072B2", "#DB9200", "#009E73"
PINK, VERMILLION, SKY, WINE = "#CC79A7", "#C84A00", "#56B4E9", "#882255"
COLORS = (BLUE, ORANGE, GREEN, PINK, VERMILLION, SKY, WINE, BLACK)


@dataclass(frozen=True)
class Identity:
    """The colour of an arm's marks, and the shape of its points, by Vega's name."""

    color: str
    shape: str


SCHEMES = {
    "none": Identity(BLACK, "circle"),
    "batch": Identity(BLUE, "circle"),
    "layer": Identity(ORANGE, "circle"),
    "group": Identity(GREEN, "circle"),
    "instance": Identity(PINK, "circle"),
    "rms": Identity(VERMILLION, "circle"),
    "dyt": Identity(SKY, "circle"),
    "weight_norm": Identity(BLUE, "square"),
    "precise_batch": Identity(ORANGE, "square"),
    "ghost_batch": Identity(GREEN, "square"),
    "switchable": Identity(PINK, "square"),
    "batch_renorm": Identity(VERMILLION, "square"),
    "frn": Identity(SKY, "square"),
    "derf": Identity(GREEN, "triangle-up"),
    "weight_standardization": Identity(ORANGE, "triangle-up"),
    "bounded": Identity(SKY, "triangle-up"),
    "scaled_weight_standardization": Identity(VERMILLION, "triangle-up"),
    "l1_batch": Identity(BLUE, "triangle-up"),
    "mean_only_batch": Identity(PINK, "triangle-up"),
    "variance_only_batch": Identity(BLUE, "diamond"),
    "eval_norm": Identity(ORANGE, "diamond"),
    "noisy_batch": Identity(GREEN, "diamond"),
    "ghost_noise": Identity(PINK, "diamond"),
    "power": Identity(VERMILLION, "diamond"),
    "online": Identity(SKY, "diamond"),
}
# What is not named there: a new scheme, and a user's own norm, `custom_class` or its class.
OWN = [
    Identity(color, shape)
    for color, shape in product(
        (WINE, BLACK), ("diamond", "triangle-up", "square", "triangle-down", "triangle-left", "triangle-right")
    )
]
ARMS = [Identity(color, shape) for shape, color in product(("circle", "square"), COLORS)]
ALIKE = Identity("#4D4D4D", "circle")
DASHES = [
    [1, 0],
    [6, 3],
    [2, 2],
    [8, 3, 2, 3],
    [12, 4],
    [4, 2, 1, 2],
    [10, 2, 2, 2, 2, 2],
    [1, 4],
    [16, 3, 6, 3],
    [5, 1],
    [12, 3, 1, 3],
    [3, 6],
]


def of_schemes(names: Sequence[str]) -> dict[str, Identity]:
    """The identity of each scheme; without a fixed one, as a user's own norm, it goes by the name, or the next."""
    found = {name: SCHEMES[name] for name in names if name in SCHEMES}
    for name in sorted(set(names) - set(SCHEMES)):
        start = zlib.crc32(name.encode()) % len(OWN)
        free = [own for own in OWN[start:] + OWN[:start] if own not in found.values()]
        found[name] = free[0] if free else ALIKE
    return found


def of_arms(names: Sequence[str]) -> dict[str, Identity]:
    """Identities of arms that no scheme tells apart; all alike if there are more than can be told apart."""
    names = list(dict.fromkeys(names))
    return dict(zip(names, ARMS if len(names) <= len(ARMS) else [ALIKE] * len(names), strict=False))
