"""How the program is found and run."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

from azwire_emulator import find_program
from azwire_emulator._options import command_line

VERSION = importlib.metadata.version("azwire-emulator")


def test_the_program_is_the_one_of_the_wheel() -> None:
    program = find_program()
    assert program.is_absolute()
    # Beside the Python of the environment, and so on its PATH.
    assert program.parent == Path(sys.executable).parent
    out = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert out.stdout == f"azwire-emulator {VERSION}\n"


def test_the_module_runs_the_program() -> None:
    module = [sys.executable, "-m", "azwire_emulator"]
    out = subprocess.run([*module, "--version"], capture_output=True, text=True, check=True)
    assert out.stdout == f"azwire-emulator {VERSION}\n"
    failed = subprocess.run([*module, "--nonsense"], capture_output=True, text=True)
    assert failed.returncode == 2
    assert "--nonsense" in failed.stderr
    command = [sys.executable, "-c", "import sys; sys.exit(7)"]
    ended = subprocess.run([*module, "exec", "--", *command], capture_output=True)
    assert ended.returncode == 7


def test_the_module_says_when_there_is_no_program(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    out = subprocess.run(
        [sys.executable, "-m", "azwire_emulator"],
        capture_output=True,
        text=True,
        env={**os.environ, "AZWIRE_EMULATOR_PROGRAM": missing},
    )
    assert out.returncode == 1
    assert missing in out.stderr
    assert "Traceback" not in out.stderr


def test_options_become_flags() -> None:
    assert command_line(
        {
            "host": ("127.0.0.1", "::1"),
            "advertise": "emulator",
            "pubsub-port": 0,
            "auto-create": True,
            "socket-io": False,
            "reply-delay": 0.02,
            "config": Path("a b.toml"),
            "journal": None,
        },
        (),
    ) == [
        "--host=127.0.0.1",
        "--host=::1",
        "--advertise=emulator",
        "--pubsub-port=0",
        "--auto-create",
        "--socket-io=false",
        "--reply-delay=0.02",
        "--config=a b.toml",
    ]


def test_a_flag_among_the_arguments_replaces_the_option() -> None:
    flags = {"free-ports": True, "reply-delay": 0.02, "exit-with-parent": True}
    for given in (["--reply-delay=0"], ["--reply-delay", "0"]):
        expected = ["--free-ports", "--exit-with-parent", *given]
        assert command_line(flags, given) == expected
