#!/usr/bin/python3
"""A normaliser that was taken over: it takes its first document, then lies in the way that the file named by $CW_LIE says, and waits to be ended.

It removes that file, and when started without it becomes the real normaliser ($CW_REAL), so that a service with this as its normaliser goes
on after the lie. Started by councilwatchd as councilwatch-normaliser, or by hand with --key FILE --server-key FILE for tcp endpoints.

    foreign   evidence about the next document, with the lease of its own
    guess     evidence about its own document, with a lease that it made up
    garbage   frames that are no message, to the assessor
    count     more records than a batch may have
    short     fewer records than it says
    turn      the third batch first
    unheard   a flood about documents that nobody announced
    kind      what only the assessor may send, to the daemon
    acks      acknowledges chunks that it never got
    links     links of a document that leads nowhere
    commit    plays the assessor at the commit socket
    control   asks the daemon to read its configuration again
    submit    hands a document in
    other     says it is the assessor's process
"""
import json
import os
import struct
import sys
import time

import zmq

MAGIC, VERSION = 0x31575743, 2
READY, CHUNK_ACK, LINKS, DOCUMENT, EVIDENCE, DONE, COMMITTED = 1, 4, 6, 10, 20, 22, 40
HEADER = struct.Struct("<IBBHQIIIIQ")


def pack(kind, document=0, attempt=0, sequence=0, count=0, number=0, payload=b""):
    frames = [HEADER.pack(MAGIC, VERSION, kind, 0, document, attempt, sequence, count, 0, number)]
    return frames + [payload] if payload else frames


def option(name):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else None


def key(path):
    with open(path) as file:
        return [line.split() for line in file if not line.startswith("#")][0]


def connect(context, endpoint):
    socket = context.socket(zmq.DEALER)
    socket.linger = 500
    if option("--key"):
        _, socket.curve_publickey, socket.curve_secretkey = (word.encode() for word in key(option("--key")))
        socket.curve_serverkey = key(option("--server-key"))[1].encode()
    socket.connect(endpoint)
    return socket


def beside(name):
    """Another socket of the service, from where ours is."""
    return option("--work").rsplit("/", 1)[0] + "/" + name


def lie(context, how, work, evidence, document, attempt, lease):
    record = b"\0" * 16
    if how == "foreign":
        evidence.send_multipart(pack(EVIDENCE, document + 1, 1, count=1, number=lease, payload=record))
    elif how == "guess":
        evidence.send_multipart(pack(DONE, document, attempt, number=lease ^ 1, payload=b"\0"))
    elif how == "garbage":
        evidence.send_multipart([b"\xff" * 40, b"\0" * 1000, b"x"])
    elif how == "count":
        evidence.send_multipart(pack(EVIDENCE, document, attempt, count=4097, number=lease, payload=b"\0" * 70000))
    elif how == "short":
        evidence.send_multipart(pack(EVIDENCE, document, attempt, count=3, number=lease, payload=record))
    elif how == "turn":
        evidence.send_multipart(pack(EVIDENCE, document, attempt, sequence=2, count=1, number=lease, payload=record))
    elif how == "unheard":
        for i in range(64):
            evidence.send_multipart(pack(EVIDENCE, document + 1000 + i, 1, count=1, number=lease, payload=b"\0" * 100000))
    elif how == "kind":
        work.send_multipart(pack(COMMITTED, document, attempt, payload=b"\0" * 40))
    elif how == "acks":
        work.send_multipart(pack(CHUNK_ACK, document, attempt, number=100))
    elif how == "links":
        work.send_multipart(pack(LINKS, document, attempt, count=1, payload=b"\0\x12https://h.example/\0"))
    elif how == "commit":
        commit = connect(context, beside("commit"))
        commit.send_multipart(pack(READY, count=os.getpid(), number=1, payload=b"assessor"))
        commit.send_multipart(pack(COMMITTED, document, attempt, payload=b"\0" * 40))
    elif how == "control":
        connect(context, beside("control")).send(json.dumps({"id": 1, "op": "reload"}).encode())
    elif how == "submit":
        connect(context, beside("submit")).send_multipart([json.dumps({"feed": "hand", "client_id": "x"}).encode(), b"{}"])
    elif how == "other":
        again = connect(context, option("--work"))
        again.send_multipart(pack(READY, count=os.getppid(), number=64, payload=b"normaliser"))
    else:
        sys.exit("no such lie: " + how)


def main():
    path = os.environ["CW_LIE"]
    if not os.path.exists(path):
        os.execv(os.environ["CW_REAL"], [os.environ["CW_REAL"]] + sys.argv[1:])
    with open(path) as file:
        how = file.read().strip()
    os.unlink(path)
    context = zmq.Context()
    work, evidence = connect(context, option("--work")), connect(context, option("--evidence"))
    work.send_multipart(pack(READY, count=os.getpid(), number=1, payload=b"normaliser"))
    while True:
        header = HEADER.unpack(work.recv_multipart()[0])
        if header[2] == DOCUMENT:
            break
    lie(context, how, work, evidence, header[4], header[5], header[9])
    # Whoever is not ended is silent, and that would be noticed too: later than the test waits.
    time.sleep(60)


main()
