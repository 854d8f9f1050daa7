"""``python -m azwire_emulator``: the program, where it is not on the PATH."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import NoReturn

from . import EmulatorError, find_program


def main() -> NoReturn:
    """Runs the program in place of this one, with the same arguments."""
    try:
        program = str(find_program())
    except EmulatorError as error:
        sys.exit(f"azwire_emulator: {error}")
    command = [program, *sys.argv[1:]]
    try:
        if os.name != "nt":
            os.execv(command[0], command)
        # Windows has no exec: its equal returns to the shell at once.
        sys.exit(subprocess.call(command))
    except OSError as error:
        sys.exit(f"azwire_emulator: {program} could not be started: {error.strerror}")
    except KeyboardInterrupt:
        # The program had the same Control-C, and has ended by it.
        sys.exit(130)


if __name__ == "__main__":
    main()
