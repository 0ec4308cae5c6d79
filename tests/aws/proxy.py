"""Proxies in front of the local AWS: one changes requests on their way and signs them anew, one
holds them back and then passes them on as they are."""

import http.client
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

# Of one connection, not of what is said.
HOP_BY_HOP = {"content-length", "transfer-encoding", "connection"}


@contextmanager
def proxy(environment, service, change):
    """Serves a service of the local AWS at the URL that it yields; `change(target, body)` gives
    the body to send, where the target is the operation of an AWS JSON request."""
    endpoint = environment["AWS_ENDPOINT_URL"]
    names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
    credentials = Credentials(*(environment[name] for name in names))
    signer = SigV4Auth(credentials, service, environment["AWS_REGION"])

    def forward(method, path, headers, body):
        body = change(headers.get("X-Amz-Target", ""), body)
        kept = ["Content-Type", "X-Amz-Target"]
        headers = {name: headers[name] for name in kept if name in headers}
        request = AWSRequest(method, endpoint + path, headers, body)
        signer.add_auth(request)
        return body, dict(request.headers)

    with serving(endpoint, forward) as url:
        yield url


@contextmanager
def gate(environment, hold):
    """Serves the local AWS at the URL that it yields; each request waits for
    `hold(method, path, headers)` first."""

    def forward(method, path, headers, body):
        hold(method, path, headers)
        return body, dict(headers)

    with serving(environment["AWS_ENDPOINT_URL"], forward) as url:
        yield url


@contextmanager
def serving(endpoint, forward):
    """Sends on what `forward` makes of each request."""

    class Handler(BaseHTTPRequestHandler):
        def pass_on(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body, headers = forward(self.command, self.path, self.headers, body)
            connection = http.client.HTTPConnection(urlsplit(endpoint).netloc)
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            if answer.status != http.client.NOT_MODIFIED:
                self.send_header("Content-Length", str(len(content)))
            connection.close()
            # Whoever asked may have been killed while it waited.
            with suppress(ConnectionError):
                self.end_headers()
                self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = pass_on

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
