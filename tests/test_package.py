"""What `pip install .` gives a user: a wheel with all that a run needs, used away from the checkout."""

import email
import importlib.util
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conftest import QUICK, environment, files_below

pytestmark = pytest.mark.slow
CHECKOUT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # Without isolation nothing is fetched, where the build backend is there already.
    offline = ["--no-build-isolation"] if importlib.util.find_spec("hatchling") else []
    run([sys.executable, "-m", "pip", "wheel", str(CHECKOUT), "--no-deps", *offline, "-w", str(folder)], folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin/ folder of an environment with the wheel, which borrows the dependencies of this one."""
    root = tmp_path_factory.mktemp("environment")
    venv.create(root, with_pip=False)
    binaries = root / ("Scripts" if os.name == "nt" else "bin")
    site_packages = Path(sysconfig.get_path("purelib", vars={"base": str(root), "platbase": str(root)}))
    # Only the folder is added: .pth files in it, such as those of an editable bnlab, are not followed.
    (site_packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = str(binaries / "python")
    run([sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", str(wheel)], root)
    return binaries


def run(command: list[str], folder: Path) -> str:
    variables = {name: value for name, value in environment().items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_all_that_a_run_needs(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    conf = {f"bnlab/conf/{path.relative_to(CHECKOUT / 'conf')}" for path in CHECKOUT.glob("conf/**/*.yaml")}
    plugins = {f"hydra_plugins/{path.name}" for path in CHECKOUT.glob("hydra_plugins/*.py")}
    mnist = {f"bnlab/data/mnist/{path.name}" for path in CHECKOUT.glob("bnlab/data/mnist/*")}
    code = {str(path.relative_to(CHECKOUT)) for path in CHECKOUT.glob("bnlab/**/*.py")}
    assert len([name for name in mnist if name.endswith(".gz")]) == 4
    assert {"bnlab/conf/config.yaml", "bnlab/data/mnist/SHA256SUMS", "bnlab/py.typed"} <= names
    assert (conf | plugins | mnist | code) - names == set()
    # A file there would hide every other plugin of Hydra.
    assert "hydra_plugins/__init__.py" not in names


def test_installing_it_pulls_no_extra(wheel: Path) -> None:
    """By the wheel's own metadata: what only an extra names stands behind its marker."""
    (name,) = (each for each in zipfile.ZipFile(wheel).namelist() if each.endswith(".dist-info/METADATA"))
    metadata = email.message_from_bytes(zipfile.ZipFile(wheel).read(name))
    lines = metadata.get_all("Requires-Dist", [])
    pulled = {named(line) for line in lines if "extra ==" not in line}
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert pulled == set(map(named, project["dependencies"]))
    extras = project["optional-dependencies"]
    only_of_extras = {named(line) for own in extras.values() for line in own} - {"bnlab"}
    assert len(only_of_extras) > 8
    assert pulled & only_of_extras == set()
    assert set(metadata.get_all("Provides-Extra", [])) == extras.keys()


def named(requirement: str) -> str:
    """The library of a requirement."""
    return re.split(r"[^\w-]", requirement, maxsplit=1)[0].lower()


def test_what_is_to_be_published_is_whole(tmp_path: Path) -> None:
    """`python -m build` makes both files, from which the index makes a page, and the wheel of the sdist is the same."""
    for module in ("build", "twine", "hatchling"):
        pytest.importorskip(module)
    run([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(CHECKOUT)], tmp_path)
    sdist, built = sorted(tmp_path.iterdir(), key=lambda path: path.suffix)
    assert [path.suffix for path in (sdist, built)] == [".gz", ".whl"]
    assert "FAILED" not in run([sys.executable, "-m", "twine", "check", "--strict", str(sdist), str(built)], tmp_path)
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"CITATION.cff", "LICENSE", "README.md", "pyproject.toml", "conf/config.yaml"} <= names
    assert not [name for name in names if name.startswith("runs/")]


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"bnlab", "hydra_plugins"}
    assert not [name for name in names if "__pycache__" in name]
    assert sum(info.compress_size for info in zipfile.ZipFile(wheel).infolist()) < 15e6
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_an_installed_bnlab_trains_from_any_folder(installed: Path, tmp_path: Path) -> None:
    show = "import bnlab, bnlab.config; print(bnlab.__file__); print(bnlab.config.CONF)"
    code, conf = run([str(installed / "python"), "-c", show], tmp_path).split()
    assert Path(code).is_relative_to(installed.parent)
    assert Path(conf) == Path(code).parent / "conf"

    out = run([str(installed / "bnlab"), "train", *QUICK, "experiment=article_pytorch", "epochs=1"], tmp_path)
    assert "batch statistics" in out
    names = {Path(name).name for name in files_below(tmp_path)}
    assert {"config.yaml", "result.json", "metrics.csv", "timing.csv", "run.log"} <= names

    run([str(installed / "bnlab"), "train", "-m", *QUICK, "norm=none,layer", "--quiet"], tmp_path)
    assert "layer" in run([str(installed / "bnlab"), "report", "--by", "norm.name"], tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"runs"}
