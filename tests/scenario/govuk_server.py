#!/usr/bin/python3
"""GOV.UK's Search and Content APIs, a finder as Atom and a news feed, on the loopback interface, in the forms that they have. Prints its
port; the log of requests is the file given as first argument, one "status path" a line; the second argument is a directory of
switches: a file there named
    closed    the collection says that the notice to Halton was closed, and the notice's own page has changed since
    refuse    the search answers 422, as it does to a parameter that it does not know
    broken    the news feed breaks off
Serves until its standard input ends.
"""
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

LOG, SWITCHES = open(sys.argv[1], "a", buffering=1), sys.argv[2]
NOTICES = "/government/publications/"
# path, title, first published, notes since
PAGES = [
    (NOTICES + "halton", "Improvement notice issued to Halton Borough Council: March 2024", "2024-03-28T09:30:00.000+00:00", []),
    (NOTICES + "swindon", "Improvement notice issued to Swindon Borough Council", "2023-11-15T09:30:00Z",
     [("2024-01-10T10:00:00+00:00", "Added a letter.")]),
    (NOTICES + "bedford", "Improvement notice issued to Bedford Borough Council for SEND services", "2024-06-15T10:30:00+01:00", []),
    (NOTICES + "withdrawn", "Improvement notice: guidance", "2020-01-15T10:30:00+00:00", []),
]
OTHERS = [("/government/collections/notices", "Improvement notice collection"), (NOTICES + "term-dates", "Term dates")]


def on(switch):
    return os.path.exists(os.path.join(SWITCHES, switch))


def content(path, title, first, notes):
    history = [{"public_timestamp": when, "note": note} for when, note in notes] + [{"public_timestamp": first, "note": "First published."}]
    return {"base_path": path, "title": title, "schema_name": "publication", "document_type": "decision", "locale": "en",
            "first_published_at": first, "public_updated_at": history[0]["public_timestamp"], "withdrawn_notice": {},
            "details": {"body": "<div class=\"govspeak\"><p>Text.</p></div>", "change_history": history},
            "links": {"organisations": [{"title": "Department for Education"}]}}


def collection():
    notes = [("2024-04-02T09:00:00+01:00", "Added ‘Improvement notice issued to Halton Borough Council: March 2024’ to the open notices section.")]
    if on("closed"):
        notes.insert(0, ("2025-09-01T09:00:00+01:00", "Moved 'Improvement notice issued to Halton Borough Council: March 2024' to 'Closed notices'."))
    return content("/government/collections/notices", "Improvement notices and directions", "2013-07-03T09:00:00Z", notes)


NEWS = """<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title>News</title>
<item><title><![CDATA[Thurrock Council issues section 114 notice]]></title><description>It cannot balance its budget.</description>
<link>https://news.example.org/1</link><guid isPermaLink="false">1</guid><pubDate>Mon, 29 Jun 2026 16:30:00 BST</pubDate></item>
<item><title>Weather</title><description>Rain</description><link>https://news.example.org/2</link></item>
</channel></rss>"""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body, kind="application/json"):
        body = (body if isinstance(body, str) else json.dumps(body)).encode()
        LOG.write(f"{status} {self.path}\n")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        url = urlsplit(self.path)
        if url.path == "/api/search.json":
            return self.search(parse_qs(url.query))
        if url.path == "/news.xml":
            return self.answer(200, NEWS[:-60] if on("broken") else NEWS, "application/rss+xml; charset=utf-8")
        if url.path == "/api/content/government/collections/notices":
            return self.answer(200, collection())
        for path, title, first, notes in PAGES:
            if url.path == "/api/content" + path:
                changed = [("2025-10-01T09:00:00+01:00", "Added the letter that closes it.")] if on("closed") and path.endswith("halton") else []
                return self.answer(200, content(path, title, first, changed + notes))
        return self.answer(404, {})

    def search(self, query):
        known = {"q", "filter_organisations", "order", "count", "start", "fields"}
        if on("refuse") or set(query) - known:
            return self.answer(422, {"error": "Unexpected parameters: " + ", ".join(sorted(set(query) - known)) or "x"})
        found = [{"link": p[0], "title": p[1], "public_timestamp": (p[3][0][0] if p[3] else p[2]), "_id": p[0]} for p in PAGES]
        found += [{"link": link, "title": title} for link, title in OTHERS]
        start = int(query.get("start", ["0"])[0])
        return self.answer(200, {"results": found[start:start + 3], "total": len(found), "start": start})


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


def main():
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
