"""A client of the submit socket, for submit.sh: submit_drive.py SOCKET COMMAND …"""
import hashlib
import json
import sys
import time

import zmq


class Client:
    def __init__(self, path):
        self.context, self.path, self.socket, self.number = zmq.Context(), path, None, 0
        self.connect()

    def connect(self):
        if self.socket:
            self.socket.close(0)
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.connect("ipc://" + self.path)

    def once(self, *frames, wait=2000):
        """The answer, or None when there is none in time."""
        self.socket.send_multipart(frames)
        return json.loads(self.socket.recv()) if self.socket.poll(wait) else None

    def ask(self, header, *document, seconds=60):
        """Again until it is answered: over a new connection, so that nothing old can come late."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.number += 1
            answer = self.once(json.dumps(dict(header, id=self.number)).encode(), *document)
            if answer and answer.get("id") == self.number and answer.get("error") not in ("busy", "stopping"):
                return answer
            if answer is None:
                self.connect()
            else:
                time.sleep(0.05)
        raise SystemExit("no answer in time")

    def final(self, receipt):
        while True:
            answer = self.ask({"receipt": receipt})
            if answer.get("state") in ("committed", "rejected") or "error" in answer:
                return answer
            time.sleep(0.02)


def statement(council, day, title):
    return (json.dumps({"kind": "signal", "council_id": council, "event_date": day, "published_at": day + "T00:00:00Z",
                        "publisher": "LGA", "tier": "A", "title": title,
                        "values": {"signal": "lmcs_change", "status": "occurred"}}) + "\n").encode()


def check(condition, text):
    if not condition:
        raise SystemExit(f"not so: {text}")


def receipts(client):
    document = statement("leeds", "2024-01-10", "one")
    header = {"feed": "hand", "client_id": "a", "name": "a note"}
    first = client.ask(header, document)
    check(first["receipt"].startswith("sha256:") and len(first["receipt"]) == 71, first)
    check(first["state"] == "stored" and first["duplicate"] is False and first["accepted_at"].endswith("Z"), first)
    done = client.final(first["receipt"])
    check(done["state"] == "committed" and done["evidence"] == 1 and done["new_evidence"] == 1, done)
    again = client.ask(header, document)
    check(again["receipt"] == first["receipt"] and again["document"] == first["document"], again)
    check(again["duplicate"] is True and again["accepted_at"] == first["accepted_at"] and again["state"] == "committed", again)
    other = client.ask(dict(header, client_id="b"), document)
    check(other["receipt"] != first["receipt"] and other["document"] != first["document"], other)
    check(client.final(other["receipt"])["new_evidence"] == 0, "another client's same content is new")
    bad = client.ask({"feed": "hand"}, b"this is no JSON")
    bad = client.final(bad["receipt"])
    check(bad["state"] == "rejected" and bad["reason"] and bad["mend"], bad)
    # A REQ socket, with and without its own numbers.
    for relaxed in (0, 1):
        req = client.context.socket(zmq.REQ)
        req.setsockopt(zmq.REQ_RELAXED, relaxed)
        req.setsockopt(zmq.REQ_CORRELATE, relaxed)
        req.connect("ipc://" + client.path)
        req.send_multipart([json.dumps(header).encode(), document])
        check(req.poll(5000) and json.loads(req.recv())["receipt"] == first["receipt"], "a REQ socket gets no answer")
        req.send(json.dumps({"receipt": first["receipt"]}).encode())
        check(req.poll(5000) and json.loads(req.recv())["state"] == "committed", "a REQ socket gets no answer to a question")
        req.close(0)


def errors(client):
    document = statement("leeds", "2024-01-10", "one")

    def error(code, *frames):
        answer = client.once(*frames)
        check(answer and answer.get("error") == code and answer.get("detail"), f"{code}: {answer}")
        return answer["detail"]

    def header(**members):
        return json.dumps(members).encode()

    check("no feed 'nonsense'" in error("unknown_feed", header(feed="nonsense"), document), "unknown feed")
    check("submissions = true" in error("submissions_off", header(feed="fetched"), document), "submissions off")
    check("enabled = false" in error("feed_off", header(feed="off"), document), "feed off")
    check("1048577 bytes" in error("too_large", header(feed="big"), b"x" * 1048577), "too large")
    check("65536" in error("too_large", header(feed="hand"), b"x" * 70000), "over max_size")
    error("malformed", b"nonsense", document)
    error("malformed", b"[]", document)
    error("malformed", header(feed=7), document)
    error("malformed", header(client_id="x"), document)
    error("malformed", header(feed="hand", client_id="x" * 200), document)
    error("malformed", header(feed="hand", client_id="a\nb"), document)
    error("malformed", b'{"feed":"hand","feed":"hand"}', document)
    error("malformed", b" " * 5000, document)
    error("malformed", header(feed="hand"))
    error("malformed", header(feed="hand"), document, document)
    error("malformed", *[b"x"] * 12)
    error("malformed", header(receipt="sha256:12"))
    error("malformed", header(receipt="sha256:" + "0" * 64), document)
    error("malformed", header(feed="hand", sha256="0" * 64), document)
    error("unknown_receipt", header(receipt="sha256:" + "0" * 64))
    good = client.once(header(feed="hand", sha256=hashlib.sha256(document).hexdigest(), id="mine"), document)
    check(good.get("receipt") and good["id"] == "mine", good)
    # More than a frame may hold ends the connection, and nothing else.
    big = Client(client.path)
    check(big.once(header(feed="big"), b"x" * 3000000, wait=500) is None, "a frame of 3 MB is answered")
    check(client.once(header(feed="hand"), document).get("receipt"), "the next one is not answered")


def flood(client, n):
    """Sends without reading; then counts what was accepted and what was refused."""
    for i in range(n):
        client.socket.send_multipart([json.dumps({"feed": "hand", "client_id": str(i), "id": i}).encode(),
                                      statement("leeds", "2024-02-01", f"flood {i}")])
    accepted = busy = 0
    while accepted + busy < n and client.socket.poll(5000):
        answer = json.loads(client.socket.recv())
        check("receipt" in answer or (answer["error"] == "busy" and answer["retry_after_ms"] > 0), answer)
        accepted += "receipt" in answer
        busy += "error" in answer
    print(accepted, busy)


def deaf(client, n):
    """Sends and never reads."""
    client.socket.setsockopt(zmq.RCVHWM, 1)
    for i in range(n):
        try:
            client.socket.send_multipart([json.dumps({"feed": "hand", "client_id": "deaf"}).encode(),
                                          statement("leeds", "2024-02-02", "deaf")], zmq.DONTWAIT)
        except zmq.Again:
            time.sleep(0.001)
    client.socket.close(0)


def endure(client, n, path):
    """n documents through whatever happens to the daemon; each receipt is written down as it comes."""
    councils = ["leeds", "bradford", "wirral", "sefton", "bury", "bolton"]
    with open(path, "w", buffering=1) as out:
        for i in range(n):
            day = f"2024-{1 + i // 168:02}-{1 + i // 6 % 28:02}"
            out.write(client.ask({"feed": "hand", "client_id": "e"}, statement(councils[i % 6], day, f"no {i}"))["receipt"] + "\n")


def verify(client, path):
    states = {}
    for line in open(path):
        answer = client.final(line.strip())
        states[answer.get("state", answer.get("error"))] = states.get(answer.get("state", answer.get("error")), 0) + 1
    print(json.dumps(states))


client = Client(sys.argv[1])
arguments = [int(a) if a.isdigit() else a for a in sys.argv[3:]]
{"receipts": receipts, "errors": errors, "flood": flood, "deaf": deaf, "endure": endure, "verify": verify}[sys.argv[2]](client, *arguments)
client.context.destroy(0)
