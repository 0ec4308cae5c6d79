"""A proxy in front of the local AWS that changes requests on their way and signs them anew."""

import http.client
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


@contextmanager
def proxy(environment, service, change):
    """Serves a service of the local AWS at the URL that it yields; `change(target, body)` gives
    the body to send, where the target is the operation of an AWS JSON request."""
    endpoint = environment["AWS_ENDPOINT_URL"]
    names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
    credentials = Credentials(*(environment[name] for name in names))
    signer = SigV4Auth(credentials, service, environment["AWS_REGION"])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            body = change(self.headers.get("X-Amz-Target", ""), body)
            kept = ["Content-Type", "X-Amz-Target"]
            headers = {name: self.headers[name] for name in kept if name in self.headers}
            request = AWSRequest("POST", endpoint + self.path, headers, body)
            signer.add_auth(request)
            connection = http.client.HTTPConnection(urlsplit(endpoint).netloc)
            connection.request("POST", self.path, body, dict(request.headers))
            answer = connection.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            connection.close()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
