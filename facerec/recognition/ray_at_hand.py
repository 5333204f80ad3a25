"""Ray, begun on this machine for its owner alone, or joined where it runs."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from facerec.errors import FacerecError, InvalidInput, MissingPart

EVERYWHERE = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is reported to its makers
    "RAY_ENABLE_AUTO_CONNECT": "0",  # what is still under way when it ends does not begin another
    "RAY_DISABLE_FAILURE_SIGNAL_HANDLER": "1",  # a command that is told to end does so, and prints no stack
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",  # what its processes say goes to their logs, and never among our answers
}
ONLY_HERE = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # on every system: no address but 127.0.0.1
    "RAY_AUTH_MODE": "token",  # and there only for whoever knows RAY_AUTH_TOKEN
}
"""Read by Ray while it is imported and begun: always, and for one of this process's own."""

PATIENCE = ("RAY_DATA_EXECUTION_NO_PROGRESS_TIMEOUT_S", "600")
"""Seconds in which nothing comes back, and no longer: a picture that kills every worker is tried for ever. Where the
environment says another number, it holds.
"""

LONGEST = 20
"""Characters of a folder for temporary files that leave room for the paths of Ray's sockets, of 103 at most."""

KNOCK = 5.0
"""Seconds that a machine may take to answer."""


class Ray:
    """A Ray of so many processors that ends when it is closed, or the one at an address, which is left as it was.

    `api` and `data` are the modules `ray` and `ray.data`. Raises MissingPart without them, InvalidInput for an address
    where no Ray answers, FacerecError where none can begin.
    """

    def __init__(self, processors: int, address: str = ""):
        address = "" if address == "local" else address
        _prepare(address)
        try:
            import ray
            import ray.data
        except ImportError as error:
            raise MissingPart("looking at pictures on Ray needs it: pip install 'facerec[distributed]'") from error
        self.api: Any = ray
        self.data: Any = ray.data
        _be_quiet(ray.data)
        self._to_close = ExitStack()
        if not ray.is_initialized():
            self._to_close.enter_context(_joined(ray, address) if address else _begun(ray, processors))

    def close(self) -> None:
        self._to_close.close()


def _prepare(address: str) -> None:
    """Set what Ray reads while it is imported and begun. Raises InvalidInput where it was imported without."""
    ray = sys.modules.get("ray")
    if ray and not (address or ray.is_initialized() or ONLY_HERE.items() <= os.environ.items()):
        raise InvalidInput("this process has imported ray, too early for it to be private: call ray.init() yourself")
    os.environ.update(EVERYWHERE)
    os.environ.setdefault(*PATIENCE)
    if not address:
        os.environ.update(ONLY_HERE)
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # else Ray leaves one in the home folder


def _be_quiet(data: Any) -> None:
    """Whoever calls draws the progress and says what failed."""
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    context.raise_original_map_exception = True


@contextmanager
def _joined(ray: Any, address: str) -> Iterator[None]:
    try:
        _knock(ray, address)
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise InvalidInput(f"no Ray answers at RAY_ADDRESS={address}: {str(error).splitlines()[0]}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _knock(ray: Any, address: str) -> None:
    """Raise OSError where nobody listens: Ray tries for minutes."""
    if address == "auto":  # Ray knows the one on this machine
        return
    host, _, port = address.rpartition(":")
    if "://" in address or not port.isdigit():
        raise ValueError("start this on a machine of the cluster, and give HOST:PORT or auto")
    if host in ("localhost", "127.0.0.1"):
        host = ray.util.get_node_ip_address()  # as Ray reads it
    socket.create_connection((host, int(port)), timeout=KNOCK).close()


@contextmanager
def _begun(ray: Any, processors: int) -> Iterator[None]:
    short = "/tmp" if len(tempfile.gettempdir()) > LONGEST and Path("/tmp").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="facerec-", dir=short, ignore_cleanup_errors=True) as private:
        inside = Path(private) / "r"  # Ray opens its own folder to everybody; the one around it stays closed
        try:
            ray.init(
                "local", num_cpus=processors, include_dashboard=False, log_to_driver=False,
                logging_level=logging.ERROR, _temp_dir=str(inside),
            )  # fmt: skip
        except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            raise FacerecError(f"Ray does not begin on this machine: {str(error).splitlines()[0]}") from error
        try:
            yield
        finally:
            ray.shutdown()
