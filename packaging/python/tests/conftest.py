"""Runs with the wheel installed: `cargo xtask guides`, or pytest in an environment that has it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Callable

import pytest

pytest_plugins = ["pytester"]

MakeProgram = Callable[[str], Path]


@pytest.fixture
def make_program(tmp_path: Path) -> MakeProgram:
    """Makes a program that is started in place of the emulator, from lines of Python."""
    if os.name == "nt":
        pytest.skip("a script is no program on Windows")

    def make(lines: str) -> Path:
        path = tmp_path / "program"
        path.write_text(f"#!{sys.executable}\n{lines}\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    return make
