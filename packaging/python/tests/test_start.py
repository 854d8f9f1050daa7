"""Starts that fail: what is said, how long it takes, and that nothing stays behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict

import pytest
from conftest import MakeProgram

from azwire_emulator import Emulator, EmulatorError, find_program


def refused(**options: Any) -> EmulatorError:
    """Returns the error of a start, which must come long before the time limit."""
    started = time.monotonic()
    emulator = Emulator(**options)
    with pytest.raises(EmulatorError) as error:
        emulator.start()
    assert time.monotonic() - started < 20
    with pytest.raises(EmulatorError, match="does not run"):
        _ = emulator.pid
    return error.value


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        error = refused(pubsub_port=port, host="127.0.0.1")
    assert "ended with exit code" in str(error)
    assert str(port) in str(error)
    assert str(port) in error.log


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"arguments": ["--no-such-flag"]}, "--no-such-flag"),
        ({"host": "nowhere"}, "invalid value 'nowhere' for '--host"),
        ({"hybrid_connection": ["a", ""]}, "--hybrid-connection"),
        ({"config": "no-such-file.toml"}, "no-such-file.toml"),
        ({"environment": {"AZWIRE_EMULATOR_NONSENSE": "1"}}, "AZWIRE_EMULATOR_NONSENSE"),
    ],
)
def test_a_wrong_setting_is_named(options: Dict[str, Any], said: str) -> None:
    error = refused(**options)
    assert "ended with exit code 2 before it was ready; it said:" in str(error)
    assert said in str(error)


def test_arguments_are_a_list() -> None:
    with pytest.raises(TypeError, match="give a list of arguments"):
        Emulator(arguments="--auto-create")


def test_a_program_that_is_missing_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    error = refused(program=missing)
    assert f"{missing} could not be started" in str(error)


def test_the_variable_names_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = tmp_path / "missing"
    monkeypatch.setenv("AZWIRE_EMULATOR_PROGRAM", str(missing))
    assert find_program() == missing
    assert f"{missing} could not be started" in str(refused())


def test_a_program_that_cannot_be_run_is_named(make_program: MakeProgram) -> None:
    program = make_program("")
    program.chmod(0o644)
    assert f"{program} could not be started: Permission denied" in str(refused(program=program))


def test_a_program_that_is_never_ready_is_ended(make_program: MakeProgram) -> None:
    program = make_program(
        "import os, signal, sys\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('pid', os.getpid(), 'waits for something', file=sys.stderr, flush=True)\n"
        "signal.pause()"
    )
    # So long that the line is there on a busy machine.
    error = refused(program=program, timeout=3)
    assert "was not ready within 3 s; it said:\npid " in str(error)
    assert "waits for something" in error.log
    # It has been waited for, so it is not even a zombie.
    with pytest.raises(ProcessLookupError):
        os.kill(int(error.log.split()[1]), 0)


def test_a_signal_that_ends_the_program_is_named(make_program: MakeProgram) -> None:
    program = make_program("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    assert "was ended by signal 9 before it was ready; it said nothing" in str(
        refused(program=program)
    )


def test_a_program_that_prints_something_else_is_none(make_program: MakeProgram) -> None:
    for line in ("hello", "[]", "{}", '{"control": 1}'):
        program = make_program(f"print({line!r})")
        error = refused(program=program)
        assert f"printed no ready line, but {line!r}" in str(error)


def test_a_line_without_end_is_not_collected(make_program: MakeProgram) -> None:
    program = make_program("import sys\nwhile True: sys.stdout.write('x' * 65536)")
    assert "before it was ready" in str(refused(program=program))


def test_what_a_talkative_program_says_does_not_block_it_and_is_bounded(
    make_program: MakeProgram,
) -> None:
    program = make_program(
        "import sys\n"
        "for number in range(100_000): print('line', number, file=sys.stderr)\n"
        "sys.exit(3)"
    )
    error = refused(program=program)
    assert "ended with exit code 3" in str(error)
    assert error.log.endswith("line 99999\n")
    assert len(error.log) <= 64 * 1024
    assert len(str(error)) < 9 * 1024


def test_a_control_c_during_the_start_ends_the_program(make_program: MakeProgram) -> None:
    program = make_program(
        "import os, signal, sys\n"
        "sys.stdout = os.fdopen(int(os.environ['REPORT']), 'w')\n"
        "print(os.getpid(), os.getppid(), flush=True)\n"
        "signal.pause()"
    )
    # The fake program reports to this process when it runs, past the process that starts it.
    code = (
        "import os, subprocess, sys\n"
        "from azwire_emulator import Emulator, _process\n"
        "popen = subprocess.Popen\n"
        "report = int(sys.argv[2])\n"
        "_process.subprocess.Popen = lambda *a, **k: popen(*a, pass_fds=[report], **k)\n"
        "with Emulator(program=sys.argv[1], environment={'REPORT': str(report)}): pass\n"
    )
    reader, writer = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-c", code, program, str(writer)],
        pass_fds=[writer],
        stderr=subprocess.PIPE,
        text=True,
    ) as starter:
        os.close(writer)
        with os.fdopen(reader) as report:
            pid, parent = map(int, report.readline().split())
            assert parent == starter.pid
            starter.send_signal(signal.SIGINT)
            # The end of the fake program closes the report, unless it is left behind.
            _, errors = starter.communicate(timeout=20)
            assert "KeyboardInterrupt" in errors
            assert report.read() == ""
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
