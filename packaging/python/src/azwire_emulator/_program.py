"""Where the program is."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sysconfig
from pathlib import Path
from typing import Iterator

from ._error import EmulatorError

NAME = "azwire-emulator"
FILE = NAME + (".exe" if os.name == "nt" else "")


def find_program() -> Path:
    """Returns the path of the program that this package was installed with.

    The variable ``AZWIRE_EMULATOR_PROGRAM`` names another. If there is none, as when only the
    Python files are on the path, it is the ``azwire-emulator`` that a shell would start.

    Raises:
        EmulatorError: There is no such program.
    """
    named = os.environ.get("AZWIRE_EMULATOR_PROGRAM")
    if named:
        return Path(named)
    for path in _candidates():
        if path.is_file():
            return path
    found = shutil.which(NAME)
    if found is None:
        raise EmulatorError(f"there is no {FILE}, neither with this package nor on the PATH")
    return Path(found)


def _candidates() -> Iterator[Path]:
    # What pip has noted down is right for environments, for --user and for other schemes.
    try:
        files = importlib.metadata.files(NAME) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == FILE:
            yield Path(os.path.abspath(str(file.locate())))
    # `pip install --target` moves the program without noting it down.
    yield Path(__file__).absolute().parent.parent / "bin" / FILE
    yield Path(sysconfig.get_path("scripts")) / FILE
