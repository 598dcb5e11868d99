"""Functions that misbehave, and a few that do not. Workers import them from here."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import logging
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any

DRIVER = "TREADLE_TEST_DRIVER"  # the driver's pid, for objects that misbehave there alone


def act(item: Any) -> Any:
    """Do what the item says: a number is an innocent, a text names a function of this module."""
    if isinstance(item, int):
        return item
    if isinstance(item, str):
        name, _, argument = item.partition(" ")
        function = globals()[name]
        return function(argument) if argument else function()
    return item


def pid(_: object = None) -> int:
    return os.getpid()


# --- ends the process ----------------------------------------------------------------------------


def sigkill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def sigterm() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def exit_3() -> None:
    os._exit(3)


def exit_0() -> None:
    os._exit(0)


def segfault() -> None:
    ctypes.string_at(0)


def abort() -> None:
    os.abort()


def kill_from_a_thread() -> None:
    thread = threading.Thread(target=sigkill)
    thread.start()
    thread.join()


def close_all_descriptors() -> None:
    os.closerange(3, 256)


def tear_the_result() -> bytes:
    """Die when half of the result is on its way, as one does that is killed for its memory."""
    from treadle.backends.processes.outgoing import Outgoing

    send = Outgoing._send_frame

    def send_half(outgoing: Outgoing, frame: bytes, fds: list[int]) -> None:
        send(outgoing, frame[: len(frame) // 2], fds)
        sigkill()

    Outgoing._send_frame = send_half  # type: ignore[method-assign]
    return bytes(900_000)


def tear_the_large_result() -> bytes:
    """The same with a result that travels beside the channel."""
    tear_the_result()
    return bytes(3_000_000)


class DiesWhilePickled:
    """Ends the process when 30 MB of it have been pickled."""

    def __reduce__(self) -> Any:
        return bytearray, (bytes(30_000_000), _Killer())


class _Killer:
    def __reduce__(self) -> Any:
        sigkill()


def die_pickling_the_result() -> DiesWhilePickled:
    return DiesWhilePickled()


class Lethal:
    """Ends any process that loads it."""

    def __reduce__(self) -> Any:
        return os._exit, (5,)


class LethalToWorkers:
    """As an argument: ends every worker that loads it."""

    def __reduce__(self) -> Any:
        return _end_worker, (os.getpid(),)


def _end_worker(driver: int) -> None:
    if os.getpid() != driver:
        sigkill()


# --- raises --------------------------------------------------------------------------------------


def sys_exit() -> None:
    sys.exit(7)


def raise_keyboard_interrupt() -> None:
    raise KeyboardInterrupt


class Panic(BaseException):
    """What a Rust extension raises."""


def panic() -> None:
    raise Panic("called `Option::unwrap()` on a `None` value")


class Unloadable(Exception):
    """Its ``__init__`` does not take what its ``args`` hold."""

    def __init__(self, code: int, where: str) -> None:
        super().__init__(f"code {code} at {where}")


def raise_unloadable() -> None:
    raise Unloadable(4, "the third step")


class LoadableInWorkers(Exception):
    """Loads in a worker, and raises in the driver."""

    def __setstate__(self, state: object) -> None:
        if os.environ[DRIVER] == str(os.getpid()):
            raise RuntimeError("not here")

    def __reduce__(self) -> Any:
        return LoadableInWorkers, self.args, {"state": 1}


def raise_unloadable_here() -> None:
    raise LoadableInWorkers("said in the worker")


class HoldsLock(Exception):
    """Cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("holds a lock")
        self.lock = threading.Lock()


def raise_unpicklable() -> None:
    raise HoldsLock


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ValueError("no text for you")


def raise_unprintable() -> None:
    raise Unprintable


def raise_chained() -> None:
    try:
        {}["the first cause"]
    except KeyError as error:
        raise ValueError("the consequence") from error


def raise_group() -> None:
    raise ExceptionGroup("both of them", [ValueError("one"), Unloadable(2, "two")])


def raise_noted() -> None:
    error = ValueError("with a note")
    error.add_note("it was on a Tuesday")
    raise error


def raise_recursively() -> None:
    raise_recursively()


# --- returns what cannot travel ------------------------------------------------------------------


class Parsed:
    """A generator sits in its cached property."""

    @functools.cached_property
    def parts(self) -> Any:
        return (part for part in "abc")


def return_generator() -> dict[str, list[Parsed]]:
    parsed = Parsed()
    next(parsed.parts)
    return {"files": [parsed]}


def return_lock() -> dict[str, Any]:
    return {"plain": 1, "guard": threading.Lock()}


class Broken:
    """Pickled without complaint, raises wherever it is loaded."""

    def __setstate__(self, state: object) -> None:
        raise ValueError("this state is no state")

    def __getstate__(self) -> object:
        return {"state": 1}


def return_broken() -> Broken:
    return Broken()


class BrokenHere(Broken):
    """Loads in workers, raises in the driver."""

    def __setstate__(self, state: object) -> None:
        if os.environ[DRIVER] == str(os.getpid()):
            raise RuntimeError("not here")


def return_broken_here() -> BrokenHere:
    return BrokenHere()


def return_large_broken_here() -> list[Any]:
    return [BrokenHere(), bytes(2_000_000)]


class BrokenThere:
    """As an argument: raises in every worker that loads it."""

    def __reduce__(self) -> Any:
        return _load_in, (os.getpid(),)


def _load_in(driver: int) -> BrokenThere:
    if os.getpid() != driver:
        raise ValueError("cannot be loaded over there")
    return BrokenThere()


class HangsHere:
    """Loads in workers; hangs in the driver until its gate is opened."""

    def __init__(self, gate: str) -> None:
        self.gate = gate

    def __setstate__(self, state: dict[str, str]) -> None:
        self.__dict__ = state
        if os.environ[DRIVER] == str(os.getpid()):
            wait_at(self.gate)


def return_hanging_here(gate: str) -> HangsHere:
    return HangsHere(gate)


class Harmless:
    """A class of ours, so that it is loaded with care; nothing is wrong with it."""

    def __init__(self, number: int) -> None:
        self.number = number


def return_harmless(number: str) -> Harmless:
    return Harmless(int(number))


class RefusesToBePickled:
    """Raises what is no ``Exception`` when it is pickled."""

    def __reduce__(self) -> Any:
        raise Panic("while it was pickled")


# --- waits ---------------------------------------------------------------------------------------


def wait_at(gate: str) -> str:
    """Wait until the test opens the gate."""
    with open(gate) as file:
        fcntl.flock(file, fcntl.LOCK_SH)
    return "went on"


def arrive(path: str, text: str = "") -> None:
    """Tell the test that we are here."""
    with open(path, "a") as fifo:
        fifo.write(f"{text or os.getpid()}\n")


def arrive_and_wait(paths: str) -> str:
    """Say which process we are, then wait at the gate."""
    arrivals, gate = paths.split("|")
    arrive(arrivals)
    return wait_at(gate)


def arrive_and_hang(arrivals: str) -> None:
    arrive(arrivals)
    hang()


def hang() -> None:
    time.sleep(600)


def spin_in_c() -> int:
    """Keep the interpreter lock for minutes."""
    return sum(range(1 << 40))


def ignore_sigterm_and_hang() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        try:
            hang()
        except BaseException:
            continue


def hang_once(path: str) -> str:
    """Hang the first time, return the second."""
    if os.path.exists(path):
        return "the second time"
    open(path, "x").close()
    hang()
    return "never"


def die_once(path: str) -> str:
    """Die the first time, return the second."""
    if os.path.exists(path):
        return "the second time"
    open(path, "x").close()
    sigkill()
    return "never"


def count_and_die(path: str) -> None:
    """Leave a mark for each attempt."""
    with open(path, "a") as file:
        file.write("x")
    sigkill()


# --- spoils its surroundings ---------------------------------------------------------------------


def close_stdout() -> str:
    sys.stdout.close()
    sys.stderr.close()
    return "closed"


def close_raw_stdout() -> str:
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):  # already, by the time before
            os.close(descriptor)
    return "closed"


def replace_stdout() -> str:
    sys.stdout = open(os.devnull, "w")  # type: ignore[assignment]  # noqa: SIM115
    return "replaced"


def forget_stdout() -> str:
    sys.stdout = sys.stderr = None  # type: ignore[assignment]
    return "forgotten"


def change_directory() -> str:
    os.chdir("/")
    return os.getcwd()


def leave_a_deleted_directory() -> str:
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
    return "left"


def working_directory() -> str:
    return os.getcwd()


def install_handlers() -> str:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGUSR1, signal.SIGHUP):
        signal.signal(number, lambda *_: print("a signal"))
    return "installed"


def start_thread(gate: str) -> str:
    """Leave a thread behind that is no daemon."""
    threading.Thread(target=hang).start()
    return "started"


def start_child() -> int:
    """Leave a process behind."""
    return subprocess.Popen(["sleep", "600"]).pid


def start_child_and_die(arrivals: str) -> None:
    child = start_child()
    arrive(arrivals, str(child))
    sigkill()


def start_child_and_hang(arrivals: str) -> None:
    child = start_child()
    arrive(arrivals, str(child))
    hang()


def fork_child() -> int:
    """Leave a child behind that holds every descriptor of ours."""
    child = os.fork()
    if child == 0:
        try:
            hang()
        finally:
            os._exit(0)
    return child


def fork_child_that_prints() -> int:
    """Run a child, as ``multiprocessing`` would, that prints and ends."""
    child = os.fork()
    if child == 0:
        try:
            print("said by the child", flush=True)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return status


def fork_and_come_back_twice() -> str:
    """Return into the worker's own code as two processes."""
    os.fork()
    return "back"


def fork_child_and_die() -> None:
    fork_child()
    sigkill()


def say(text: str) -> str:
    print(text)
    return text


def say_raw(text: str) -> str:
    os.write(1, f"{text}\n".encode())
    return text


def say_surrogate() -> str:
    print("a file called \udcff")
    return "said"


def log(text: str) -> str:
    logging.getLogger("instrument").warning("logged: %s", text, extra={"odd": object()})
    return text


def log_an_exception() -> None:
    try:
        raise_chained()
    except ValueError:
        logging.getLogger("instrument").exception("that went wrong")


class Loud:
    """Prints when it goes, whenever that is."""

    def __init__(self) -> None:
        self.me = self  # only the collector can free it

    def __del__(self) -> None:
        print("gone")


def leave_loud_garbage(item: int) -> int:
    """Have a finalizer print at any moment, in the middle of our own code too."""
    import gc

    gc.set_threshold(1, 1, 1)
    Loud()
    return item


# --- memory --------------------------------------------------------------------------------------


def run_out_of_memory() -> bytes:
    """Meet a limit on the address space."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, hard))
    try:
        return bytes(8 << 30)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def grow(arrivals: str) -> None:
    """Hold 300 MB and stay."""
    held = bytearray(b"x") * (300 << 20)
    arrive(arrivals)
    hang()
    del held


_kept: list[bytearray] = []


def leak(_: object) -> int:
    """Keep 20 MB for ever; say who we are."""
    _kept.append(bytearray(b"x") * (20 << 20))
    return os.getpid()


# --- setup ---------------------------------------------------------------------------------------


def with_state(item: Any, state: object) -> Any:
    return item, state


def setup_raises() -> None:
    raise OSError("no licence server")


def setup_exits() -> None:
    os._exit(4)


def setup_sys_exits() -> None:
    sys.exit(4)


def teardown_raises(state: object) -> None:
    raise OSError("no licence to give back")


def setup_state() -> str:
    return "state"


def setup_hangs(arrivals: str) -> None:
    arrive_and_hang(arrivals)


# --- what a worker must stand ---------------------------------------------------------------------


class UnhashableKind(type):
    """Compares its classes by name, and so cannot hash them."""

    def __eq__(cls, other: object) -> bool:
        return isinstance(other, type) and cls.__name__ == other.__name__

    __hash__ = None  # type: ignore[assignment]


class OfUnhashableKind(metaclass=UnhashableKind):
    pass


def return_of_unhashable_kind() -> OfUnhashableKind:
    return OfUnhashableKind()


def return_large_without_descriptors() -> bytes:
    """Leave no descriptor for the file that the result would take."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    return bytes(2 << 20)


def return_text(length: str) -> str:
    return "x" * int(length)


def hold_the_gil(arrivals: str) -> None:
    """Sleep in C code that does not let any other thread run."""
    arrive(arrivals)
    ctypes.PyDLL(None).sleep(600)


def burn(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def setup_burns() -> None:
    burn(0.5)


def ignore_state(value: Any, _: object) -> Any:
    return value


def inherited(path: str) -> str:
    """Return what a program that this one executes finds open."""
    os.system(f"ls -l /proc/self/fd > {path}")
    with open(path) as file:
        return file.read()


def reconfigure() -> None:
    """Do what many programs do as they start."""
    sys.stdout.reconfigure(encoding="utf-8", line_buffering=True)  # type: ignore[union-attr]


def print_from_threads(count: str) -> None:
    """Print in pieces that are no lines, from several threads."""

    def say() -> None:
        for _ in range(int(count)):
            sys.stdout.write("word")
            sys.stdout.write("\n")

    threads = [threading.Thread(target=say) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# --- payloads ------------------------------------------------------------------------------------


def echo(value: Any) -> Any:
    return value


def facts(array: Any) -> tuple[Any, ...]:
    """Tell what arrived, and try to write to it."""
    try:
        array[(0,) * array.ndim] = 1
        written = True
    except ValueError:
        written = False
    return array.shape, array.dtype.str, array.flags.writeable, written, float(array.sum())


def make_array(megabytes: int | str) -> Any:
    import numpy as np

    return np.full(int(megabytes) << 17, 2.0)


def make_read_only(megabytes: int) -> Any:
    array = make_array(megabytes)
    array.setflags(write=False)
    return array


def make_strided(megabytes: int) -> Any:
    import numpy as np

    return np.arange(megabytes << 18, dtype="f8").reshape(-1, 2)[:, 1]


def make_fortran(rows: int) -> Any:
    import numpy as np

    return np.asfortranarray(np.arange(rows * 300, dtype="f8").reshape(rows, 300))


def spoil_and_fail_once(argument: tuple[Any, str]) -> float:
    """Overwrite the argument, then fail in the first attempt."""
    array, mark = argument
    found = float(array.sum())
    array[:] = -1
    if not os.path.exists(mark):
        open(mark, "x").close()
        raise OSError("the first attempt fails")
    return found


def spoil_and_die_once(argument: tuple[Any, str]) -> float:
    array, mark = argument
    found = float(array.sum())
    array[:] = -1
    if not os.path.exists(mark):
        open(mark, "x").close()
        sigkill()
    return found


def die_with_array(argument: tuple[Any, int]) -> Any:
    """Die while holding a large argument, or return it."""
    array, number = argument
    if number % 3 == 0:
        sigkill()
    return array


class Scaler:
    """A callable object with a method to map, too."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def __call__(self, value: int) -> int:
        return value * self.factor

    def scale(self, value: int) -> int:
        return value * self.factor

    @classmethod
    def double(cls, value: int) -> int:
        return cls(2)(value)

    @staticmethod
    def negate(value: int) -> int:
        return -value


def with_factor(value: int, factor: int = 1) -> int:
    return value * factor
