"""No emulator is left behind, however the process that started it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import IO, Iterator, List, Optional, Set

import pytest
from ends import Watch

from azwire_emulator import Emulator, EmulatorError

FIRST = "import os, signal, sys\nfrom azwire_emulator import Emulator\n"
START = FIRST + "emulator = Emulator().start()\nprint(emulator.pid, flush=True)\n"


@pytest.fixture
def worker() -> Iterator[Workers]:
    workers = Workers()
    yield workers
    workers.end()


class Workers:
    """Processes that start an emulator and print its id."""

    def __init__(self) -> None:
        self._all: List[subprocess.Popen[str]] = []

    def run(self, code: str) -> subprocess.Popen[str]:
        worker = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._all.append(worker)
        return worker

    def end(self) -> None:
        for worker in self._all:
            with worker:
                worker.kill()


def number(stream: Optional[IO[str]]) -> int:
    assert stream is not None
    return int(stream.readline())


def test_a_killed_worker_takes_its_emulator_along(worker: Workers) -> None:
    process = worker.run(START + "signal.pause()")
    with Watch(number(process.stdout)) as emulator:
        assert not emulator.has_ended(within=0)
        process.kill()
        assert emulator.has_ended(within=20)


def test_a_killed_worker_takes_its_emulator_along_although_a_forked_child_lives(
    worker: Workers,
) -> None:
    # As after multiprocessing with the method `fork`: the child goes on when its parent is killed.
    process = worker.run(
        START + "child = os.fork()\n"
        "if child == 0:\n"
        "    print(os.getpid(), flush=True)\n"
        "    sys.stdin.read()\n"
        "    os._exit(0)\n"
        "signal.pause()"
    )
    emulator_id, child_id = number(process.stdout), number(process.stdout)
    with Watch(emulator_id) as emulator, Watch(child_id) as child:
        pipe = os.readlink(f"/proc/{emulator_id}/fd/0")
        assert pipe in descriptors(process.pid)
        assert pipe not in descriptors(child_id)
        process.kill()
        assert emulator.has_ended(within=20)
        assert not child.has_ended(within=0)
        assert process.stdin is not None
        process.stdin.close()
        assert child.has_ended(within=20)


def test_another_program_of_the_worker_does_not_hold_the_pipe() -> None:
    with Emulator() as emulator:
        pipe = os.readlink(f"/proc/{emulator.pid}/fd/0")
        other = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]
        with subprocess.Popen(
            other, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            assert pipe not in descriptors(process.pid)
            process.communicate()


def descriptors(pid: int) -> Set[str]:
    folder = f"/proc/{pid}/fd"
    return {os.readlink(f"{folder}/{name}") for name in os.listdir(folder)}


# Since 3.12 Python warns of what is tried here.
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_can_use_the_emulator_and_does_not_end_it() -> None:
    with Emulator() as emulator:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                emulator.clock.hold()
                emulator.stop()
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        assert os.WEXITSTATUS(status) == 0
        assert emulator.clock.state().is_held


@pytest.mark.parametrize(
    "end",
    [
        "sys.exit(0)",
        "os._exit(0)",
        "os.abort()",
        "raise RuntimeError",
        "os.kill(os.getpid(), signal.SIGTERM)",
        "del emulator",
        "import gc; del emulator; gc.collect(); print(flush=True); signal.pause()",
    ],
)
def test_a_worker_that_does_not_stop_it_takes_it_along(worker: Workers, end: str) -> None:
    process = worker.run(START + f"sys.stdin.readline()\n{end}")
    with Watch(number(process.stdout)) as emulator:
        assert not emulator.has_ended(within=0)
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        assert emulator.has_ended(within=20)


def test_a_control_c_while_it_runs_leaves_it_to_the_worker(worker: Workers) -> None:
    # A terminal sends the signal to its whole group, and tests may still use the emulator then.
    process = worker.run(
        FIRST + "with Emulator() as emulator:\n"
        "    try:\n"
        "        print(emulator.pid, flush=True)\n"
        # Not `pause`, which would miss a signal that comes before it: this ends with its input, too.
        "        sys.stdin.read()\n"
        "    except KeyboardInterrupt:\n"
        "        emulator.reset()\n"
        "        print(os.getpgid(emulator.pid) != os.getpgid(0), flush=True)\n"
    )
    with Watch(number(process.stdout)) as emulator:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
        assert out == "True\n"
        assert emulator.has_ended(within=20)


def test_an_error_in_the_body_ends_it() -> None:
    emulator = Emulator()
    with pytest.raises(ZeroDivisionError), emulator:
        pid = emulator.pid
        raise ZeroDivisionError
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_error_after_a_crash_has_what_the_program_said() -> None:
    with Emulator(environment={"RUST_LOG": "azwire_emulator=info"}) as emulator:
        emulator.reset()
        with Watch(emulator.pid) as watch:
            os.kill(emulator.pid, signal.SIGKILL)
            assert watch.has_ended(within=20)
        with pytest.raises(EmulatorError, match="was ended by signal 9; it said:") as error:
            emulator.reset()
        assert "the emulator was reset" in error.value.log
        with pytest.raises(EmulatorError, match="was ended by signal 9"):
            emulator.journal(wait=10)
