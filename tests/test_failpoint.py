"""Failpoints do nothing until they are asked to, and then what they are asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from facerec import failpoint as module
from facerec.failpoint import Reached, failpoint, set_order


@pytest.fixture(autouse=True)
def no_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "order", "")


def test_without_an_order_nothing_happens() -> None:
    failpoint("a.place")


def test_only_the_named_place_is_stopped_and_only_once() -> None:
    set_order("a.place:raise")
    failpoint("another.place")
    with pytest.raises(Reached, match=r"a\.place"):
        failpoint("a.place")
    failpoint("a.place")


def test_a_place_may_be_passed_before_it_stops() -> None:
    set_order("a.place:raise:3")
    failpoint("a.place")
    failpoint("a.place")
    with pytest.raises(Reached):
        failpoint("a.place")


def test_a_place_can_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLEEP", 0.05)
    set_order("a.place:sleep")
    started = time.monotonic()
    failpoint("a.place")
    assert time.monotonic() - started >= 0.05


def test_the_environment_gives_the_order() -> None:
    code = "from facerec.failpoint import failpoint\ntry: failpoint('a.place')\nfinally: print('cleaned up')"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "FACEREC_FAILPOINT": "a.place:kill"},
        capture_output=True,
        check=False,
    )
    assert ran.returncode == -signal.SIGKILL and ran.stdout == b""
