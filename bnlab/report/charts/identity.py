"""Colours and shapes of arms: a scheme has the same ones in all charts of all reports.

The colours are those of Okabe and Ito (2008), without their yellow, which is too pale for lines, and with a darker
orange and vermillion, and with wine added. With every kind of colour vision any two differ by at least 15 in CIELAB.
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
    """The look of an arm.

    Attributes:
        color: of its lines and points, "#rrggbb".
        shape: of its points, Vega's name of a shape.
    """

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
# For schemes that SCHEMES lacks: a new scheme, and a user's own norm (`custom_class`, or the class's name).
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
    """The identity of each scheme; for one that SCHEMES lacks, from OWN by a hash of its name, or the next free one."""
    found = {name: SCHEMES[name] for name in names if name in SCHEMES}
    for name in sorted(set(names) - set(SCHEMES)):
        start = zlib.crc32(name.encode()) % len(OWN)
        free = [own for own in OWN[start:] + OWN[:start] if own not in found.values()]
        found[name] = free[0] if free else ALIKE
    return found


def of_arms(names: Sequence[str]) -> dict[str, Identity]:
    """Identities for arms that do not differ by scheme; all the same if there are more arms than identities."""
    names = list(dict.fromkeys(names))
    return dict(zip(names, ARMS if len(names) <= len(ARMS) else [ALIKE] * len(names), strict=False))
