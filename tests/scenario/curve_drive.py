"""Clients of the tcp endpoints: with the right keys, and with all the wrong ones. Used by curve.sh.

    curve_drive.py refused DIRECTORY ALERTS QUERY STATUS…   who may not come in does not, and is counted
    curve_drive.py replay DIRECTORY QUERY STATUS…           a recorded connection sent again
    curve_drive.py lists DIRECTORY QUERY ALERTS PID         another list of keys: nobody else is disturbed

STATUS… is a command that prints the status as JSON.
"""
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import zmq
from zmq.utils.monitor import recv_monitor_message

PATIENCE = 10000  # ms until what must come has come
SILENCE = 1500    # ms after which what must not come is taken not to


def pair(path):
    """Public and secret key of a secret file, as bytes of Z85."""
    with open(path) as file:
        line = [l for l in file if not l.startswith("#")][0]
    return [word.encode() for word in line.split()[1:]]


class Client:
    def __init__(self, kind, endpoint, server=None, own=None):
        self.context = zmq.Context()
        self.socket = self.context.socket(kind)
        self.socket.linger = 0
        self.socket.reconnect_ivl = 100
        if own:
            self.socket.curve_publickey, self.socket.curve_secretkey = own
            self.socket.curve_serverkey = server
        self.monitor = self.socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED)
        if kind == zmq.SUB:
            self.socket.subscribe(b"heartbeat")
        self.socket.connect(endpoint)

    def ask(self, patience=PATIENCE):
        """The answer to a question, None when there is none."""
        self.socket.send(b'{"snapshot":true}')
        return json.loads(self.socket.recv()) if self.socket.poll(patience) else None

    def hears(self, patience=PATIENCE):
        return bool(self.socket.poll(patience)) and self.socket.recv_multipart()[0] == b"heartbeat"

    def event(self, wanted, patience=PATIENCE):
        end = time.monotonic() + patience / 1000
        while time.monotonic() < end:
            if self.monitor.poll(100) and recv_monitor_message(self.monitor)["event"] == wanted:
                return True
        return False

    def close(self):
        self.socket.disable_monitor()
        self.context.destroy(linger=0)


def refusals(command):
    answer = json.loads(subprocess.run(command, capture_output=True, text=True).stdout)
    return {door["endpoint"]: door for door in answer["refused"]}


def count(command, door, reasons):
    return sum(refusals(command)[door][reason] for reason in reasons)


def counted(command, door, reasons, before):
    """Waits until the count of a door has risen."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if count(command, door, reasons) > before:
            return
        time.sleep(0.2)
    sys.exit("a refusal at %s is not counted as %s: %s" % (door, reasons, refusals(command)))


def check(what, is_so):
    if not is_so:
        sys.exit("not so: " + what)
    print("ok:", what)


def refused(directory, alerts, query, *status):
    server, alice, mallory = (pair("%s/%s.key" % (directory, name)) for name in ("server", "alice", "mallory"))
    good = Client(zmq.DEALER, query, server[0], alice)
    check("the right key is answered", good.ask()["snapshot"] is True)
    stream = Client(zmq.SUB, alerts, server[0], alice)
    check("the right key hears the alert stream", stream.hears())
    # Who has no key may be gone before the server has read that.
    for what, reasons, keys in (("no key", ("no_key", "handshake"), {}),
                                ("the public key of another server", ("handshake",), {"server": mallory[0], "own": alice}),
                                ("a key that is on no list", ("unknown_key",), {"server": server[0], "own": mallory})):
        for kind, endpoint, door in ((zmq.DEALER, query, "query"), (zmq.SUB, alerts, "alerts")):
            before = count(status, door, reasons)
            bad = Client(kind, endpoint, **keys)
            heard = bad.ask(SILENCE) if kind == zmq.DEALER else bad.hears(SILENCE)
            check("%s is not answered at %s" % (what, door), not heard)
            counted(status, door, reasons, before)
            bad.close()
    check("the right key is answered afterwards", good.ask()["snapshot"] is True)
    check("and hears the stream", stream.hears())
    good.close()
    stream.close()


class Recorder:
    """Passes one connection through, and remembers what the client sent."""

    def __init__(self, port):
        self.port, self.sent = port, b""
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.run, daemon=True).start()

    def endpoint(self):
        return "tcp://127.0.0.1:%d" % self.listener.getsockname()[1]

    def run(self):
        client, _ = self.listener.accept()
        server = socket.create_connection(("127.0.0.1", self.port))
        threading.Thread(target=self.back, args=(server, client), daemon=True).start()
        while data := client.recv(65536):
            self.sent += data
            server.sendall(data)

    @staticmethod
    def back(server, client):
        while data := server.recv(65536):
            client.sendall(data)


def receive_all(connection):
    got = b""
    try:
        while data := connection.recv(65536):
            got += data
    except (ConnectionError, TimeoutError):
        pass
    return got


def replay(directory, query, *status):
    port = int(query.rsplit(":", 1)[1])
    recorder = Recorder(port)
    client = Client(zmq.DEALER, recorder.endpoint(), pair(directory + "/server.key")[0], pair(directory + "/alice.key"))
    answer = client.ask()
    check("a client is answered through the recorder", answer["snapshot"] is True)
    whole = len(recorder.sent)
    client.close()
    check("what was recorded does not hold the question in clear", b"snapshot" not in recorder.sent)
    before = count(status, "query", ("handshake",))
    # All at once, and piece by piece as the server of then would have answered.
    for cut in (whole, 64, 264):
        with socket.create_connection(("127.0.0.1", port), timeout=3) as again:
            again.sendall(recorder.sent[:cut])
            time.sleep(0.3)
            try:
                again.sendall(recorder.sent[cut:])
            except ConnectionError:
                pass
            got = receive_all(again)
        # The greeting (64 bytes) and WELCOME (170 with its frame) say nothing that is anybody's; an answer has kilobytes.
        check("a recorded connection sent again gets %d bytes, no answer" % len(got), len(got) <= 300)
    counted(status, "query", ("handshake",), before + 2)
    check("and is counted each time", True)


def reload(pid, log, n):
    os.kill(int(pid), signal.SIGHUP)
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with open(log) as file:
            if file.read().count("config.reloaded") >= n:
                return
        time.sleep(0.05)
    sys.exit("the daemon does not reload")


def write(path, *names):
    """A list of these keys."""
    text = ""
    for name in names:
        with open(os.path.dirname(path) + "/" + name + ".pub") as file:
            text += file.read()
    with open(path, "w") as file:
        file.write(text)


def lists(directory, query, alerts, pid):
    log, path = directory + "/daemon.log", directory + "/subscribers.keys"
    server, alice, bob = (pair("%s/%s.key" % (directory, name)) for name in ("server", "alice", "bob"))
    a, s = Client(zmq.DEALER, query, server[0], alice), Client(zmq.SUB, alerts, server[0], alice)
    check("alice comes in", a.ask()["snapshot"] and s.hears())
    b = Client(zmq.DEALER, query, server[0], bob)
    check("bob does not", b.ask(SILENCE) is None)
    b.close()
    write(path, "alice", "bob")
    reload(pid, log, 1)
    b, t = Client(zmq.DEALER, query, server[0], bob), Client(zmq.SUB, alerts, server[0], bob)
    check("after a reload bob comes in", b.ask()["snapshot"] and t.hears())
    for client in (a, s):
        check("alice was not disturbed", not client.event(zmq.EVENT_DISCONNECTED, 300))
    check("and is answered on the same connection", a.ask()["snapshot"] and s.hears())
    for client in (a, s, b, t):
        client.event(zmq.EVENT_DISCONNECTED, 100)  # forget what was
    write(path, "bob")
    reload(pid, log, 2)
    check("a key taken off the list loses its question's connection", a.event(zmq.EVENT_DISCONNECTED))
    check("and the one on which it only listened", s.event(zmq.EVENT_DISCONNECTED))
    check("it is not answered any more", a.ask(SILENCE) is None)
    while s.socket.poll(0):
        s.socket.recv_multipart()
    check("and hears nothing", not s.hears(SILENCE))
    for client in (b, t):
        check("bob was not disturbed", not client.event(zmq.EVENT_DISCONNECTED, 300))
    check("bob is answered and hears", b.ask()["snapshot"] and t.hears())
    for client in (a, s, b, t):
        client.close()


{"refused": refused, "replay": replay, "lists": lists}[sys.argv[1]](*sys.argv[2:])
