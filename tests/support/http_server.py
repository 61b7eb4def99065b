#!/usr/bin/python3
"""A web server on the loopback interface that answers as badly as the real ones do. Prints its port, then serves until its
standard input ends.

/ok            a body with ETag and Last-Modified; 304 to a conditional request
/doc/NAME      the file NAME of the directory given as argument, with an ETag of its content
/log           the requests so far, as JSON
and one path for each kind of trouble, below.
"""
import gzip
import hashlib
import json
import os
import sys
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY = b"council,grade\nbradford,good\n" * 100
BOMB = gzip.compress(b"\0" * (16 << 20), 1)
LOG = []
DIRECTORY = sys.argv[1] if len(sys.argv) > 1 else None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 304:
            self.wfile.write(body)

    def do_GET(self):
        LOG.append({"path": self.path, "time": time.time(), "headers": dict(self.headers)})
        name = self.path.split("?")[0].strip("/")
        if name.startswith("doc/"):
            return self.document(name[4:])
        trouble = getattr(self, "get_" + name.replace("-", "_"), None)
        if not trouble:
            return self.answer(404, b"there is no such page")
        return trouble()

    def document(self, name):
        try:
            with open(os.path.join(DIRECTORY, name), "rb") as file:
                body = file.read()
        except OSError:
            return self.answer(404, b"gone")
        etag = '"' + hashlib.sha256(body).hexdigest()[:16] + '"'
        if self.headers.get("If-None-Match") == etag:
            return self.answer(304, ETag=etag)
        return self.answer(200, body, ETag=etag, Content_Type="text/csv")

    def port(self):
        return self.server.server_address[1]

    def get_log(self):
        self.answer(200, json.dumps(LOG).encode())

    def get_ok(self):
        etag, date = '"v1"', "Mon, 02 Sep 2024 07:08:55 GMT"
        if self.headers.get("If-None-Match") == etag or self.headers.get("If-Modified-Since") == date:
            return self.answer(304, ETag=etag)
        return self.answer(200, BODY, ETag=etag, Last_Modified=date, Content_Type="text/csv; charset=utf-8")

    def get_empty(self):
        self.answer(200)

    def get_gzip(self):
        self.answer(200, gzip.compress(BODY), Content_Encoding="gzip")

    def get_bomb(self):
        self.answer(200, BOMB, Content_Encoding="gzip")

    def get_bad_gzip(self):
        self.answer(200, b"this is not gzip at all", Content_Encoding="gzip")

    def get_unconditional_304(self):
        self.answer(304)

    def get_forbidden(self):
        self.answer(403, b"x" * 200000)

    def get_busy(self):
        self.answer(429, Retry_After="7")

    def get_down(self):
        self.answer(503, Retry_After=formatdate(time.time() + 90, usegmt=True))

    def get_down_silently(self):
        self.answer(503)

    def get_no_content(self):
        self.answer(204)

    def get_redirect(self):
        self.answer(302, b"elsewhere", Location="/ok")

    def get_redirect_host(self):
        self.answer(301, Location=f"http://localhost:{self.port()}/ok")

    def get_redirect_file(self):
        self.answer(302, Location="file:///etc/passwd")

    def get_redirect_ftp(self):
        self.answer(302, Location="ftp://127.0.0.1/x")

    def get_redirect_loop(self):
        self.answer(302, Location="/redirect-loop")

    def get_redirect_nowhere(self):
        self.answer(302)

    def get_truncated(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self.wfile.write(BODY)
        self.close_connection = True

    def get_truncated_chunks(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"100\r\n" + b"x" * 256 + b"\r\n")
        self.close_connection = True

    def get_endless(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        except OSError:
            self.close_connection = True

    def get_announced_large(self):
        self.send_response(200)
        self.send_header("Content-Length", str(1 << 40))
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"x" * 65536)
        except OSError:
            self.close_connection = True

    def get_slow(self):
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"x")
        self.wfile.flush()
        time.sleep(20)

    def get_silent(self):
        time.sleep(20)

    def get_close(self):
        self.close_connection = True
        self.connection.close()

    def get_garbage(self):
        self.wfile.write(b"hello, this is not HTTP\r\n\r\n")
        self.close_connection = True

    def get_headers(self):
        try:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            for i in range(20000):
                self.wfile.write(b"X-%d: %s\r\n" % (i, b"y" * 100))
            self.wfile.write(b"\r\n")
        except OSError:
            pass
        self.close_connection = True


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


def main():
    server = Server(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.buffer.read()


main()
