"""The pytest plugin: one emulator for a test run, or for each worker of pytest-xdist.

Fixtures:

- ``azwire_emulator``: the emulator, started for the first test that asks for it.
- ``webpubsub_connection_string``, ``relay_connection_string``: where to find its services.
- ``azwire_emulator_reset``: makes the emulator as good as new after a test.
- ``azwire_emulator_options``: to be replaced in a ``conftest.py``: the arguments of ``Emulator``.

Settings of pytest: ``azwire_emulator_reset``, ``azwire_emulator_arguments``, ``azwire_emulator_program``.
"""

from __future__ import annotations

import json
import shlex
from typing import Any, Dict, Generator, Iterator

import pytest

from ._emulator import Emulator
from ._error import EmulatorError

SHOWN = 30
"""How many records of the journal the report of a failed test shows."""

_EMULATOR: pytest.StashKey[Emulator] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("azwire-emulator")
    group.addoption(
        "--azwire-emulator-arguments",
        metavar="ARGUMENTS",
        help="further arguments of azwire-emulator, besides those of the setting",
    )
    group.addoption(
        "--azwire-emulator-program",
        metavar="FILE",
        help="the program to start in place of the one of the package",
    )
    parser.addini("azwire_emulator_arguments", "further arguments of azwire-emulator", "args")
    parser.addini(
        "azwire_emulator_program", "the program to start in place of the one of the package"
    )
    parser.addini(
        "azwire_emulator_reset",
        "whether to reset azwire-emulator after each test that used it",
        "bool",
        default=False,
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getini("azwire_emulator_reset"):
        config.pluginmanager.register(_ResetAfterEach(), "azwire-emulator-reset")


@pytest.fixture(scope="session")
def azwire_emulator_options() -> Dict[str, Any]:
    """The arguments of `Emulator` for the fixture `azwire_emulator`; replace it in a conftest.py."""
    return {}


@pytest.fixture(scope="session")
def azwire_emulator(
    pytestconfig: pytest.Config, azwire_emulator_options: Dict[str, Any]
) -> Iterator[Emulator]:
    """An emulator of Azure Web PubSub and Azure Relay for the whole run, on free ports."""
    options = dict(azwire_emulator_options)
    added = shlex.split(pytestconfig.getoption("--azwire-emulator-arguments") or "")
    arguments = [*pytestconfig.getini("azwire_emulator_arguments"), *added]
    options["arguments"] = [*options.get("arguments", ()), *arguments]
    program = pytestconfig.getoption("--azwire-emulator-program")
    program = program or pytestconfig.getini("azwire_emulator_program")
    if program:
        options["program"] = program
    with Emulator(**options) as emulator:
        pytestconfig.stash[_EMULATOR] = emulator
        try:
            yield emulator
        finally:
            del pytestconfig.stash[_EMULATOR]


@pytest.fixture
def azwire_emulator_reset(azwire_emulator: Emulator) -> Iterator[None]:
    """Resets the emulator after the test, when the fixtures that the test names have ended."""
    yield
    azwire_emulator.reset()


@pytest.fixture(scope="session")
def webpubsub_connection_string(azwire_emulator: Emulator) -> str:
    """The connection string of Web PubSub, without TLS."""
    return azwire_emulator.pubsub.connection_string


@pytest.fixture(scope="session")
def relay_connection_string(azwire_emulator: Emulator) -> str:
    """The connection string of the Relay namespace, with TLS."""
    return azwire_emulator.relay.connection_string


class _ResetAfterEach:
    """Registered if the setting `azwire_emulator_reset` is on."""

    @pytest.fixture(autouse=True)
    def _azwire_emulator_reset_after_each(self, request: pytest.FixtureRequest) -> Iterator[None]:
        """Resets the emulator after each test that used it; starts none for others."""
        yield
        emulator = request.config.stash.get(_EMULATOR, None)
        if emulator is not None and "azwire_emulator" in request.fixturenames:
            emulator.reset()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Shows what happened at the emulator in the report of a failed test that used it."""
    outcome = yield
    report: pytest.TestReport = outcome.get_result()
    emulator = item.config.stash.get(_EMULATOR, None)
    is_used = "azwire_emulator" in getattr(item, "fixturenames", ())
    if report.failed and emulator is not None and is_used:
        report.sections.append(_journal(emulator))


def _journal(emulator: Emulator) -> tuple[str, str]:
    try:
        records = emulator.journal(limit=10_000)
    except EmulatorError as error:
        return "azwire-emulator", str(error)
    lines = [json.dumps(record.json, ensure_ascii=False) for record in records[-SHOWN:]]
    title = "azwire-emulator's journal"
    if len(records) > SHOWN:
        title += f", without the first {len(records) - SHOWN}"
    return title, "\n".join(lines) or "nothing happened"
