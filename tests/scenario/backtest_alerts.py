"""backtest_alerts.py WORK COUNCILWATCH: the alerts by week that "backtest" counts (WORK/json), against "history" of an installation that learnt each
statement on the day on which it was published."""
import collections
import csv
import datetime
import json
import lzma
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(os.environ["CW_SOURCE"])
sys.path.insert(0, str(ROOT / "script"))
sys.dont_write_bytecode = True
from installation import Installation, find_programs, import_feed  # noqa: E402

WORK, PROGRAM = Path(sys.argv[1]), sys.argv[2]
report = json.loads((WORK / "json").read_text())
live = WORK / "live"
(live / "feeds.d").mkdir(parents=True)
feeds = collections.defaultdict(list)
for path in (ROOT / "tests/data/history").glob("*.ndjson.xz"):
    for line in lzma.decompress(path.read_bytes()).decode().splitlines():
        evidence = json.loads(line)
        if not evidence.get("published_at_derived"):
            del evidence["fetched_at"]  # then it is known from its publication
        feeds[evidence["feed"]].append(json.dumps(evidence) + "\n")
for feed, lines in feeds.items():
    (live / "feeds.d" / f"{feed}.conf").write_text(f'feed "{feed}" {{\n publisher = "unattributed"\n tier = "A"\n format = "evidence"\n}}\n')
installation = Installation(find_programs(), live, live / "feeds.d")
try:
    for feed, lines in sorted(feeds.items()):
        document = live / f"{feed}.ndjson"
        document.write_text("".join(lines), encoding="utf-8")
        import_feed(find_programs(), installation.conf, feed, [("2025-07-01", document)], live)
finally:
    installation.close()

weeks, rises = collections.Counter(), collections.Counter()
with open(ROOT / "config/councils.csv", encoding="utf-8", newline="") as file:
    for council in csv.DictReader(file):
        told = subprocess.run([PROGRAM, "-c", installation.conf, "history", council["council_id"], "--json"], capture_output=True, text=True,
                              check=True).stdout
        for change in json.loads(told)["changes"]:
            on = change["time"][:10]
            if report["from"] <= on <= report["to"] and not (council["end_date"] and on > council["end_date"]):
                on = datetime.date.fromisoformat(on)
                monday = (on - datetime.timedelta(on.weekday())).isoformat()
                weeks[monday] += 1
                rises[monday] += change["kind"] == "level_up"
wrong = 0
for week in report["volume"]["by_week"]:
    ours = (weeks[week["monday"]], rises[week["monday"]])
    theirs = (week["all"] + week["all_digest"], week["level_up"] + week["level_up_digest"])
    if ours != theirs:
        wrong += 1
        print(f"week of {week['monday']}: {ours} here, {theirs} there")
print(f"{sum(weeks.values())} alerts in {len(report['volume']['by_week'])} weeks, {sum(rises.values())} of them level_up")
if wrong or not weeks:
    sys.exit(f"{wrong} weeks differ")
