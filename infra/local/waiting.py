"""Waiting for what the local AWS does by and by."""

import time


class Failed(Exception):
    """Something on the local AWS did not do what it should."""


def wait_until(condition, seconds, complaint, every=0.2):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f"after {seconds} s {complaint()}")
        time.sleep(every)
