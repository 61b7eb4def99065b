"""installation.py: an installation of councilwatch's own for a script, and importing into it."""
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def fail(text):
    sys.exit(f"{Path(sys.argv[0]).name}: {text}")


def find_programs():
    for directory in (os.environ.get("CW_BIN"), ROOT / "build/release/bin", ROOT / "build/dev/bin", ROOT / "build/demo/bin"):
        if directory and (Path(directory) / "councilwatchd").exists():
            return Path(directory)
    if shutil.which("councilwatchd"):
        return Path(shutil.which("councilwatchd")).parent
    fail("there is no councilwatchd; build it (script/test, or cmake --preset release && cmake --build --preset release), or set CW_BIN")


class Installation:
    """A daemon of our own, with the shipped tables, and the shipped feeds or others."""

    def __init__(self, programs, directory, feeds=ROOT / "config/feeds.d"):
        self.daemon = None
        self.directory = directory
        # The path of a socket may not be long.
        self.runtime = tempfile.mkdtemp(prefix="cw.", dir="/tmp")
        self.conf = directory / "councilwatch.conf"
        config = ROOT / "config"
        self.conf.write_text(
            f'state_dir = "{directory}/state"\nruntime_dir = "{self.runtime}"\n'
            f'include_feeds = "{feeds}/*.conf"\nfetching = false\nlog_level = "warning"\n'
            + "".join(f'{table}_file = "{config}/{name}"\n' for table, name in
                      (("councils", "councils.csv"), ("aliases", "aliases.csv"), ("risk", "risk.conf"))))
        self.log = open(directory / "daemon.log", "ab")
        self.daemon = subprocess.Popen([programs / "councilwatchd", "-c", self.conf], stdout=self.log, stderr=self.log,
                                       stdin=subprocess.DEVNULL)
        for _ in range(300):
            if self.daemon.poll() is not None:
                break
            if subprocess.run([programs / "councilwatch", "-c", self.conf, "status"], capture_output=True).returncode == 0:
                return
            time.sleep(0.1)
        self.close()
        fail("the daemon does not come up: " + (directory / "daemon.log").read_text(errors="replace")[-2000:])

    def close(self):
        if self.daemon and self.daemon.poll() is None:
            self.daemon.terminate()
            try:
                self.daemon.wait(30)
            except subprocess.TimeoutExpired:
                self.daemon.kill()
                self.daemon.wait()
        self.log.close()
        shutil.rmtree(self.runtime, ignore_errors=True)


def import_feed(programs, conf, feed, editions, work):
    manifest = work / f"{feed}.csv"
    with open(manifest, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["file", "captured_at_utc"])
        for moment, path in sorted(editions):
            out.writerow([path.resolve(), moment])
    run = subprocess.run([programs / "councilwatch", "-c", conf, "--json", "import", "--feed", feed, "--manifest", manifest],
                         capture_output=True, text=True, stdin=subprocess.DEVNULL)
    try:
        answer = json.loads(run.stdout)
    except ValueError:
        fail(f"{feed}: {run.stderr.strip() or run.stdout.strip() or run.returncode}")
    result = {"feed": feed, "documents": len(editions), "rows": 0, "evidence": 0, "new_evidence": 0, "reasons": {}, "failed": []}
    for document in answer["documents"]:
        for key in ("rows", "evidence", "new_evidence"):
            result[key] += document.get(key, 0)
        for reason, count in document.get("reasons", {}).items():
            result["reasons"][reason] = result["reasons"].get(reason, 0) + count
        if document.get("outcome") != "parsed":
            result["failed"].append(f"{Path(document['file']).name}: {document.get('outcome')}: {document.get('detail', '')}")
    return result
