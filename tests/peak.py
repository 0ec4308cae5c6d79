"""How much memory, CPU and time a command takes: `watch(COMMAND...)`.

It is run below a process of its own, `python peak.py COMMAND...`, because what a child is said to
have taken includes what its parent held when it was started, and a test run holds much.
"""

import json
import os
import subprocess
import sys
import time
from typing import NamedTuple


class Took(NamedTuple):
    """What a command printed, and what it took to."""

    code: int
    printed: str
    kib: int
    cpu_seconds: float
    seconds: float


def watch(*command):
    watching = [sys.executable, "-B", __file__, *command]
    ran = subprocess.run(watching, stdout=subprocess.PIPE, check=True)
    return Took(**json.loads(ran.stdout))


def main():
    began = time.monotonic()
    process = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
    printed = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    cpu_seconds = usage.ru_utime + usage.ru_stime
    took = Took(process.returncode, printed, usage.ru_maxrss, cpu_seconds, seconds)
    json.dump(took._asdict(), sys.stdout)


if __name__ == "__main__":
    main()
