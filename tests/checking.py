"""What the tests of an installed or generated tree are made of: functions whose names say what holds, one after the other."""
import time


class Failed(Exception):
    """What a test expected does not hold."""


def check(holds, text):
    if not holds:
        raise Failed(text)


def run_all(tests, *arguments, after=None):
    """Calls each test with the arguments, and `after` behind each. Prints how each ended; returns the exit code."""
    failures = 0
    for test in tests:
        verdict, before = "ok", time.monotonic()
        try:
            test(*arguments)
        except Failed as failure:
            print(failure)
            verdict = "FAILED"
            failures += 1
        finally:
            if after:
                after()
        print(f"{verdict:6} {test.__name__.replace('_', ' ')} ({time.monotonic() - before:.1f} s)", flush=True)
    return 1 if failures else 0
