"""Places where a test may stop the program, to see what is left: `FACEREC_FAILPOINT=name:kill` in the environment.

kill   as a power cut of this one process: nothing more is run, not even what cleans up
raise  Reached
sleep  a second, in which a test does something else

`name:kill:3` lets the place be passed twice. Where the variable is not set, a failpoint costs one comparison.
"""

from __future__ import annotations

import os
import signal
import time

SLEEP = 1.0
"""Seconds."""

order = os.environ.get("FACEREC_FAILPOINT", "")


class Reached(RuntimeError):
    """A failpoint was told to raise."""


def failpoint(name: str) -> None:
    """Do here what the environment asks for. `name` is written out, so that the names can be found in the source."""
    if order:
        _obey(name)


def set_order(new: str) -> None:
    """What the failpoints of this process do from now on: `name:action`, or nothing where it is empty."""
    global order
    order = new


def _obey(name: str) -> None:
    at, action, *passes = order.split(":")
    if at != name:
        return
    left = int(passes[0]) if passes else 1
    if left > 1:
        set_order(f"{at}:{action}:{left - 1}")
        return
    set_order("")
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "sleep":
        time.sleep(SLEEP)
    else:
        raise Reached(name)
