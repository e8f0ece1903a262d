"""Checks that the C++ compiler works which PyTorch's compiler calls."""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import os
import shlex
import subprocess
import sys
import sysconfig

from bnlab.errors import UserError, shown

SECONDS_OF_TRIAL = 60
HOW_TO_INSTALL = "Debian and Ubuntu: apt install g++ python3-dev"


def check(option: str, without: str) -> None:
    """Raises UserError if no compiler works here.

    Args:
        option: the setting that asks for compiling, for the message.
        without: what to write to train without it.
    """
    found = fault()
    if found is not None:
        raise UserError(f"{option} {found}, or use {without}")


def fault() -> str | None:
    """What is missing to compile, and how to install it; None if a C++ file that includes Python.h compiles.

    PyTorch takes the compiler in the environment variable CXX, by default g++ (clang++ on macOS).
    """
    name = os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")
    return _fault(name, os.environ.get("PATH", ""))


@functools.cache
def _fault(name: str, path: str) -> str | None:
    """Cached, since a try takes some tenths of a second."""
    command = [*shlex.split(name), f"-I{sysconfig.get_path('include')}", "-fsyntax-only", "-x", "c++", "-"]
    try:
        done = subprocess.run(
            command, input="#include <Python.h>\n", capture_output=True, text=True, timeout=SECONDS_OF_TRIAL
        )
    except (OSError, subprocess.TimeoutExpired):
        return f"needs a C++ compiler, and {shown(name)} cannot be run; install one ({HOW_TO_INSTALL})"
    if done.returncode == 0:
        _import_in_silence()
        return None
    if "Python.h" in done.stderr:
        return f"needs Python's header files, and there is no Python.h; install them ({HOW_TO_INSTALL})"
    said = shown(" ".join(done.stderr.split()) or f"exit code {done.returncode}")
    return f"needs a C++ compiler, and {shown(name)} cannot compile ({said}); install another ({HOW_TO_INSTALL})"


def _import_in_silence() -> None:
    """Imports a module of PyTorch's compiler that prints "No CUDA runtime is found" if there is CUDA and no GPU."""
    with contextlib.redirect_stderr(io.StringIO()):
        importlib.import_module("torch.utils.cpp_extension")
