"""What a cold start takes, from the process to its first look for work: `make measure-start`.

Each function of the template is started as Lambda does it, many times, in turn with the others,
so that what else the machine does hits all of them alike. CPU is that of all threads, of the
system too, in nanoseconds. The program is in memory: reading it from where Lambda keeps it, and
Lambda's own time, are not in it.

    python measure_start.py [--runs N] [--profile release] [--cpu-ms-max N]
"""

import argparse
import os
import statistics
import sys
from datetime import datetime, timezone

from sandbox import TARGET, functions, started

MIB = 1 << 20


def main():
    words = argparse.ArgumentParser()
    words.add_argument("--runs", type=int, default=20)
    words.add_argument("--profile", default="release")
    words.add_argument("--cpu-ms-max", type=float, default=30)
    given = words.parse_args()
    print(f"{datetime.now(timezone.utc):%Y-%m-%d}, {os.cpu_count()} cores, {given.runs} starts each,")
    print(f"load {os.getloadavg()[0]:.1f}, profile {given.profile}\n")
    took = [(function, []) for function in functions()]
    # What is read for the first time is not measured.
    for run in range(1 + given.runs):
        for function, starts in took:
            with started(function, given.profile) as (_, start, _, _):
                if run > 0:
                    starts.append(start)
    print("| function | CPU, median (90 %) | wall, median (90 %) | resident | binary |")
    print("|---|---|---|---|---|")
    slow = []
    for function, starts in took:
        cpu, cpu_shown = times([start.cpu_ms for start in starts])
        _, wall_shown = times([start.wall_ms for start in starts])
        resident = max(start.resident_kib for start in starts) / 1_024
        size = (TARGET / given.profile / function.binary).stat().st_size / MIB
        print(
            f"| `{function.name}` | {cpu_shown} | {wall_shown} | {resident:.1f} MiB"
            f" | {size:.1f} MiB |"
        )
        if cpu > given.cpu_ms_max:
            slow.append(function.name)
    if slow:
        sys.exit(f"error: more than {given.cpu_ms_max:g} ms of CPU: {', '.join(slow)}")


def times(milliseconds):
    median = statistics.median(milliseconds)
    most = statistics.quantiles(milliseconds, n=10, method="inclusive")[-1]
    return median, f"{median:.1f} ms ({most:.1f})"


if __name__ == "__main__":
    main()
