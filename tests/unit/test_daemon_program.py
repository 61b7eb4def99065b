#!/usr/bin/python3
"""The real councilwatchd with scripted workers (tests/support/fake_worker.py) and a web server on the loopback interface."""
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

try:
    import zmq
except ImportError:
    print("python3-zmq is not installed")
    sys.exit(77)

SOURCE = os.environ["CW_SOURCE"]
PROGRAM = os.path.join(os.environ["CW_BIN"], "councilwatchd")
SUPPORT = os.path.join(SOURCE, "tests", "support")

FEED = """
feed "{name}" {{
    enabled = {enabled}
    {url}
    interval = "{interval}"
    jitter = "{jitter}"
    publisher = "Somebody"
    tier = "B"
    format = "csv"
    kind = "ilacs"
    record {{
        council = "Council"
        event_date = "Date"
        overall_effectiveness = "Grade"
    }}
}}
"""


class Control:
    def __init__(self, path):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect("ipc://" + path)
        self.id = 0
        self.pushed = []

    def send(self, request, data=None):
        self.id += 1
        frames = [json.dumps(dict(request, id=self.id)).encode()]
        self.socket.send_multipart(frames + ([data] if data is not None else []))
        return self.id

    def receive(self, timeout=10):
        if not self.socket.poll(timeout * 1000):
            raise TimeoutError("no answer")
        return json.loads(self.socket.recv())

    def call(self, op, data=None, timeout=10, **fields):
        wanted = self.send(dict(fields, op=op), data)
        while True:
            answer = self.receive(timeout)
            if answer.get("op") == "committed":
                self.pushed.append(answer)
            elif answer.get("id") == wanted:
                return answer

    def upload(self, feed, data, **fields):
        """Begin, chunks, end. Returns the answer to end."""
        begun = self.call("import.begin", feed=feed, name="x", size=len(data), **fields)
        if not begun["ok"]:
            return begun
        for at in range(0, len(data), 262144):
            answer = self.call("import.chunk", data[at:at + 262144], upload=begun["upload"])
            assert answer["ok"], answer
        return self.call("import.end", upload=begun["upload"], sha256=hashlib.sha256(data).hexdigest())

    def committed(self, document, timeout=30):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            for message in self.pushed:
                if message["document"] == document:
                    return message
            try:
                answer = self.receive(1)
            except TimeoutError:
                continue
            self.pushed.append(answer)
        raise TimeoutError(f"document {document} was not committed")

    def close(self):
        self.socket.close()


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="cw-daemon-")
        self.workers = os.path.join(self.dir, "workers")
        os.mkdir(self.workers)
        for name in "councilwatch-normaliser", "councilwatch-assessor":
            os.symlink(os.path.join(SUPPORT, "fake_worker.py"), os.path.join(self.workers, name))
        self.docs = os.path.join(self.dir, "docs")
        os.mkdir(self.docs)
        self.config = os.path.join(self.dir, "councilwatch.conf")
        self.env = dict(os.environ, CW_FAKE_LOG=os.path.join(self.dir, "committed"))
        self.env.pop("NOTIFY_SOCKET", None)
        self.daemon = self.server = None
        self.controls = []

    def tearDown(self):
        for control in self.controls:
            control.close()
        if self.daemon and self.daemon.poll() is None:
            self.daemon.kill()
            self.daemon.wait()
        if self.server:
            self.server.stdin.close()
            self.server.stdout.close()
            self.server.wait()
        shutil.rmtree(self.dir)

    def path(self, name):
        return os.path.join(self.dir, name)

    def serve(self):
        self.server = subprocess.Popen(["/usr/bin/python3", os.path.join(SUPPORT, "http_server.py"), self.docs],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.base = "http://127.0.0.1:" + self.server.stdout.readline().decode().strip()

    def requests(self, path):
        import urllib.request
        with urllib.request.urlopen(self.base + "/log") as answer:
            return [each for each in json.load(answer) if each["path"] == path]

    def document(self, name, text):
        with open(os.path.join(self.docs, name), "w") as file:
            file.write(text)

    def configure(self, *feeds, **settings):
        text = (f'state_dir = "{self.dir}/state"\nruntime_dir = "{self.dir}/run"\nworker_dir = "{self.workers}"\n'
                f'councils_file = "{SOURCE}/config/councils.csv"\naliases_file = "{SOURCE}/config/aliases.csv"\n'
                'include_feeds = {}\n')
        for key, value in settings.items():
            text += f"{key} = {value}\n"
        for feed in feeds:
            feed = dict({"interval": "1h", "jitter": "0s", "url": None, "enabled": "true"}, **feed)
            feed["url"] = f'url = "{feed["url"]}"' if feed["url"] else ""
            text += FEED.format(**feed)
        with open(self.config, "w") as file:
            file.write(text)

    def once(self, *arguments):
        return subprocess.run([PROGRAM, "-c", self.config, *arguments], env=self.env, capture_output=True, text=True,
                              timeout=60)

    def start(self, wait=True):
        self.log = open(self.path("log"), "a+")
        self.log.seek(0, 2)
        self.log_from = self.log.tell()
        self.daemon = subprocess.Popen([PROGRAM, "-c", self.config], env=self.env, stderr=self.log,
                                       stdout=subprocess.DEVNULL)
        self.addCleanup(self.log.close)
        if wait:
            self.wait_log("daemon.ready")

    def stop(self):
        self.daemon.terminate()
        self.assertEqual(self.daemon.wait(timeout=20), 0)

    def events(self):
        with open(self.path("log")) as file:
            file.seek(self.log_from)
            return file.read()

    def wait_log(self, text, timeout=20):
        self.wait(lambda: text in self.events(), timeout, text)

    def wait(self, condition, timeout=20, what=""):
        end = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > end:
                self.fail(f"waited in vain: {what}\n{self.events()}")
            time.sleep(0.02)

    def control(self):
        control = Control(self.path("run/control"))
        self.controls.append(control)
        return control

    def status(self):
        control = Control(self.path("run/control"))
        try:
            return control.call("status")["status"]
        finally:
            control.close()

    def feed(self, name):
        return next(each for each in self.status()["feeds"] if each["feed"] == name)

    def committed(self):
        """What the scripted assessor has written down, in order."""
        try:
            with open(self.env["CW_FAKE_LOG"]) as file:
                return [line.split() for line in file]
        except FileNotFoundError:
            return []

    def told(self):
        """What the scripted assessor was told of feeds' health."""
        with open(self.env["CW_FAKE_LOG"] + ".feeds") as file:
            return [line.split() for line in file]


class Options(Case):
    def test_check(self):
        self.configure({"name": "one", "url": "https://example.org/"})
        done = self.once("--check")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("1 feeds, 1 enabled", done.stdout)
        self.assertFalse(os.path.exists(self.path("state")))

    def test_check_mistakes(self):
        self.configure({"name": "one", "url": "https://example.org/", "interval": "soon"})
        with open(self.config, "a") as file:
            file.write("\nfetchin = true\n")
        done = self.once("--check")
        self.assertEqual(done.returncode, 2)
        self.assertIn("councilwatch.conf:", done.stderr)
        self.assertIn("interval", done.stderr)
        self.assertIn("did you mean 'fetching'", done.stderr)
        self.assertEqual(self.once("--once").returncode, 2)
        self.assertEqual(self.once().returncode, 2)

    def test_no_file(self):
        done = subprocess.run([PROGRAM, "-c", "/nowhere.conf", "--check"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("/nowhere.conf", done.stderr)

    def test_usage(self):
        for arguments in ["--nonsense"], ["extra"], ["--once", "--check"], ["-c"]:
            done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn("usage:", done.stderr)
        self.assertTrue(subprocess.check_output([PROGRAM, "--version"], text=True).startswith("councilwatchd "))
        self.assertIn("--once", subprocess.check_output([PROGRAM, "--help"], text=True))

    def test_no_worker(self):
        self.configure()
        os.unlink(os.path.join(self.workers, "councilwatch-assessor"))
        # A copy, as the daemon also looks beside its own program.
        program = self.path("councilwatchd")
        shutil.copy(PROGRAM, program)
        done = subprocess.run([program, "-c", self.config, "--once"], env=self.env, capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no program councilwatch-assessor", done.stderr)
        self.assertIn("worker_dir", done.stderr)

    def test_directories_and_lock(self):
        self.configure()
        self.start()
        for name in "state", "run":
            self.assertEqual(os.stat(self.path(name)).st_mode & 0o777, 0o750)
        for name, mode in ("control", 0o660), ("submit", 0o660), ("work", 0o600), ("commit", 0o600):
            self.assertEqual(os.stat(self.path("run/" + name)).st_mode & 0o777, mode, name)
        done = self.once("--once")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"another councilwatchd (process {self.daemon.pid})", done.stderr)
        self.assertTrue(self.status()["processes"])
        self.stop()
        self.assertEqual(self.once("--once").returncode, 0)


class Once(Case):
    def test_files(self):
        self.document("a.csv", "a\nb\nc\n")
        self.document("b.csv", "1\n" * 400000)
        self.configure({"name": "a", "url": f"file://{self.docs}/a.csv"}, {"name": "b", "url": f"file://{self.docs}/b.csv"},
                       {"name": "off", "url": "http://127.0.0.1:1/", "enabled": "false"}, {"name": "none"})
        done = self.once("--once")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, "councilwatchd: 2 feeds fetched, 0 failed, 0 unchanged; 2 documents committed, "
                                      "400003 evidence (400003 new), 0 quarantined, 0 alerts\n")
        self.assertEqual(len(self.committed()), 2)
        done = self.once("--once")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("2 unchanged; 0 documents", done.stdout)
        self.document("a.csv", "a\nb\n")
        self.assertIn("1 unchanged; 1 documents committed, 2 evidence", self.once("--once").stdout)

    def test_failures(self):
        self.document("empty.csv", "empty\n")
        self.configure({"name": "gone", "url": f"file://{self.docs}/gone.csv"})
        done = self.once("--once")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout.count("\n"), 1)
        self.assertIn("1 feeds fetched, 1 failed", done.stdout)
        # What parses to nothing is a failure too, and remains one while it stays the same.
        self.configure({"name": "empty", "url": f"file://{self.docs}/empty.csv"})
        self.assertEqual(self.once("--once").returncode, 1)
        done = self.once("--once")
        self.assertEqual(done.returncode, 1)
        self.assertIn("1 failed, 1 unchanged", done.stdout)
        # With another configuration it deserves another try.
        self.configure({"name": "empty", "url": f"file://{self.docs}/empty.csv"})
        with open(self.config) as file:
            text = file.read().replace('"Grade"', '"Other grade"')
        with open(self.config, "w") as file:
            file.write(text)
        self.assertIn("1 documents committed", self.once("--once").stdout)

    def test_nothing(self):
        self.configure()
        done = self.once("--once")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("0 feeds fetched", done.stdout)
        self.configure({"name": "one", "url": "http://127.0.0.1:1/"}, fetching="false")
        self.assertIn("0 feeds fetched", self.once("--once").stdout)


class Polling(Case):
    def test_changes(self):
        self.serve()
        self.document("a", "one\n")
        self.configure({"name": "a", "url": self.base + "/doc/a", "interval": "1s"})
        self.start()
        self.wait(lambda: len(self.committed()) == 1)
        self.wait(lambda: len(self.requests("/doc/a")) >= 3)
        self.assertEqual(len(self.committed()), 1)
        requests = self.requests("/doc/a")
        self.assertNotIn("If-None-Match", requests[0]["headers"])
        self.assertIn("If-None-Match", requests[1]["headers"])
        self.assertTrue(requests[0]["headers"]["User-Agent"].startswith("councilwatch/"))
        self.assertGreater(requests[2]["time"] - requests[1]["time"], 0.9)
        feed = self.feed("a")
        self.assertEqual((feed["outcome"], feed["failures"], feed["overdue"]), ("not_modified", 0, False))
        self.document("a", "two\nlines\n")
        self.wait(lambda: len(self.committed()) == 2)
        self.document("a", "one\n")  # back again: a change like any other
        self.wait(lambda: len(self.committed()) == 3)
        self.stop()

    def test_restart_remembers(self):
        self.serve()
        self.document("a", "one\n")
        self.configure({"name": "a", "url": self.base + "/doc/a"})
        self.start()
        self.wait(lambda: len(self.committed()) == 1)
        self.wait(lambda: self.feed("a")["last_success"])
        self.daemon.kill()
        self.daemon.wait()
        self.start()
        time.sleep(1)
        self.assertEqual(len(self.requests("/doc/a")), 1)
        before = self.feed("a")
        self.assertTrue(before["last_success"])
        self.assertEqual(self.control().call("fetch", feed="a")["ok"], True)
        self.wait(lambda: self.feed("a")["outcome"] == "not_modified")
        self.assertEqual(len(self.requests("/doc/a")), 2)
        self.assertIn("If-None-Match", self.requests("/doc/a")[1]["headers"])
        self.stop()

    def test_failures(self):
        self.serve()
        self.document("rows", "empty\n")
        self.configure({"name": "busy", "url": self.base + "/busy"}, {"name": "down", "url": self.base + "/down"},
                       {"name": "missing", "url": self.base + "/missing"}, {"name": "rows", "url": self.base + "/doc/rows"},
                       per_host=4)
        self.start()
        self.wait(lambda: all(feed["failures"] == 1 for feed in self.status()["feeds"]))
        outcomes = {feed["feed"]: feed["outcome"] for feed in self.status()["feeds"]}
        self.assertEqual(outcomes, {"busy": "http_429", "down": "http_503", "missing": "http_404", "rows": "no_rows"})
        self.assertEqual(self.feed("rows")["detail"], "as told")
        self.assertIsNone(self.feed("rows")["last_success"])
        due = {name: time.mktime(time.strptime(self.feed(name)["next_due"][:19], "%Y-%m-%dT%H:%M:%S")) - time.mktime(
            time.gmtime()) for name in outcomes}
        self.assertTrue(0 < due["busy"] <= 8, due)
        self.assertTrue(60 < due["down"] <= 92, due)
        self.assertTrue(40 < due["missing"] <= 61, due)
        self.assertTrue(3000 < due["rows"] <= 3601, due)
        self.stop()

    def test_outage(self):
        self.serve()
        self.configure({"name": "a", "url": self.base + "/doc/a", "interval": "1s"})
        self.start()
        self.wait(lambda: self.feed("a")["outage_since"], 10)
        self.wait_log("feed.outage")
        states = self.told()
        self.assertEqual(states[0][:4], ["a", "1", str(1 << 63), str(1 << 63)])
        self.assertNotEqual(states[-1][3], str(1 << 63))
        self.stop()
        # It is still one after a restart, and ends with the first success.
        self.start()
        self.assertTrue(self.feed("a")["outage_since"])
        self.document("a", "one\n")
        self.wait(lambda: not self.feed("a")["outage_since"], 10)
        self.wait_log("feed.recovered")
        self.wait(lambda: self.told()[-1][3] == str(1 << 63))
        self.stop()


class Import(Case):
    def test_uploads(self):
        self.configure({"name": "a"})
        self.start()
        control = self.control()
        data = b"line\n" * 300000
        answer = control.upload("a", data, fetched_at="2024-01-31T09:11:54Z")
        self.assertEqual((answer["ok"], answer["state"]), (True, "queued"))
        done = control.committed(answer["document"])
        self.assertEqual((done["outcome"], done["rows"], done["duplicate"], done["detail"]), ("parsed", 300000, False, "as told"))
        again = control.upload("a", data, fetched_at="2024-01-31T09:11:54Z")
        self.assertEqual((again["document"], again["state"], again["rows"]), (answer["document"], "committed", 300000))
        self.assertTrue(again["duplicate"])
        other = control.upload("a", data, fetched_at="2024-01-31T10:11:54+01:00")
        self.assertEqual(other["document"], answer["document"])  # the same moment
        empty = control.upload("a", b"")
        self.assertEqual(control.committed(empty["document"])["outcome"], "no_rows")
        self.assertEqual([line[5] for line in self.committed()], ["1", "1"])  # flagged as imported
        status = self.status()
        self.assertEqual(status["documents"], {"stored": 2, "committed": 1, "rejected": 1})
        self.assertEqual(status["backlog"], {"documents": 0, "bytes": 0, "oldest": None, "in_flight": 0})
        self.stop()

    def test_refusals(self):
        self.configure({"name": "a"})
        self.start()
        control = self.control()
        for fields, text in (({"feed": "b"}, "no feed 'b'"), ({}, "needs 'feed'"), ({"feed": "a", "size": -1}, "number of bytes"),
                             ({"feed": "a", "size": 1 << 40}, "max_size"), ({"feed": "a", "fetched_at": "noon"}, "ISO 8601")):
            answer = control.call("import.begin", **fields)
            self.assertFalse(answer["ok"])
            self.assertIn(text, answer["error"])
        for op in "import.chunk", "import.end", "import.abort":
            self.assertIn("no such upload", control.call(op, b"x", upload=77)["error"])
        upload = control.call("import.begin", feed="a", size=5)["upload"]
        self.assertIn("second frame", control.call("import.chunk", upload=upload)["error"])
        self.assertIn("second frame", control.call("import.chunk", b"x" * 262145, upload=upload)["error"])
        self.assertTrue(control.call("import.chunk", b"abc", upload=upload)["ok"])
        self.assertIn("3 bytes arrived, but 5", control.call("import.end", upload=upload)["error"])
        upload = control.call("import.begin", feed="a")["upload"]
        control.call("import.chunk", b"abc", upload=upload)
        self.assertIn("SHA-256", control.call("import.end", upload=upload, sha256="00" * 32)["error"])
        upload = control.call("import.begin", feed="a")["upload"]
        self.assertIn("hexadecimal", control.call("import.end", upload=upload, sha256="zz")["error"])
        upload = control.call("import.begin", feed="a")["upload"]
        self.assertTrue(control.call("import.abort", upload=upload)["ok"])
        # One client cannot use up what is meant for all; what waits begins when there is room.
        uploads = [control.call("import.begin", feed="a")["upload"] for _ in range(4)]
        waiting = control.send({"op": "import.begin", "feed": "a"})
        with self.assertRaises(TimeoutError):
            control.receive(0.3)
        control.call("import.abort", upload=uploads[0])
        self.assertEqual(control.receive()["id"], waiting)
        # Another client's upload is none of ours.
        self.assertIn("no such upload", self.control().call("import.chunk", b"x", upload=uploads[1])["error"])
        for raw, text in ((b"{", "not JSON"), (b"[]", "JSON object"), (b"{}", "'op'"), (b'{"op":"dance"}', "dance"),
                          (b'{"op":"status","op":"status"}', "not JSON"), (b'{"op":"fetch"}', "'feed'"),
                          (b'{"op":"fetch","feed":"z"}', "no feed 'z'"), (b'{"op":"fetch","feed":"a"}', "no url"),
                          (b" " * 300000, "at most")):
            control.socket.send(raw)
            answer = control.receive()
            self.assertFalse(answer["ok"])
            self.assertIn(text, answer["error"])
        control.socket.send_multipart([b"{}"] * 5)
        self.assertFalse(control.receive()["ok"])
        self.assertEqual(self.committed(), [])
        self.stop()

    def test_backlog(self):
        """More than the daemon lets wait: the rest begins as the workers get through it."""
        self.configure({"name": "a"})
        self.start()
        control = self.control()
        last = None
        for i in range(400):
            last = control.upload("a", b"x\n", fetched_at=f"2024-01-{1 + i // 24:02}T{i % 24:02}:00:00Z")
            self.assertTrue(last["ok"], last)
        control.committed(last["document"], 60)
        ids = [int(line[0]) for line in self.committed()]
        self.assertEqual(len(ids), 400)
        self.assertEqual(ids, sorted(set(ids)))
        self.stop()


class Deaths(Case):
    def test_poison(self):
        self.configure({"name": "a"}, normalisers=1)
        self.start()
        control = self.control()
        ids = [control.upload("a", text)["document"] for text in (b"good\n", b"die\n", b"better\n")]
        self.assertEqual(control.committed(ids[1])["outcome"], "poison")
        self.assertEqual(control.committed(ids[0])["outcome"], "parsed")
        self.assertEqual(control.committed(ids[2])["outcome"], "parsed")
        status = self.status()
        self.assertEqual(status["poison"], 1)
        self.assertEqual(next(each["restarts"] for each in status["processes"] if each["role"] == "normaliser"), 2)
        self.assertIn("document.poison", self.events())
        self.stop()

    def test_hang(self):
        self.configure({"name": "a"}, normalisers=2)
        self.start()
        control = self.control()
        bad = control.upload("a", b"hang\n")["document"]
        good = control.upload("a", b"good\n")["document"]
        # The assessor commits in order, so the good one waits; but it is worked on meanwhile.
        self.assertEqual(control.committed(bad, 60)["outcome"], "poison")
        self.assertEqual(control.committed(good)["outcome"], "parsed")
        self.assertIn("reason=silent", self.events())
        self.stop()

    def kill(self, role):
        pids = [each["pid"] for each in self.status()["processes"] if each["role"] == role and each["pid"]]
        for pid in pids[:1]:
            os.kill(pid, signal.SIGKILL)

    def test_workers_killed(self):
        self.configure({"name": "a"}, normalisers=2)
        self.start()
        control = self.control()
        documents = {}
        for i in range(60):
            documents[control.upload("a", b"x\n" * (i + 1))["document"]] = i + 1
            if i == 20:
                self.kill("assessor")
            if i == 40:
                self.kill("normaliser")
        for document, rows in documents.items():
            self.assertEqual(control.committed(document)["rows"], rows)
        ids = [int(line[0]) for line in self.committed()]
        self.assertEqual(sorted(ids), sorted(documents))
        self.stop()

    def test_daemon_killed(self):
        """kill -9 at many moments of an import; what was accepted is committed, once."""
        self.configure({"name": "a"}, normalisers=2)
        accepted, rng, i = {}, random.Random(5), 0
        for _ in range(12):
            self.start(wait=False)
            control = self.control()
            deadline = time.monotonic() + rng.uniform(0.2, 0.9)
            try:
                while time.monotonic() < deadline:
                    data = b"%d\n" % i * rng.choice([1, 10, 200000])
                    answer = control.upload("a", data, fetched_at="2024-01-31T00:00:00Z")
                    self.assertTrue(answer["ok"], answer)
                    accepted[answer["document"]] = hashlib.sha256(data).hexdigest()
                    i += 1
            except TimeoutError:
                pass
            workers = subprocess.run(["pgrep", "-P", str(self.daemon.pid)], capture_output=True, text=True).stdout.split()
            self.daemon.kill()
            self.daemon.wait()
            self.wait(lambda: not any(os.path.exists("/proc/" + pid) for pid in workers), what="the workers' end")
        self.start()
        self.assertGreater(len(accepted), 20)
        self.wait(lambda: self.status()["backlog"]["documents"] == 0, 60)
        committed = self.committed()
        self.assertEqual(len(committed), len({line[0] for line in committed}))
        seen = {int(line[0]): line[2] for line in committed}
        for document, sha256 in accepted.items():
            self.assertEqual(seen.get(document), sha256)
        self.stop()

    def test_stop_lets_finish(self):
        self.configure({"name": "a"}, normalisers=1)
        self.start()
        control = self.control()
        control.upload("a", b"slow\n")
        time.sleep(0.1)
        self.stop()
        self.assertEqual(len(self.committed()), 1)


class Reload(Case):
    def test_valid(self):
        self.serve()
        self.document("a", "one\n")
        self.document("b", "two\n")
        self.configure({"name": "a", "url": self.base + "/doc/a"})
        self.start()
        self.wait(lambda: len(self.committed()) == 1)
        workers = {each["pid"] for each in self.status()["processes"]}
        self.configure({"name": "a", "url": self.base + "/doc/a"}, {"name": "b", "url": self.base + "/doc/b"}, normalisers=3)
        self.daemon.send_signal(signal.SIGHUP)
        self.wait_log("config.reloaded")
        self.wait(lambda: len(self.committed()) == 2)
        self.wait(lambda: [each["state"] for each in self.status()["processes"]] == ["ready"] * 4)
        self.assertFalse(workers & {each["pid"] for each in self.status()["processes"]})
        self.assertEqual(len(self.requests("/doc/a")), 1)
        self.assertEqual(self.feed("a")["failures"], 0)
        # By the control socket, and with documents under way.
        control = self.control()
        ids = [control.upload("a", b"slow\n%d\n" % i)["document"] for i in range(3)]
        self.configure({"name": "a", "url": self.base + "/doc/a"})
        self.assertTrue(control.call("reload")["ok"])
        self.assertEqual([each["feed"] for each in self.status()["feeds"]], ["a"])
        for document in ids:
            control.committed(document)
        self.assertEqual(len(self.committed()), 5)
        self.stop()

    def test_invalid(self):
        self.configure({"name": "a"})
        self.start()
        workers = {each["pid"] for each in self.status()["processes"]}
        with open(self.config, "a") as file:
            file.write('nonsense = 1\nmore = "2"\n')
        self.daemon.send_signal(signal.SIGHUP)
        self.wait_log("config.refused")
        self.assertIn("nonsense", self.events())
        answer = self.control().call("reload")
        self.assertFalse(answer["ok"])
        self.assertIn("nonsense", answer["error"])
        self.assertIn("more", answer["error"])
        self.assertEqual(workers, {each["pid"] for each in self.status()["processes"]})
        # A worker that starts again reads what was accepted, not the file as it is now.
        (path,) = [name for name in os.listdir(os.path.join(self.dir, "run", "accepted")) if name.endswith(".conf")]
        with open(os.path.join(self.dir, "run", "accepted", path)) as file:
            self.assertNotIn("nonsense", file.read())
        command = ["/proc/%d/cmdline" % pid for pid in workers]
        for each in command:
            with open(each, "rb") as file:
                self.assertIn(b"/accepted/" + path.encode(), file.read())
        self.configure({"name": "a"})
        with open(self.config) as file:
            text = file.read().replace("/state", "/elsewhere")
        with open(self.config, "w") as file:
            file.write(text)
        self.assertIn("state_dir cannot change", self.control().call("reload")["error"])
        self.stop()


class Notify(Case):
    def test_notify(self):
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(listener.close)
        listener.bind(self.path("notify"))
        listener.settimeout(10)
        self.env.update(NOTIFY_SOCKET=self.path("notify"), WATCHDOG_USEC="400000")
        self.configure({"name": "a"})
        self.start(wait=False)
        heard = []

        def until(word):
            while not heard or word not in heard[-1]:
                heard.append(listener.recv(4096).decode())

        until("READY=1")
        until("WATCHDOG=1")
        self.daemon.send_signal(signal.SIGHUP)
        until("RELOADING=1")
        self.assertIn("MONOTONIC_USEC=", heard[-1])
        until("READY=1")
        self.daemon.terminate()
        until("STOPPING=1")
        self.assertEqual(self.daemon.wait(timeout=20), 0)


if __name__ == "__main__":
    unittest.main()
