#!/usr/bin/python3
"""A publisher with a search page, provider pages and report files, on the loopback interface, and the links that such pages should
not have. Prints its port; the log of requests is the file given as first argument, one "status path" a line; the second argument is
a directory of switches: a file there named
    slow      every answer takes a fifth of a second
    refuse    search pages answer 422
    strip     provider pages have no links
    changed   provider pages have another report
    half      half of the provider pages answer 500
Serves until its standard input ends.
"""
import hashlib
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

LOG, SWITCHES = open(sys.argv[1], "a", buffering=1), sys.argv[2]
COUNCILS = ["barnet", "bury", "kent", "leeds", "luton", "medway", "oldham", "poole", "surrey", "torbay", "trafford", "wigan",
            "wirral", "york", "bexley", "brent", "bromley", "camden", "croydon", "ealing", "enfield", "halton", "harrow"]
PAGE = 10


def on(switch):
    return os.path.exists(os.path.join(SWITCHES, switch))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body="", **headers):
        body = body.encode()
        etag = '"' + hashlib.sha256(body).hexdigest()[:16] + '"'
        if status == 200 and self.headers.get("If-None-Match") == etag:
            status, body = 304, b""
        LOG.write(f"{status} {self.path}\n")
        self.send_response(status)
        if status in (200, 304):
            self.send_header("ETag", etag)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if on("slow"):
            time.sleep(0.2)
        url = urlsplit(self.path)
        parts = url.path.strip("/").split("/")
        if parts[0] == "search":
            return self.search(int(parse_qs(url.query).get("start", ["0"])[0]))
        if parts[0] == "provider" and parts[-1].isdigit():
            return self.provider(int(parts[-1]))
        if parts[0] == "v1":
            return self.file(int(parts[-1]))
        if parts[0] == "api":
            return self.api(parts[1], int(parse_qs(url.query).get("start", ["0"])[0]))
        if parts[0] == "loop":
            return self.answer(302, "", Location="/loop")
        if parts[0] == "away":
            return self.answer(302, "", Location=f"http://localhost:{self.server.server_address[1]}/v1/file/9999")
        return self.answer(404)

    def api(self, kind, start):
        """kind count: pages by start; repeat: the same, but the first page over and over behind the last; cursor: each names the next."""
        found = COUNCILS[start:start + PAGE]
        if kind == "repeat" and not found:
            found = COUNCILS[len(COUNCILS) - len(COUNCILS) % PAGE:]
        body = {"results": [{"council": name, "date": "2020-01-01", "grade": "good"} for name in found]}
        if kind == "cursor" and start + PAGE < len(COUNCILS):
            body["links"] = {"next": f"/api/cursor?start={start + PAGE}"}
        elif kind == "cursor":
            body["links"] = {"next": "/api/cursor?start=10"}  # in a circle
        return self.answer(200, json.dumps(body), Content_Type="application/json")

    def search(self, start):
        if on("refuse"):
            return self.answer(422, '{"error":"Unexpected parameter: rows"}', Content_Type="application/json")
        found = COUNCILS[start:start + PAGE]
        items = "".join(f'<li><h3><a href="/provider/44/{start + i}">{name.title()} council</a></h3></li>'
                        for i, name in enumerate(found))
        return self.answer(200, f"""<!doctype html><html><head><title>Search</title></head><body>
            <nav><a href="/">Home</a> <a href="/about?x=/provider">About</a></nav>
            <ul class="results-list">{items}</ul>
            <p>{len(found)} of {len(COUNCILS)}</p></body></html>""", Content_Type="text/html; charset=utf-8")

    def provider(self, number):
        if on("half") and number % 2:
            return self.answer(500)
        port = self.server.server_address[1]

        def link(href, text):
            return (f'<li><a class="publication-link" href="{href}">Full inspection<span class="nonvisual">, {text}, pdf - '
                    f'29 January 2025</span></a></li>')

        links = "" if on("strip") else "".join([
            link(f"/v1/file/{1000 + number}", "children&#8217;s services inspection"),
            link(f"http://127.0.0.1:{port}/v1/file/{2000 + number}#page=2", "Children's services inspection"),
            link(f"/v1/file/{3000 + number}", "independent fostering agency"),
            link(f"/v1/file/{1000 + number}", "children's services inspection"),
            link(f"/v1/file/{4000 + number}", "children's services inspection") if on("changed") else "",
        ])
        hostile = "" if number else "".join(link(href, "children's services inspection") for href in (
            "http://evil.example/v1/file/1", "file:///etc/passwd", "javascript:alert(1)", "http://169.254.169.254/latest/meta-data/",
            f"//localhost:{port}/v1/file/6666", f"http://127.0.0.1:{port}@evil.example/v1/file/1", "ftp://127.0.0.1/x",
            f"http://127.0.0.1:{port}\\@evil.example/v1/file/7777", "/loop/1", "/away/1", "/gone/1"))
        return self.answer(200, f"""<html><head><title>{COUNCILS[number]}</title></head><body>
            <a href="/search">Back</a><ol>{links}{hostile}</ol>
            <a href="/provider/44/{number}/unrelated">Unrelated</a></body></html>""", Content_Type="text/html")

    def file(self, number):
        if not 1000 <= number < 5000:
            return self.answer(404)
        council, grade = COUNCILS[number % 1000], ["", "good", "inadequate", "", "outstanding"][number // 1000]
        return self.answer(200, f"council,date,grade\n{council},{2017 + number // 1000}-05-0{1 + number % 9},{grade}\n", Content_Type="text/csv")


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
