"""Stops single threads of another process, as a disk that never answers does: with ptrace(2), and nothing but Python.

A stopped thread can be killed and goes on when whoever stopped it has ended, so one process is made for each.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_SEIZE: Final = 0x4206
_INTERRUPT: Final = 0x4207
_WALL: Final = 0x40000000
"""C{__WALL}: wait for threads, too."""


def busiest_thread(pid: int, work: Callable[[], object]) -> int:
    """The thread, other than the main one, that is called on most often for some work."""
    before = _switches(pid)
    work()
    after = _switches(pid)
    return max((each for each in after if each != pid), key=lambda each: after[each] - before.get(each, 0))


def _switches(pid: int) -> dict[int, int]:
    """How often each thread has waited for something."""
    found = {}
    for folder in Path(f"/proc/{pid}/task").iterdir():
        facts = dict(line.split(":\t", 1) for line in (folder / "status").read_text().splitlines() if ":\t" in line)
        found[int(folder.name)] = int(facts["voluntary_ctxt_switches"])
    return found


@contextmanager
def frozen(thread: int) -> Iterator[None]:
    """While this lasts a thread stands still.

    @raise RuntimeError: it cannot be stopped.
    """
    with subprocess.Popen(
        [sys.executable, __file__, str(thread)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as holder:
        assert holder.stdout is not None
        try:
            said = holder.stdout.readline()
            if said != "frozen\n":
                raise RuntimeError(f"the thread {thread} cannot be stopped: {said}{holder.stdout.read()}")
            yield
        finally:
            holder.kill()


def _hold(thread: int) -> None:
    """Stop a thread, and wait for its end."""
    trace = ctypes.CDLL(None, use_errno=True).ptrace
    trace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    trace.restype = ctypes.c_long
    for request in (_SEIZE, _INTERRUPT):
        if trace(request, thread, None, None) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    os.waitpid(thread, _WALL)
    print("frozen", flush=True)
    while os.WIFSTOPPED(os.waitpid(thread, _WALL)[1]):
        pass


if __name__ == "__main__":
    _hold(int(sys.argv[1]))
