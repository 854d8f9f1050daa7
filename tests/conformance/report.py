"""What the Python checks share: a line for each, and which methods of a client were looked at."""

import inspect
import traceback


class Report:
    """Counts the checks and prints a line for each: `ok      CLIENT: CAPABILITY`, or `FAILED  ..`."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, client, name, actual, wanted):
        good = actual == wanted
        self.passed += good
        self.failed += not good
        print(f"ok      {client}: {name}" if good else f"FAILED  {client}: {name}\n        expected {shown(wanted)}\n        received {shown(actual)}", flush=True)
        return good

    def error(self, client, name):
        """A check that ended by an exception, which is being handled."""
        self.failed += 1
        print(f"FAILED  {client}: {name}\n{traceback.format_exc()}", flush=True)

    def close(self):
        """Prints the closing line and returns the exit code."""
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed else 0


class Coverage:
    """Which public methods of a client were called before a check that passed."""

    def __init__(self, report, client):
        self.report = report
        self.client = client
        self.called = set()
        self.proved = set()

    def watch(self, target):
        """The target, with each call of a method of its own noted."""
        return Watched(target, self.called)

    def check(self, name, actual, wanted):
        if self.report.check(self.client, name, actual, wanted):
            self.proved |= self.called
        self.called.clear()

    def complete(self, *types):
        """Checks that no public method of the types was left out."""
        public = {f"{name}" for kind in types for name in dir(kind) if not name.startswith("_") and callable(getattr(kind, name))}
        self.report.check(self.client, "every public method is checked", sorted(public - self.proved), [])


class Watched:
    def __init__(self, target, called):
        self._target = target
        self._called = called

    def __getattr__(self, name):
        value = getattr(self._target, name)
        if not inspect.isroutine(value):
            return value

        def method(*arguments, **options):
            self._called.add(name)
            return value(*arguments, **options)

        return method


def shown(value):
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) < 300 else f"{text[:300]}... ({len(text)} characters)"
