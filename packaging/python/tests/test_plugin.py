"""The pytest plugin, as runs of pytest see it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ends import Watch

pytestmark = pytest.mark.usefixtures("_clean")


@pytest.fixture
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    # What the outer pytest was given is not for the inner one.
    for name in list(os.environ):
        if name.startswith(("PYTEST_", "WEBPUBSUB_", "RELAY_")):
            monkeypatch.delenv(name)


SERVICE = """
    import pytest
    from azure.messaging.webpubsubservice import WebPubSubServiceClient

    @pytest.fixture
    def service(webpubsub_connection_string):
        return WebPubSubServiceClient.from_connection_string(webpubsub_connection_string, hub="chat")
"""


def test_fixtures_are_there_without_an_import(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(SERVICE)
    pytester.makepyfile(
        """
        def test_service(service, azwire_emulator):
            service.send_to_all("hello", content_type="text/plain")
            [sent] = azwire_emulator.journal("request", wait=10)
            assert sent.payload.text == "hello"

        def test_it_is_the_same(azwire_emulator, webpubsub_connection_string, relay_connection_string):
            assert azwire_emulator.pubsub.connection_string == webpubsub_connection_string
            assert azwire_emulator.relay.connection_string == relay_connection_string
            # Nothing is reset if nobody asks for it.
            assert len(azwire_emulator.journal("request")) == 1
        """
    )
    pytester.runpytest_subprocess("-q").assert_outcomes(passed=2)


def test_each_worker_has_an_emulator_of_its_own(pytester: pytest.Pytester, tmp_path: Path) -> None:
    pytester.makeconftest(SERVICE)
    pytester.makepyfile(
        f"""
        import os
        import pytest

        @pytest.mark.parametrize("number", range(8))
        def test_alone(number, service, azwire_emulator):
            worker = os.environ["PYTEST_XDIST_WORKER"]
            service.send_to_all(worker, content_type="text/plain")
            sent = azwire_emulator.journal("request", wait=10)
            assert {{record.payload.text for record in sent}} == {{worker}}
            with open({str(tmp_path / "seen")!r}, "a") as seen:
                print(worker, azwire_emulator.pid, azwire_emulator.control, file=seen)
        """
    )
    pytester.runpytest_subprocess("-q", "-n", "2").assert_outcomes(passed=8)
    seen = {tuple(line.split()) for line in (tmp_path / "seen").read_text().splitlines()}
    workers, pids, controls = (set(column) for column in zip(*seen))
    assert len(workers) == len(pids) == len(controls) == len(seen) == 2
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


def test_a_worker_that_is_killed_leaves_nothing_behind(
    pytester: pytest.Pytester, tmp_path: Path
) -> None:
    pytester.makepyfile(
        f"""
        import os, signal

        def test_killed(azwire_emulator):
            with open({str(tmp_path / "pid")!r}, "w") as file:
                file.write(str(azwire_emulator.pid))
            os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    result = pytester.runpytest_subprocess("-q", "-n", "1", "--max-worker-restart", "0")
    assert result.ret != 0
    pid = int((tmp_path / "pid").read_text())
    try:
        watch = Watch(pid)
    except ProcessLookupError:
        return
    with watch:
        assert watch.has_ended(within=20)


def test_a_reset_can_be_asked_for_by_a_test(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(SERVICE)
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.usefixtures("azwire_emulator_reset")
        def test_one(service):
            service.send_to_all("hello", content_type="text/plain")

        def test_two(azwire_emulator, service):
            assert azwire_emulator.journal("request") == []
            service.send_to_all("hello", content_type="text/plain")

        def test_three(azwire_emulator):
            assert len(azwire_emulator.journal("request")) == 1
        """
    )
    pytester.runpytest_subprocess("-q", "-p", "no:randomly").assert_outcomes(passed=3)


def test_a_setting_resets_after_each_test_that_used_it(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nazwire_emulator_reset = true")
    pytester.makeconftest(SERVICE)
    pytester.makepyfile(
        """
        import pytest

        pids = set()

        @pytest.fixture
        def client_that_ends(azwire_emulator):
            yield
            # Fixtures of a test end before the reset.
            assert len(azwire_emulator.journal("request")) == 1

        @pytest.mark.parametrize("number", range(2))
        def test_alone(number, client_that_ends, service, azwire_emulator):
            pids.add(azwire_emulator.pid)
            assert azwire_emulator.journal("request") == []
            service.send_to_all("hello", content_type="text/plain")

        def test_dynamic(request):
            emulator = request.getfixturevalue("azwire_emulator")
            emulator.clock.advance(60)

        def test_last(azwire_emulator):
            assert azwire_emulator.journal() == []
            assert azwire_emulator.clock.state().offset == 0
            assert pids == {azwire_emulator.pid}
        """
    )
    pytester.runpytest_subprocess("-q", "-p", "no:randomly").assert_outcomes(passed=4)


def test_a_run_that_does_not_use_it_starts_none(pytester: pytest.Pytester) -> None:
    pytester.makeini(
        "[pytest]\nazwire_emulator_reset = true\nazwire_emulator_program = /no/such/program"
    )
    pytester.makepyfile("def test_nothing(): pass")
    pytester.runpytest_subprocess("-q").assert_outcomes(passed=1)


def test_settings_and_arguments_reach_the_program(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nazwire_emulator_arguments = --hybrid-connection one")
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def azwire_emulator_options():
            return {"arguments": ["--hybrid-connection=two"], "no_identity": True}
        """
    )
    pytester.makepyfile(
        """
        def test_it(azwire_emulator):
            assert set(azwire_emulator.relay.hybrid_connections) == {"one", "two", "three"}
            assert "identity" not in azwire_emulator.ready_line
        """
    )
    result = pytester.runpytest_subprocess(
        "-q", "--azwire-emulator-arguments=--hybrid-connection 'three'"
    )
    result.assert_outcomes(passed=1)


def test_a_start_that_fails_is_an_error_of_the_test_that_says_why(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile("def test_it(azwire_emulator): pass")
    result = pytester.runpytest_subprocess("-q", "--azwire-emulator-arguments=--nonsense")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*unexpected argument '--nonsense' found*"])
    result = pytester.runpytest_subprocess("-q", "--azwire-emulator-program=/no/such/program")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*/no/such/program could not be started: No such file*"])


def test_a_failed_test_shows_what_happened(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(SERVICE)
    pytester.makepyfile(
        """
        def test_sent(service):
            for number in range(40):
                service.send_to_all(f"message {number}", content_type="text/plain")
            assert False

        def test_nothing_to_do_with_it():
            assert False
        """
    )
    result = pytester.runpytest_subprocess("-q", "-p", "no:randomly")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*azwire-emulator's journal, without the first 10*"])
    result.stdout.fnmatch_lines(['{"id": *"message 39"*'])
    text = result.stdout.str()
    assert text.count("azwire-emulator's journal") == 1
    assert '"message 9"' not in text


def test_a_failed_test_says_that_the_emulator_ended(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import os, signal

        def test_it(azwire_emulator):
            os.kill(azwire_emulator.pid, signal.SIGKILL)
            azwire_emulator.reset()
        """
    )
    result = pytester.runpytest_subprocess("-q")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*EmulatorError: *"])
