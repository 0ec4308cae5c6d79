"""A command in a process of its own, on chosen cores, and what it took."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

PEAK = Path(__file__).parent.parent / "peak.py"
SECONDS_MAX = 300
REASON_CHARS_MAX = 110


class Failed(Exception):
    """Why a command gave nothing, in short."""


def measure(command, cores, expect=(0,)):
    """What the command prints, as a JSON object for each line, and the time and memory it took."""
    words = [sys.executable, "-B", PEAK, *map(str, command)]
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        # A reason is a line, and no trace of where it arose.
        env=os.environ | {"RUST_BACKTRACE": "0"},
        start_new_session=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    try:
        out, complaints = process.communicate(timeout=SECONDS_MAX)
    except subprocess.TimeoutExpired:
        raise Failed(f"not done after {SECONDS_MAX} s") from None
    finally:
        # It and what it started, if that is still there.
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    ended = json.loads(out) if out else {"code": process.returncode}
    if ended["code"] not in expect:
        raise Failed(reason(ended["code"], complaints))
    printed = [json.loads(line) for line in ended.pop("printed").splitlines() if line[:1] == "{"]
    return printed, {"mib": ended["kib"] / 1_024, **ended}


def reason(code, complaints):
    lines = [line.strip() for line in complaints.splitlines() if line.strip()]
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    text = lines[-1] if lines else f"exit code {code}"
    return text if len(text) <= REASON_CHARS_MAX else text[:REASON_CHARS_MAX].rstrip() + " ..."
