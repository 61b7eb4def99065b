"""live_drive.py WORK NAME [STEPS]: swaps the pages that nginx serves, one capture after another, and follows the alerts with pyzmq as a
subscriber in another language would. Checks that each expected alert comes once, under both its topics, and nothing else.

Every page is "now": what the captures say is as of today, so the expectations are worked out with today in place of their dates."""
import datetime
import json
import os
import shutil
import subprocess
import sys
import time

import zmq

import captures

WORK, NAME = sys.argv[1], sys.argv[2]
STEPS = int(sys.argv[3]) if len(sys.argv) > 3 else 0
CONF = os.path.join(WORK, NAME, "councilwatch.conf")
RUN = os.path.join(WORK, NAME, "run")
FEEDS = {"ofsted-ilacs-summary": "ilacs.html", "area-send-summary": "send.html"}
context = zmq.Context.instance()


def fail(text):
    print("differs:", text)
    sys.exit(1)


def cw(*arguments):
    run = subprocess.run([os.path.join(os.environ["CW_BIN"], "councilwatch"), "-c", CONF] + list(arguments), capture_output=True, text=True)
    return run.stdout


def status():
    return json.loads(cw("status", "--json"))


def ask(request):
    """One request to the query socket."""
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.connect("ipc://" + os.path.join(RUN, "query"))
    socket.send(json.dumps(request).encode())
    if not socket.poll(10000):
        fail("the query socket does not answer %s" % request)
    answer = json.loads(socket.recv_multipart()[-1])
    socket.close()
    return answer


class Subscriber:
    def __init__(self):
        self.socket = context.socket(zmq.SUB)
        self.socket.setsockopt_string(zmq.SUBSCRIBE, "")
        self.socket.connect("ipc://" + os.path.join(RUN, "alerts"))
        self.heartbeats = 0
        self.received = {}  # (seq, topic): event

    def drain(self, milliseconds):
        until = time.monotonic() + milliseconds / 1000
        while True:
            left = int((until - time.monotonic()) * 1000)
            if not self.socket.poll(max(left, 0)):
                return
            topic, body = self.socket.recv_multipart()
            topic, event = topic.decode(), json.loads(body)
            if topic == "heartbeat":
                self.heartbeats += 1
                self.last_seq = event["seq"]
                continue
            key = (event["data"]["seq"], topic)
            if key in self.received:
                fail("received twice: %s %s" % key)
            self.received[key] = event

    def wait_heartbeat(self):
        seen = self.heartbeats
        for _ in range(200):
            self.drain(100)
            if self.heartbeats > seen:
                return
        fail("no heartbeat")


def serve(path, name, step):
    """At once, and with a time of change of its own: nginx makes its ETag from time and size."""
    new = os.path.join(WORK, "web", ".new")
    shutil.copyfile(path, new)
    os.chmod(new, 0o644)
    os.utime(new, (1700000000 + step * 60,) * 2)
    os.rename(new, os.path.join(WORK, "web", name))


def committed():
    s = status()
    if not s.get("running", True) or "documents" not in s:
        fail("the daemon does not answer")
    return s["documents"]["committed"]


def wait_committed(count):
    for _ in range(300):
        subscriber.drain(20)
        if committed() >= count:
            return
    fail("document %d was not committed in time" % count)


def today_version(everything):
    """The captures as if each had been fetched today, one after another: "now" for what states no publication."""
    today = datetime.datetime.now(datetime.timezone.utc).date()
    result = []
    for step, (_, feed, path, facts) in enumerate(everything):
        moment = today.isoformat() + "T%06d" % step
        changed = []
        for fact in facts:
            stated = fact.published if fact.kind == "area_send" else None
            changed.append(captures.Fact(fact.kind, fact.council, moment, fact.day, stated, fact.url, fact.values))
        result.append((moment, feed, path, changed))
    return result


everything = captures.all_captures()
if STEPS:
    # A spread that keeps the ones with something special in them.
    special = [c for c in everything if c[0][:10] in ("2023-08-25", "2023-09-11", "2024-03-05", "2024-03-20", "2024-07-15", "2025-02-10")]
    first = [next(c for c in everything if c[1] == feed) for feed in FEEDS]
    everything = sorted(first + special[:max(STEPS - 2, 1)], key=lambda c: c[0])
live = today_version(everything)
today = datetime.datetime.now(datetime.timezone.utc).date()
expected = {}
for (moment, council, kind), (before, view) in captures.expected_alerts(live, today).items():
    expected.setdefault(moment, []).append((council, kind, captures.LEVELS[before], captures.LEVELS[view.level]))

subscriber = Subscriber()
subscriber.wait_heartbeat()
base = committed()
first_seq = last_seq = status()["last_seq"]
for step, (moment, feed, path, _) in enumerate(live):
    serve(path, FEEDS[feed], step + 1)
    wait_committed(base + step + 1)
    subscriber.wait_heartbeat()
    if subscriber.last_seq != status()["last_seq"]:
        subscriber.wait_heartbeat()
    alerts = {}
    for (seq, topic), event in subscriber.received.items():
        if seq > last_seq and event["data"]["kind"] not in ("source_outage",):
            alerts.setdefault(seq, {})[topic] = event
    found = []
    for seq in sorted(alerts):
        event = next(iter(alerts[seq].values()))
        data = event["data"]
        topics = {"council/%s/%s" % (event["subject"], data["kind"]), "level/%s/%s" % (data["level"], data["kind"])}
        if set(alerts[seq]) != topics:
            fail("alert %d came under %s, not %s" % (seq, sorted(alerts[seq]), sorted(topics)))
        if any(e != event for e in alerts[seq].values()):
            fail("alert %d differs between its topics" % seq)
        if data.get("imported"):
            fail("alert %d says it was imported" % seq)
        found.append((event["subject"], data["kind"], data["previous_level"], data["level"]))
        last_seq = seq
    wanted = sorted(expected.get(moment, []))
    if sorted(found) != wanted:
        fail("%s (%s): received %s, expected %s" % (os.path.basename(path), feed, sorted(set(found) - set(wanted)), sorted(set(wanted) - set(found))))
    print("%-32s %3d alerts" % (os.path.basename(path), len(found)))

# Everything received is what is stored, and what the query socket replays, in chunks.
stored = [json.loads(line) for line in cw("alerts", "--json").splitlines()]
if [a["data"]["seq"] for a in stored] != list(range(1, len(stored) + 1)):
    fail("stored alerts are not numbered 1, 2, 3 ...")
received = {seq: event for (seq, _), event in subscriber.received.items()}
for alert in stored:
    if alert["data"]["seq"] in received and received[alert["data"]["seq"]] != alert:
        fail("alert %d is stored otherwise than it was sent" % alert["data"]["seq"])
missing = [a["data"]["seq"] for a in stored if a["data"]["seq"] > first_seq and a["data"]["seq"] not in received]
if missing:
    fail("alerts %s are stored and were not received" % missing)
replay, since = [], 0
while True:
    answer = ask({"since": since, "limit": 7})
    replay += answer["alerts"]
    since = answer["last"]
    if not answer["more"]:
        break
if replay != stored:
    fail("the query socket replays %d alerts, stored are %d" % (len(replay), len(stored)))
only = ask({"since": 0, "topics": ["council/halton/"]})["alerts"]
if [a for a in stored if a["subject"] == "halton"] != only:
    fail("a replay by topic gives %d alerts" % len(only))
snapshot = ask({"snapshot": True})
listed = json.loads(cw("councils", "--json"))
if snapshot["seq"] != stored[-1]["data"]["seq"]:
    fail("the snapshot is true at %d, the last alert is %d" % (snapshot["seq"], stored[-1]["data"]["seq"]))
if {c["council_id"]: (c["level"], c["points"]) for c in snapshot["councils"]} != {c["council_id"]: (c["level"], c["points"]) for c in listed}:
    fail("the snapshot and \"councils\" differ")
if "error" not in ask({"nonsense": 1}):
    fail("the query socket does not refuse nonsense")
print("%d alerts, each once and under both topics; replay and snapshot agree" % len(stored))
