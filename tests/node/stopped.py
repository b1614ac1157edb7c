"""Stops one thread of a program, while the others go on."""
import ctypes
import os

from kithnode import Failure, Skipped


def thread_of(pid, name):
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/comm", encoding="ascii") as file:
            if file.read().strip() == name:
                return int(task)
    raise Failure(f"no thread {name}")


class Stopped:
    """One thread of a program, which stands still meanwhile."""
    SEIZE, INTERRUPT, DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000

    def __init__(self, thread):
        self.thread, self.libc, self.ended = thread, ctypes.CDLL(None, use_errno=True), False

    def ptrace(self, request):
        if self.libc.ptrace(request, self.thread, None, None):
            raise Skipped(f"threads cannot be stopped here: {os.strerror(ctypes.get_errno())}")

    def __enter__(self):
        self.ptrace(self.SEIZE)
        self.ptrace(self.INTERRUPT)
        os.waitpid(self.thread, self.WALL)
        return self

    def has_ended(self):
        """A thread that is watched so is not gone before we have looked."""
        thread, status = os.waitpid(self.thread, self.WALL | os.WNOHANG)
        self.ended = thread != 0 and (os.WIFSIGNALED(status) or os.WIFEXITED(status))
        return self.ended

    def __exit__(self, *_):
        if not self.ended:
            self.ptrace(self.DETACH)
