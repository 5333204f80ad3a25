"""Ray, begun on this machine for its owner alone, or joined where it runs."""

from __future__ import annotations

import atexit
import logging
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
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


OURS = "FACEREC_RAY_FOLDER"
"""In the environment of every process of a Ray that was begun here: its folder."""

PATIENT = 5.0
"""Seconds in which Ray may end by itself."""

GONE = 10.0
"""Seconds in which a process that was killed is gone."""


class Ray:
    """A Ray of so many processors that ends when it is closed, or the one at an address, which is left as it was.

    From the beginning to the end SIGTERM stops this process as SIGINT does, where neither had another handler.

    `api` and `data` are the modules `ray` and `ray.data`. Raises MissingPart without them, InvalidInput for an address
    where no Ray answers, FacerecError where none can begin.
    """

    def __init__(self, processors: int, address: str = ""):
        address = "" if address == "local" else address
        _prepare(address)
        with ExitStack() as opened:
            self._stops = opened.enter_context(Stops())
            self._open(opened, processors, address)
            self._to_close = opened.pop_all()

    def _open(self, opened: ExitStack, processors: int, address: str) -> None:
        try:
            import ray
            import ray.data
        except ImportError as error:
            raise MissingPart("looking at pictures on Ray needs it: pip install 'facerec[distributed]'") from error
        self.api: Any = ray
        self.data: Any = ray.data
        _be_quiet(ray.data)
        if not ray.is_initialized():
            opened.enter_context(_joined(ray, address) if address else _begun(ray, processors, self._stops))
            self._stops.listen()

    def close(self) -> None:
        """End it, undisturbed by whatever signal comes meanwhile."""
        self._stops.be_deaf()
        self._to_close.close()


class Stops:
    """Within, SIGINT and SIGTERM raise one KeyboardInterrupt, and none once the end has begun.

    A second one, as a terminal and `timeout` send it to all of a group, would interrupt the tidying up. A signal that
    had a handler before, or was ignored, is left alone.
    """

    def __init__(self) -> None:
        usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
        in_main = threading.current_thread() is threading.main_thread()
        self._came = False
        self._usual = {one: was for one, was in usual.items() if in_main and signal.getsignal(one) == was}

    def __enter__(self) -> Stops:
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        for one, was in self._usual.items():
            signal.signal(one, was)

    def listen(self) -> None:
        """Raise KeyboardInterrupt at the first of them, also at one that was lost: Ray takes exceptions for its own."""
        if self._came:
            raise KeyboardInterrupt
        for one in self._usual:
            signal.signal(one, self._stop)

    def be_deaf(self) -> None:
        """Let none of them disturb this process."""
        for one in self._usual:
            signal.signal(one, signal.SIG_IGN)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._came = True
        self.be_deaf()
        raise KeyboardInterrupt


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
        with _no_handler_of_its_own(ray):
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
def _begun(ray: Any, processors: int, stops: Stops) -> Iterator[None]:
    own = Own(ray, stops)
    try:
        own.begin(processors)
        yield
    finally:
        own.end()


@contextmanager
def _no_handler_of_its_own(ray: Any) -> Iterator[None]:
    """Ray would take SIGTERM for itself, and lose it where it comes while Ray begins."""
    utils = ray._private.utils
    kept = getattr(utils, "set_sigterm_handler", None)  # Ray's own affair: another version may do it otherwise
    utils.set_sigterm_handler = lambda handler: None
    try:
        yield
    finally:
        utils.set_sigterm_handler = kept


class Own:
    """A Ray begun here: its processes, and its folder, which nobody else may enter."""

    def __init__(self, ray: Any, stops: Stops):
        short = "/tmp" if len(tempfile.gettempdir()) > LONGEST and Path("/tmp").is_dir() else None
        self._ray, self._stops = ray, stops
        self._folder = Path(tempfile.mkdtemp(prefix="facerec-", dir=short))
        atexit.register(self.end)  # where an interrupt comes between two lines

    def begin(self, processors: int) -> None:
        """Begin it. Raises FacerecError where it does not."""
        inside = self._folder / "r"  # Ray opens its own folder to everybody; the one around it stays closed
        mask = os.umask(0o077)  # holds for its processes too, and for a folder that one of them makes again
        os.environ[OURS] = str(self._folder)
        try:
            with _no_handler_of_its_own(self._ray):
                self._ray.init(
                    "local", num_cpus=processors, include_dashboard=False, log_to_driver=False,
                    logging_level=logging.ERROR, _temp_dir=str(inside),
                )  # fmt: skip
        except (OSError, RuntimeError, ValueError, self._ray.exceptions.RayError) as error:
            raise FacerecError(f"Ray does not begin on this machine: {str(error).splitlines()[0]}") from error
        finally:
            del os.environ[OURS]
            os.umask(mask)

    def end(self) -> None:
        """End it and leave nothing: what still runs would write the folder anew, so it is gone before the folder is."""
        self._stops.be_deaf()
        waited = threading.Timer(PATIENT, _kill, (self._folder,))  # where one was told to end, another waits for it
        waited.start()
        self._ray.shutdown()
        waited.cancel()
        for _ in range(3):  # what is killed may have begun another a moment before
            _kill(self._folder)
        shutil.rmtree(self._folder, ignore_errors=True)
        atexit.unregister(self.end)


def _kill(folder: Path) -> None:
    """Kill the processes of the Ray in a folder, and wait until they are gone."""
    import psutil  # Ray brings it along

    running = [one for one in psutil.process_iter() if one.pid != os.getpid() and _is_of(one, folder)]
    for one in running:
        with suppress(psutil.Error):
            one.kill()
    psutil.wait_procs(running, timeout=GONE)


def _is_of(process: Any, folder: Path) -> bool:
    import psutil

    try:
        return bool(process.environ().get(OURS) == str(folder))
    except (psutil.Error, OSError):  # it has ended, or is somebody else's
        return False
