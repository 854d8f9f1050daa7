"""What a wheel has besides Python files: the version of the workspace, the program, and its platform.

`cargo xtask package python` gives them in variables, so that the wheel has the program that was built once
for all packages. Without them, as in `pip install` of this folder, cargo builds the program.
"""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NAME = "azwire-emulator"
WORKSPACE = Path(__file__).absolute().parent.parent.parent


def version() -> str:
    """Returns the version of the workspace."""
    given = os.environ.get("AZWIRE_WHEEL_VERSION")
    if given:
        return given
    manifest = (WORKSPACE / "Cargo.toml").read_text(encoding="utf-8")
    found = re.search(r'^version = "([^"]+)"$', manifest, re.MULTILINE)
    if found is None:
        raise ValueError("Cargo.toml has no version")
    return found[1]


class ProgramHook(BuildHookInterface[Any]):
    """Puts the program where the scripts of an environment are."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the program and the tag of its platform."""
        if version == "editable":
            return
        program = os.environ.get("AZWIRE_WHEEL_PROGRAM")
        platform = os.environ.get("AZWIRE_WHEEL_PLATFORM")
        if program is None:
            program = self._build()
            platform = sysconfig.get_platform()
        if platform is None:
            raise ValueError("AZWIRE_WHEEL_PROGRAM needs AZWIRE_WHEEL_PLATFORM, such as win_amd64")
        name = NAME + (".exe" if platform.startswith("win") else "")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{re.sub('[-]', '_', platform)}"
        build_data["shared_scripts"][program] = name

    def _build(self) -> str:
        target = os.environ.get("CARGO_TARGET_DIR", str(WORKSPACE / "target"))
        command = [
            "cargo",
            "build",
            "--locked",
            "--profile",
            "dist",
            "--package",
            NAME,
            "--bin",
            NAME,
        ]
        self.app.display_info(f"building {NAME} with cargo")
        try:
            subprocess.run(command, cwd=WORKSPACE, check=True)
        except FileNotFoundError as error:
            raise RuntimeError("building the program needs cargo: https://rustup.rs") from error
        return str(Path(target, "dist", NAME + (".exe" if os.name == "nt" else "")))
