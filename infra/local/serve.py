"""MiniStack as an application whose connections count as encrypted.

The template refuses whatever does not come over TLS, and the local AWS holds every caller to its
policies. On the loopback interface there is no TLS, so each request says that it came over it.
"""

from ministack.app import app as ministack

TLS = (b"x-forwarded-proto", b"https")


async def app(scope, receive, send):
    if scope["type"] == "http":
        scope = {**scope, "headers": [*scope["headers"], TLS]}
    await ministack(scope, receive, send)
