#!/usr/bin/python3
"""A scripted normaliser and assessor that speak message.h, for tests of the daemon alone.

Which one it is follows from the name it is called by (councilwatch-normaliser, councilwatch-assessor: make links). It does no
normalising: each line of a document counts as a row with one piece of evidence. The first line of a document may tell the
normaliser what to do:

    die    kill itself once it has the whole document
    hang   go silent, for ever
    slow   take a second over it
    empty  report no rows

The assessor appends "id attempt sha256 feed outcome flags" to $CW_FAKE_LOG for each document it commits, and reads that file at its
start: what it has committed before is a duplicate, as the real one's database would tell it.
"""
import hashlib
import os
import re
import signal
import struct
import sys
import time

import zmq

MAGIC, VERSION = 0x31575743, 2
READY, HEARTBEAT, CREDIT, CHUNK_ACK, SENT = 1, 2, 3, 4, 5
DOCUMENT, CHUNK, DOCUMENT_END, DROP, STOP = 10, 11, 12, 13, 14
DONE = 22
ANNOUNCE, FEED_STATE, SETTLE, COMMITTED = 30, 31, 32, 40
HEADER = struct.Struct("<IBBHQIIIIQ")


def count_reasons():
    """How many reasons a tally holds: the names of enum cw_reason before its count."""
    header = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "include", "councilwatch", "evidence.h")
    with open(header, encoding="utf-8") as file:
        names = re.findall(r"^\tCW_REASON_(\w+)", file.read(), re.M)
    return names.index("COUNT")


REASONS = count_reasons()
NO_ROWS, POISON = 13, 16


def pack(kind, document=0, attempt=0, sequence=0, count=0, number=0, payload=b""):
    frames = [HEADER.pack(MAGIC, VERSION, kind, 0, document, attempt, sequence, count, 0, number)]
    return frames + [payload] if payload else frames


def unpack(frames):
    magic, version, kind, _, document, attempt, sequence, count, _, number = HEADER.unpack(frames[0])
    assert magic == MAGIC and version == VERSION
    return kind, document, attempt, sequence, count, number, frames[1] if len(frames) > 1 else b""


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        self.at += n
        return self.data[self.at - n:self.at]

    def number(self, n):
        return int.from_bytes(self.take(n), "little")

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def bytes(self):
        return self.take(self.varint())


def read_info(data):
    r = Reader(data)
    info = {"id": r.number(8), "attempt": r.number(4), "flags": r.number(4), "feed": r.bytes().decode(),
            "url": r.bytes().decode(), "type": r.bytes().decode(), "fetched_at": r.number(8), "size": r.number(8),
            "sha256": r.take(32).hex(), "order": r.number(8), "step": r.bytes().decode(), "link_text": r.bytes().decode(),
            "parent_url": r.bytes().decode(), "submitted_by": r.bytes().decode()}
    assert r.at == len(data)
    return info


def tally(outcome, rows):
    reasons = [0] * REASONS
    return (bytes([outcome]) + varint(rows) + varint(rows) + bytes([REASONS]) + b"".join(map(varint, reasons)) +
            varint(len(b"as told")) + b"as told")


def commit_info(duplicate, outcome, rows, seq):
    return bytes([duplicate]) + tally(outcome, rows) + varint(0 if duplicate else rows) + varint(0) + varint(0) + varint(seq)


def option(name):
    return sys.argv[sys.argv.index(name) + 1]


class Beat:
    """Heartbeats between messages."""

    def __init__(self, socket):
        self.socket, self.next, self.documents = socket, 0, 0

    def beat(self):
        if time.monotonic() >= self.next:
            self.next = time.monotonic() + 1
            self.socket.send_multipart(pack(HEARTBEAT, number=self.documents))


def normaliser(context):
    work, evidence = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
    work.connect(option("--work"))
    evidence.connect(option("--evidence"))
    work.send_multipart(pack(READY, count=os.getpid(), number=2, payload=b"normaliser"))
    beat, documents = Beat(work), {}
    while True:
        beat.beat()
        if not work.poll(200):
            continue
        kind, document, attempt, sequence, _, number, payload = unpack(work.recv_multipart())
        if kind == STOP:
            break
        if kind == DROP:
            if documents.pop(document, None) is not None:
                work.send_multipart(pack(CREDIT, number=1))
        elif kind == DOCUMENT:
            info = read_info(payload)
            assert info["id"] == document and info["attempt"] == attempt
            documents[document] = [attempt, b"", info, number]
        elif kind == CHUNK and document in documents:
            held = documents[document]
            assert number == len(held[1]) and 0 < len(payload) <= 262144
            held[1] += payload
            work.send_multipart(pack(CHUNK_ACK, document, attempt, number=1))
        elif kind == DOCUMENT_END and document in documents:
            attempt, data, info, lease = documents.pop(document)
            assert number == len(data) == info["size"] and hashlib.sha256(data).hexdigest() == info["sha256"]
            lines = data.splitlines()
            word = lines[0] if lines else b""
            if word == b"die":
                os.kill(os.getpid(), signal.SIGKILL)
            if word == b"hang":
                time.sleep(1000)
            if word == b"slow":
                time.sleep(1)
            outcome, rows = (NO_ROWS, 0) if word == b"empty" or not lines else (0, len(lines))
            evidence.send_multipart(pack(DONE, document, attempt, number=lease, payload=tally(outcome, rows)))
            beat.documents += 1
            work.send_multipart(pack(SENT, document, attempt))
            work.send_multipart(pack(CREDIT, number=1))


def assessor(context):
    commit, evidence = context.socket(zmq.DEALER), context.socket(zmq.ROUTER)
    path = option("--evidence")[6:]
    if os.path.exists(path):
        os.unlink(path)
    evidence.bind(option("--evidence"))
    commit.connect(option("--commit"))
    log = os.environ["CW_FAKE_LOG"]
    done, announced, results, leases = {}, {}, {}, {}
    if os.path.exists(log):
        for line in open(log):
            fields = line.split()
            done[int(fields[0])] = (int(fields[4]), int(fields[6]))
    out = open(log, "a", buffering=1)
    states = open(log + ".feeds", "a", buffering=1)
    commit.send_multipart(pack(READY, count=os.getpid(), payload=b"assessor"))
    beat = Beat(commit)
    poller = zmq.Poller()
    poller.register(commit, zmq.POLLIN)
    poller.register(evidence, zmq.POLLIN)

    def answer(document, attempt, duplicate, outcome, rows):
        commit.send_multipart(pack(COMMITTED, document, attempt, payload=commit_info(duplicate, outcome, rows, len(done))))

    def settle(info, outcome, rows):
        done[info["id"]] = (outcome, rows)
        out.write(f"{info['id']} {info['attempt']} {info['sha256']} {info['feed']} {outcome} {info['flags']} {rows}\n")
        answer(info["id"], info["attempt"], 0, outcome, rows)
        beat.documents += 1

    while True:
        beat.beat()
        ready = dict(poller.poll(200))
        if commit in ready:
            kind, document, attempt, _, _, number, payload = unpack(commit.recv_multipart())
            if kind == STOP:
                break
            if kind == FEED_STATE:
                r = Reader(payload)
                feed, polled, last, outage = r.bytes().decode(), r.number(1), r.number(8), r.number(8)
                states.write(f"{feed} {polled} {last} {outage} {r.bytes().decode()}\n")
            elif kind in (ANNOUNCE, SETTLE):
                info = read_info(payload)
                if document in done:
                    answer(document, attempt, 1, *done[document])
                elif kind == SETTLE:
                    announced.pop(document, None)
                    settle(info, number, 0)
                else:
                    announced[document] = info
                    leases[document, attempt] = number
                    assert number
        if evidence in ready:
            frames = evidence.recv_multipart()
            kind, document, attempt, _, _, number, payload = unpack(frames[1:])
            assert leases.get((document, attempt), number) == number
            r = Reader(payload)
            results[document, attempt] = (r.number(1), r.varint())
        for info in sorted(announced.values(), key=lambda i: i["order"]):
            if (info["id"], info["attempt"]) not in results:
                break
            del announced[info["id"]]
            settle(info, *results.pop((info["id"], info["attempt"])))


def main():
    context = zmq.Context()
    (assessor if os.path.basename(sys.argv[0]).endswith("assessor") else normaliser)(context)
    context.destroy(linger=500)


main()
