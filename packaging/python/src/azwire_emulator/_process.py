"""The program as a child process that cannot outlive this one.

Its standard input is a pipe that only this process holds: when this process ends, however it
ends, the system closes the pipe, and the program ends (``--exit-with-parent``). So there is
nothing to do at exit, and nothing that a SIGKILL could prevent.
"""

from __future__ import annotations

import os
import queue
import subprocess
import threading
import time
import weakref
from typing import IO, Any, Dict, List, Mapping, Optional

from ._error import EmulatorError

TAIL = 64 * 1024
"""How much of standard error is kept, in bytes."""

SHOWN = 8 * 1024
"""How much of it a message shows."""

READY_LINE = 1024 * 1024
"""The longest ready line, in bytes; the usual one has 4 KiB."""

GRACE = 5.0
"""How long the program has to end by itself, in seconds; it takes milliseconds."""

DRAIN = 1.0
"""How long what it wrote last may take to be read once it has ended, in seconds."""


class Tail:
    """The last bytes of a stream."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._lock = threading.Lock()

    def add(self, chunk: bytes) -> None:
        with self._lock:
            self._bytes += chunk
            del self._bytes[:-TAIL]

    def text(self) -> str:
        with self._lock:
            return self._bytes.decode("utf-8", "replace")


class Process:
    """One run of the program."""

    def __init__(self, command: List[str], environment: Mapping[str, str]) -> None:
        """Starts it.

        Raises:
            EmulatorError: It could not be started.
        """
        options: Dict[str, Any] = {}
        if os.name == "nt":
            # Without the console of this process it gets no Control-C of its own, either.
            options["creationflags"] = getattr(subprocess, "CREATE_NO_WINDOW", 0)
        else:
            options["start_new_session"] = True
        self._tail = Tail()
        self._lines: queue.SimpleQueue[Optional[bytes]] = queue.SimpleQueue()
        self._is_ours = True
        self._stopping = threading.Lock()
        try:
            # Unbuffered: a thread that waits in a buffered reader holds a lock that the end of the
            # interpreter would need. In a session of its own, a Control-C at the terminal reaches
            # this process alone, and the tests may still use the emulator while they end.
            self._popen = subprocess.Popen(
                command,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                **options,
            )
        except OSError as error:
            problem = error.strerror or error
            raise EmulatorError(f"{command[0]} could not be started: {problem}") from error
        _ours.add(self)
        # Functions, not methods: a reader must not keep a forgotten process, and so its pipe, alive.
        assert self._popen.stdout is not None and self._popen.stderr is not None
        self._readers = [
            threading.Thread(target=_read_first_line, args=(self._popen.stdout, self._lines)),
            threading.Thread(target=_read_tail, args=(self._popen.stderr, self._tail)),
        ]
        try:
            for reader in self._readers:
                reader.daemon = True
                reader.start()
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def log(self) -> str:
        return self._tail.text()

    def exit_code(self) -> Optional[int]:
        """Returns its exit code, or ``None`` if it runs, or is not a child of this process."""
        return self._popen.poll() if self._is_ours else None

    def ready_line(self, timeout: float) -> str:
        """Waits for the line that it prints when it is ready.

        Raises:
            EmulatorError: It has ended, or has not printed the line in time.
        """
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            try:
                # In short pieces: on Windows a Control-C is noticed between them only.
                line = self._lines.get(timeout=max(0.0, min(left, 0.2)))
                break
            except queue.Empty:
                if left <= 0:
                    self.kill()
                    late = f"azwire-emulator was not ready within {timeout:g} s"
                    raise self.error(late) from None
        if line is not None:
            return line.decode("utf-8", "replace")
        # It has closed its standard output, and will have ended in a moment, if not yet.
        self._wait(DRAIN)
        self.kill()
        raise self.error(f"azwire-emulator {self.fate()} before it was ready")

    def fate(self) -> str:
        """Says how it ended."""
        code = self.exit_code()
        if code is None:
            return "has closed its output"
        if code < 0:
            return f"was ended by signal {-code}"
        return f"ended with exit code {code}"

    def error(self, problem: str) -> EmulatorError:
        """Returns an error with the end of what it said."""
        if self.exit_code() is not None:
            self._drain()
        log = self.log
        said = log[-SHOWN:].strip()
        words = f"it said:\n{said}" if said else "it said nothing"
        return EmulatorError(f"{problem}; {words}", log=log)

    def stop(self) -> None:
        """Ends it gracefully, or at once if it takes too long. Further calls do nothing."""
        if not self._is_ours:
            return
        try:
            self._close_input()
            self._wait(GRACE)
        finally:
            self.kill()

    def kill(self) -> None:
        """Ends it at once, and waits until it has ended."""
        if not self._is_ours:
            return
        with self._stopping:
            self._close_input()
            if self._popen.poll() is None:
                self._popen.kill()
                self._popen.wait()
            self._drain()

    def _drain(self) -> None:
        """Waits until what it wrote has been read."""
        for reader in self._readers:
            # Something that inherited its standard error may hold that open.
            if reader.ident is not None:
                reader.join(DRAIN)

    def _wait(self, seconds: float) -> None:
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            pass

    def _close_input(self) -> None:
        assert self._popen.stdin is not None
        try:
            self._popen.stdin.close()
        except OSError:
            # It has ended already.
            pass

    def _leave_to_parent(self) -> None:
        """In a child of ``os.fork``: the program is the parent's, and so is its pipe."""
        self._is_ours = False
        self._close_input()
        # Otherwise `Popen` would warn that it still runs.
        self._popen.returncode = 0


def _read_first_line(stream: IO[bytes], lines: queue.SimpleQueue[Optional[bytes]]) -> None:
    """Puts the first line of a stream into a queue, or ``None`` if it ends before or is too long."""
    line = bytearray()
    is_found = False
    with stream:
        while True:
            chunk = stream.read(8192)
            if not chunk:
                break
            if not is_found:
                line += chunk
                first, end, _ = line.partition(b"\n")
                if end:
                    is_found = True
                    lines.put(bytes(first))
                elif len(line) > READY_LINE:
                    break
    if not is_found:
        lines.put(None)


def _read_tail(stream: IO[bytes], tail: Tail) -> None:
    with stream:
        while True:
            chunk = stream.read(8192)
            if not chunk:
                break
            tail.add(chunk)


_ours: weakref.WeakSet[Process] = weakref.WeakSet()
"""The programs that this process has started."""


def _after_fork() -> None:
    for process in list(_ours):
        process._leave_to_parent()


if hasattr(os, "register_at_fork"):
    # A child that is not replaced by another program inherits the pipe. It might live longer than
    # this process, and with it the emulator.
    os.register_at_fork(after_in_child=_after_fork)
