"""Processes of the demo are ended, their failures told, and their domains kept apart."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from zoox_prediction.demo.processes import (
    ProcessGroup,
    deferred_interrupt,
    local_environment,
    node_command,
    private_domain,
)


def test_two_runs_never_share_a_domain():
    with private_domain() as first, private_domain() as second:
        assert first != second
        assert {first, second} <= set(range(1, 102))
    with private_domain() as again:
        assert again == first  # a domain is free again when its run has ended


def test_traffic_stays_on_this_machine():
    environment = local_environment(42)
    assert environment["ROS_DOMAIN_ID"] == "42"
    assert environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"


def test_parameters_on_the_command_line():
    command = node_command("replay_node", {"bag": "a.bag", "loop": True, "rate": 1.0})
    assert command[1:4] == ["-m", "zoox_prediction.nodes.replay_node", "--ros-args"]
    assert command[4:] == ["-p", "bag:=a.bag", "-p", "loop:=true", "-p", "rate:=1.0"]


def test_everything_that_was_started_is_ended_even_on_an_exception(tmp_path):
    ignore = "signal.signal(signal.SIGINT, signal.SIG_IGN)"
    stubborn = f"import signal, time; {ignore}; print('up', flush=True); time.sleep(60)"
    with pytest.raises(RuntimeError), ProcessGroup(local_environment(1), tmp_path, 0.5) as group:
        sleeping = group.start("sleeping", [sys.executable, "-c", "import time; time.sleep(60)"])
        ignoring = group.start("ignoring", [sys.executable, "-c", stubborn], pipe_output=True)
        assert ignoring.stdout.readline() == "up\n"
        raise RuntimeError
    assert sleeping.poll() is not None and ignoring.poll() is not None


def test_a_failed_process_is_told_with_its_last_line(tmp_path):
    with ProcessGroup(local_environment(1), tmp_path) as group:
        assert group.failed() is None
        process = group.start("broken", [sys.executable, "-c", "import sys; print('no map'); sys.exit(3)"])
        process.wait(20.0)
        assert "broken ended with code 3 (no map)" in group.failed()


def test_a_process_that_ended_well_is_no_failure(tmp_path):
    with ProcessGroup(local_environment(1), tmp_path) as group:
        group.start("quick", [sys.executable, "-c", "pass"]).wait(20.0)
        time.sleep(0.01)
        assert group.failed() is None


def test_an_interrupt_waits_until_it_is_asked_for():
    with deferred_interrupt() as interrupted:
        assert not interrupted.is_set()
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupted.wait(5.0)
    with pytest.raises(KeyboardInterrupt):  # as before, afterwards
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5.0)
