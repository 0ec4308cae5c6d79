"""A proxy in front of the local AWS that changes requests on their way."""

import http.client
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@contextmanager
def proxy(endpoint, change):
    """Serves `endpoint` at the URL that it yields; `change(target, body)` gives the body to send,
    where the target is the operation of an AWS JSON request."""
    host = urlsplit(endpoint).netloc

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            body = change(self.headers.get("X-Amz-Target", ""), body)
            headers = {k: v for k, v in self.headers.items() if k.lower() != "content-length"}
            connection = http.client.HTTPConnection(host)
            connection.request("POST", self.path, body, headers)
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
