"""Runs a command and says how much memory, CPU and time it took: `python peak.py COMMAND...`.

A process of its own, because what a child is said to have taken includes what its parent held when
it was started, and a test run holds much.
"""

import json
import os
import subprocess
import sys
import time

started = time.monotonic()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
printed = process.stdout.read().decode()
_, status, usage = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
took = {"kib": usage.ru_maxrss, "cpu_seconds": usage.ru_utime + usage.ru_stime}
took["seconds"] = time.monotonic() - started
json.dump({"code": process.returncode, "printed": printed} | took, sys.stdout)
