"""The charts: what marks an arm, which arms are there, and what is said of those that are not."""

import json
import re
import struct
import zlib
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vl_convert

from bnlab.norms import SCHEMES
from bnlab.report.charts import arms as chart_arms
from bnlab.report.charts import data as chart_data
from bnlab.report.charts import drawn as charts
from bnlab.report.charts import identity
from bnlab.report.charts.style import Drawing
from bnlab.report.comparison import compare, curves, frame
from bnlab.report.rendering import png

from . import stored

# Machado, Oliveira and Fernandes (2009): protanopia, deuteranopia, tritanopia, on linear RGB.
VISION = [
    np.eye(3),
    np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]),
]
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(color: str) -> Any:
    values = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb: Any) -> Any:
    x = XYZ @ np.clip(rgb, 0, 1) / np.array([0.9505, 1, 1.089])
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def drawn(root: Path, *by: str) -> dict[str, Drawing]:
    comparison = compare(frame.read([root])[0], by, "test_accuracy", None)
    read = curves.read(comparison.replicates)
    return {drawing.name: drawing for drawing in charts.draw(comparison, read.metrics, read.probed, 0.9)}


def arm(root: Path, name: str, level: float, *, seeds: int = 2, state: str = "done", **keywords: Any) -> None:
    run = stored.run(root, name, **keywords)
    for seed in range(seeds):
        replicate = stored.replicate(run, seed, level if state == "done" else None, state=state)
        stored.curves(replicate, level)


def test_a_profile_is_the_share_of_all_seeds_above_each_score(tmp_path: Path) -> None:
    """Of five seeds or more; those that diverged are above none."""
    stored.arm(tmp_path, "batch", [0.95, 0.96, 0.97, 0.98])
    stored.replicate(tmp_path / "batch-0a", 4, None, state="diverged")
    stored.arm(tmp_path, "none", [0.90, 0.92, 0.94, 0.96, 0.98])
    stored.arm(tmp_path, "rms", [0.9, 0.9])
    drawing = drawn(tmp_path)["profile-test_accuracy"]
    comparison = compare(frame.read([tmp_path])[0], (), "test_accuracy", None)
    points = chart_data.profile_points(
        chart_arms.arms(comparison), chart_data.arm_strata(comparison), comparison.metric
    )
    below = points[points["threshold"].between(90.1, 91.9)].groupby("label")["share"].unique()
    assert {str(label).split()[0]: shares.tolist() for label, shares in below.items()} == {"batch": [80], "none": [80]}
    ends = points.groupby("label")["share"].agg(["first", "last"]).to_numpy().tolist()
    assert ends == [[80, 0], [100, 0]]
    assert "not drawn: rms (under 5 seeds)" in drawing.subtitle


def scale(drawing: Drawing, channel: str) -> dict[str, str]:
    """What the entries of a legend look like."""
    found = [layer["encoding"].get(channel) for layer in drawing.specification["layer"]]
    of = next(item["scale"] for item in found if item and item.get("field") == "scheme")
    return dict(zip(of["domain"], of["range"], strict=True))


def test_every_chart_is_valid_vega_lite(tmp_path: Path) -> None:
    """Reports draw them without asking, so that it is asked here."""
    for lr in (0.001, 0.01):
        arm(tmp_path, "batch", 0.9, lr=lr, folder=f"b{lr}")
        arm(tmp_path, "none", 0.8, lr=lr, folder=f"n{lr}", state="diverged" if lr == 0.01 else "done")
    stored.add_final(tmp_path / "b0.01" / "seed-0", train_accuracy=0.95)
    found = drawn(tmp_path)
    assert {name.partition("-")[0] for name in found} == {"curves", "final", "by", "heat", "gap", "time"}
    for drawing in found.values():
        drawing.chart.to_dict(validate=True)


def test_an_arm_may_be_called_what_javascript_calls_something_else(tmp_path: Path) -> None:
    """Cause: of a scheme called constructor no report could be drawn: "Operator not defined: undefined"."""
    for name in ("constructor", "batch"):
        stored.arm(tmp_path, name, [0.9, 0.91])
    drawing = drawn(tmp_path)["final-test_accuracy"]
    assert "constructor" in vl_convert.vegalite_to_svg(drawing.specification)


def test_pictures_have_the_font_that_comes_with_the_drawing_library(tmp_path: Path) -> None:
    """Cause: a font of the machine was read anew for every letter, two thirds of the time of drawing."""
    stored.arm(tmp_path, "batch", [0.9, 0.91])
    pdf = vl_convert.vegalite_to_pdf(drawn(tmp_path)["final-test_accuracy"].specification)
    fonts = set(re.findall(rb"/BaseFont /[A-Z]+\+([^ /\n]+)", pdf))
    assert fonts == {b"LiberationSans", b"LiberationSans-Bold"}


@pytest.mark.parametrize(("rates", "texts"), [(3, 1), (40, 0)])
def test_a_heat_map_has_texts_where_they_fit(tmp_path: Path, rates: int, texts: int) -> None:
    """Cause: a heat map of 1,250 cells took 3.4 s to draw, for texts that no width would have shown."""
    for index in range(rates):
        for name in ("batch", "none"):
            arm(tmp_path, name, 0.9, lr=0.001 * (index + 1), folder=f"{name}{index}")
    layers = drawn(tmp_path)["heat-norm.name-optimizer.lr"].specification["layer"]
    assert [layer["mark"]["type"] for layer in layers].count("text") == texts


def test_every_scheme_has_an_identity_of_its_own() -> None:
    """Cause: six schemes had a colour, the others took the next free one of each report."""
    assert set(identity.SCHEMES) <= set(SCHEMES)
    found = identity.of_schemes([*SCHEMES, "custom_class", "MyNorm", "Mended"])
    assert len(set(found.values())) == len(SCHEMES) + 3
    assert found["MyNorm"] == identity.of_schemes(["MyNorm"])["MyNorm"]


def test_colors_are_told_apart_by_every_colour_vision_and_from_paper() -> None:
    for first, second in combinations(identity.COLORS, 2):
        for vision in VISION:
            distance = np.linalg.norm(lab(vision @ linear(first)) - lab(vision @ linear(second)))
            assert distance > 15, (first, second)
    assert min(1.05 / ((XYZ @ linear(color))[1] + 0.05) for color in identity.COLORS) > 2.3


def dark(color: str) -> str:
    """What CSS makes of it in report.html where a reader prefers dark: invert(.9) hue-rotate(180deg)."""
    turned = np.array([[-0.574, 1.430, 0.144], [0.426, 0.430, 0.144], [0.426, 1.430, -0.856]])
    inverted = np.array([0.9 - 0.8 * int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return "#" + "".join(f"{round(255 * value):02x}" for value in np.clip(turned @ inverted, 0, 1))


def test_colors_are_told_apart_in_the_dark_too() -> None:
    assert dark("#ffffff") == "#191919"
    for first, second in combinations(map(dark, identity.COLORS), 2):
        for vision in VISION:
            assert np.linalg.norm(lab(vision @ linear(first)) - lab(vision @ linear(second))) > 10, (first, second)
    paper = (XYZ @ linear(dark("#ffffff")))[1] + 0.05
    assert min(((XYZ @ linear(dark(color)))[1] + 0.05) / paper for color in identity.COLORS) > 2.3


def test_a_scheme_looks_the_same_in_every_report(tmp_path: Path) -> None:
    for level, name in ((0.9, "frn"), (0.8, "dyt"), (0.7, "derf")):
        arm(tmp_path / "a", name, level)
    for level, name in ((0.9, "derf"), (0.8, "weight_norm"), (0.7, "frn")):
        arm(tmp_path / "b", name, level)
    one, other = (drawn(tmp_path / name)["final-test_accuracy"] for name in "ab")
    for channel in ("color", "shape"):
        assert scale(one, channel)["frn"] == scale(other, channel)["frn"]
    marks = {
        name: (scale(other, "color")[name], scale(other, "shape")[name]) for name in ("derf", "weight_norm", "frn")
    }
    assert len(set(marks.values())) == 3


def test_arms_that_no_scheme_tells_apart_do_not_share_a_look(tmp_path: Path) -> None:
    """Cause: the seventh arm had the colour of the first. More than can be told apart are all alike instead."""
    for i in range(20):
        arm(tmp_path, "batch", 0.9 - 0.01 * i, lr=round(0.001 * (i + 1), 3), folder=f"run-{i}")
    found = drawn(tmp_path)
    lines = found["curves-test_accuracy"]
    looks = list(zip(scale(lines, "color").values(), scale(lines, "shape").values(), strict=True))
    assert len(looks) == len(set(looks)) == 16
    assert lines.subtitle == "the best 16 of 20 arms"
    assert set(scale(found["final-test_accuracy"], "color").values()) == {identity.ALIKE.color}


def test_the_best_arm_of_each_scheme_has_a_curve_and_lines_are_whole(tmp_path: Path) -> None:
    """Cause: the best 60 arms were taken first, among which the worst scheme and the ends of lines were not."""
    rates = [round(0.001 * 1.2**i, 5) for i in range(33)]
    for name, level in (("batch", 0.98), ("none", 0.5)):
        for i, lr in enumerate(rates):
            arm(tmp_path, name, level - 0.001 * i, lr=lr, folder=f"{name}-{i}", seeds=1)
    found = drawn(tmp_path)
    assert set(scale(found["curves-test_accuracy"], "color")) == {"batch", "none"}
    assert found["curves-test_accuracy"].subtitle == "the best of each scheme, 2 of 66 arms"
    points = [value for rows in found["by-optimizer.lr"].specification["datasets"].values() for value in rows]
    assert {(point["scheme"], point["setting"]) for point in points} == {
        (n, r) for n in ("batch", "none") for r in rates
    }
    assert "60 of 66 arms" in found["final-test_accuracy"].subtitle


def test_lines_against_a_setting_do_not_share_a_look(tmp_path: Path) -> None:
    """Cause: of more lines than can be told apart all were alike, and so were the sixteen that are shown."""
    for i in range(20):
        for epochs in (2, 3):
            lr = round(0.001 * (i + 1), 3)
            arm(tmp_path, "batch", 0.9 - 0.01 * i, folder=f"run-{i}-{epochs}", lr=lr, epochs=epochs)
    found = drawn(tmp_path, "optimizer.lr", "epochs")["by-epochs"]
    looks = set(zip(scale(found, "color").values(), scale(found, "shape").values(), strict=True))
    assert len(looks) == 16
    assert found.subtitle == "the best 16 of 20 lines"


def test_a_diverged_arm_is_named_in_every_chart(tmp_path: Path) -> None:
    """Cause: an arm without a mean was in no chart, and the axis of its setting ended before it."""
    for name in ("batch", "none"):
        arm(tmp_path, name, 0.9, lr=0.01, folder=f"{name}-a")
    arm(tmp_path, "none", 0.1, lr=10, folder="none-b", state="diverged")
    found = drawn(tmp_path)
    assert found["curves-test_accuracy"].subtitle == "not drawn: none, lr 10 (diverged)"
    assert found["by-optimizer.lr"].subtitle == "cross at the bottom: diverged"
    for name in ("final-test_accuracy", "by-optimizer.lr", "heat-norm.name-optimizer.lr"):
        assert '"diverged"' in json.dumps(found[name].specification["datasets"]), name
    assert any(
        row.get("setting") == 10 for rows in found["by-optimizer.lr"].specification["datasets"].values() for row in rows
    )


def test_bands_stay_within_what_an_accuracy_can_be(tmp_path: Path) -> None:
    """Cause: t intervals of two replicates reach beyond 0 to 100 %."""
    run = stored.run(tmp_path, "batch")
    for seed, level in enumerate((0.6, 0.99)):
        stored.curves(stored.replicate(run, seed, level), level)
    found = drawn(tmp_path)
    rows = [row for drawing in found.values() for data in drawing.specification["datasets"].values() for row in data]
    ends = [row[name] for row in rows for name in ("low", "high") if row.get(name) is not None]
    assert ends
    assert min(ends) >= 0
    assert max(ends) <= 100


@pytest.mark.parametrize("name", ["gap", "final-test_accuracy", "time-to-target"])
def test_no_chart_is_taller_than_a_screen_or_two(tmp_path: Path, name: str) -> None:
    """Cause: 60 arms of 44 pixels, drawn twice as large."""
    for i in range(61):
        arm(tmp_path, "batch", 0.9, lr=round(0.001 * (i + 1), 3), folder=f"run-{i}", seeds=1)
        stored.add_final(tmp_path / f"run-{i}" / "seed-0", train_accuracy=0.99)
    assert drawn(tmp_path)[name].specification["height"] <= 1200


def test_epochs_and_axes_have_ticks_at_whole_numbers(tmp_path: Path) -> None:
    """Cause: ticks at 1.5 and 2.5; time to the target began below 0."""
    arm(tmp_path, "batch", 0.95)
    found = drawn(tmp_path)
    (axis,) = {
        json.dumps(la["encoding"]["x"]["axis"]["values"]) for la in found["curves-test_accuracy"].specification["layer"]
    }
    assert axis == "[1, 2, 3]"
    assert found["time-to-target"].specification["layer"][0]["encoding"]["x"]["scale"]["domainMin"] == 0


def test_replicates_at_one_step_are_one_point_in_the_middle_of_the_row(tmp_path: Path) -> None:
    """Cause: a dot each, one over the other, and a single one off the middle."""
    arm(tmp_path, "batch", 0.95, seeds=8)
    (rows,) = drawn(tmp_path)["time-to-target"].specification["datasets"].values()
    assert [(row["replicates"], row["offset"]) for row in rows] == [(8, 0.0)]


def test_the_time_to_a_target_has_ticks_at_whole_numbers(tmp_path: Path) -> None:
    """Cause: three epochs had ticks at 0.5, 1.5 and 2.5, at which nothing is evaluated."""
    arm(tmp_path, "batch", 0.95, seeds=2)
    dots = drawn(tmp_path)["time-to-target"].specification["layer"][0]
    assert dots["encoding"]["x"]["axis"]["tickMinStep"] == 1


def test_arms_are_named_in_words(tmp_path: Path) -> None:
    """Cause: legends had raw keys, 'lr=0.001369'."""
    for name in ("batch", "none"):
        for lr in (0.001369, 0.01):
            arm(tmp_path, name, 0.9, lr=lr, folder=f"{name}-{lr}")
    comparison = compare(frame.read([tmp_path])[0], [], "test_accuracy", None)
    assert set(chart_arms.arms(comparison)["label"]) >= {"batch, lr 0.00137", "none, lr 0.01"}


def test_a_packed_picture_is_the_same_one() -> None:
    """Cause: the drawing library packs loosely; a chart for a page was 170 kB."""
    pixels = b"\0" + b"\x10\x20\x30" * 40
    head = struct.pack(">IIBBBBB", 40, 1, 8, 2, 0, 0, 0)
    stream = zlib.compress(pixels, 0)
    parts = [(b"IHDR", head), (b"IDAT", stream[:50]), (b"IDAT", stream[50:]), (b"IEND", b"")]
    loose = b"\x89PNG\r\n\x1a\n" + b"".join(png._chunk(*part) for part in parts)
    packed = dict(png._chunks(png.packed(loose)))
    assert packed[b"IHDR"] == head
    assert zlib.decompress(packed[b"IDAT"]) == pixels
    assert list(packed) == [b"IHDR", b"IDAT", b"IEND"]
    assert len(png.packed(loose)) < len(loose)


@pytest.mark.slow
def test_a_report_of_sixty_arms_is_a_small_file(tmp_path: Path) -> None:
    from .test_report import make

    for i in range(60):
        arm(tmp_path / "runs", ("batch", "none")[i % 2], 0.9, lr=round(0.001 * (i + 1), 3), folder=f"run-{i}", seeds=2)
    made, _ = make(tmp_path / "runs", output=tmp_path / "out")
    (page,) = [file for file in made.files if file.name == "report.html"]
    assert page.stat().st_size < 3_000_000
    pictures = [file for file in made.files if file.suffix == ".png"]
    assert all(struct.unpack(">I", file.read_bytes()[16:20]) == (1200,) for file in pictures)
