"""MiniStack as an application, with two things put right.

The template refuses whatever does not come over TLS, and the local AWS holds every caller to its
policies. On the loopback interface there is no TLS, so each request says that it came over it.

Glue replaces a table by compare-and-set. MiniStack 1.5.33 compares and sets in two steps and
serves each request in a thread, so here requests to its Glue come one at a time.
"""

import threading

from ministack.app import app as ministack
from ministack.services import glue

TLS = (b"x-forwarded-proto", b"https")

handle = glue._handle_request_sync
one_at_a_time = threading.Lock()


def handle_alone(*request):
    with one_at_a_time:
        return handle(*request)


glue._handle_request_sync = handle_alone


async def app(scope, receive, send):
    if scope["type"] == "http":
        scope = {**scope, "headers": [*scope["headers"], TLS]}
    await ministack(scope, receive, send)
