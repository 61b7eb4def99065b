"""sources_check.py SOURCES WORK: what script/import-data said and what evidence there is, against SOURCES/EXPECTED.tsv, which was counted by
hand, and against an independent reading of the files: the figures that stand out, and changes of control."""
import csv
import json
import sys
from collections import defaultdict
from pathlib import Path

sources, work = Path(sys.argv[1]), Path(sys.argv[2])
wrong = []


def check(what, found, wanted):
    if found != wanted:
        wrong.append(f"{what}: {found}, not {wanted}")


def rows(path, encoding="utf-8-sig"):
    with open(sources / path, encoding=encoding, newline="") as file:
        return list(csv.DictReader(file))


def number(text):
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None


expected = {}
for line in (sources / "EXPECTED.tsv").read_text().splitlines():
    if line and not line.startswith("#"):
        feed, documents, count, evidence, reasons = line.split("\t")
        expected[feed] = {"documents": int(documents), "rows": int(count), "evidence": int(evidence),
                          "reasons": {} if reasons == "-" else
                          {name: int(n) for name, n in (part.split("=") for part in reasons.split())}}
imported = json.loads((work / "imported.json").read_text())
check("feeds", sorted(feed["feed"] for feed in imported["feeds"]), sorted(expected))
check("files that no feed reads", imported["no_feed"], [])
for feed in imported["feeds"]:
    for key, wanted in expected.get(feed["feed"], {}).items():
        check(f"{feed['feed']}: {key}", feed[key], wanted)
    check(f"{feed['feed']}: failed documents", feed["failed"], [])

evidence = [json.loads(line) for line in (work / "evidence").read_text().splitlines()]
by_feed = defaultdict(list)
for statement in evidence:
    by_feed[statement["feed"]].append(statement)
    for name, value in statement["values"].items():
        if isinstance(value, float) and (value != value or abs(value) > 1e15):
            wrong.append(f"{statement['id']}: {name} is {value}")


def outliers(path, code, period, is_council, measures):
    """{code: {"measure worst_decile", …}} of the newest period. measures: name, column, sign of worse, points or None, denominator, least."""
    table = [row for row in rows(path) if is_council(row)]
    newest = max(row[period] for row in table)
    before = max(row[period] for row in table if row[period] < newest)
    found = defaultdict(set)
    for name, column, sign, points, denominator, least in measures:
        def figure(row):
            value, size = number(row[column]), number(row[denominator])
            return None if value is None or size is None or size < least else sign * value
        now = {row[code]: figure(row) for row in table if row[period] == newest}
        then = {row[code]: figure(row) for row in table if row[period] == before}
        ranked = sorted((value for value in now.values() if value is not None), reverse=True)
        worst = len(ranked) // 10
        while worst and ranked[worst - 1] == ranked[worst]:
            worst -= 1
        for key, value in now.items():
            if value is None:
                continue
            if len(ranked) >= 30 and worst and value >= ranked[worst - 1]:
                found[key].add(f"{name} worst_decile")
            if points and then.get(key) is not None and round(value - then[key], 6) >= points:
                found[key].add(f"{name} worse_by_{points}_points")
    return newest, dict(found)


codes = {}
with open(Path(__file__).resolve().parents[2] / "config/councils.csv", encoding="utf-8", newline="") as file:
    for row in csv.DictReader(file):
        codes[row["council_id"]] = row["la_code"]


def given_outliers(feed, newest, document):
    found = defaultdict(set)
    for statement in by_feed[feed]:
        if statement["values"].get("period") == newest and statement["fetched_at"].startswith(document):
            if statement["values"].get("outlier"):
                found[codes[statement["council_id"]]].update(statement["values"]["outlier"].split("; "))
                if not statement["values"].get("compared"):
                    wrong.append(f"{statement['id']} stands out, and the sum is not shown")
    return dict(found)


def local(row):
    return row["geographic_level"] == "Local authority"


def expand(found):
    return {key: value for keys, value in found.items() for key in keys.split(" / ")}


newest, found = outliers("workforce/csww_indicators_2017_to_2024.csv", "old_la_code", "time_period", local, [
    ("agency_rate", "agency_rate_fte", 1, 5, "inpost_fte", 20), ("vacancy_rate", "vacancy_rate_fte", 1, None, "inpost_fte", 20),
    ("turnover_rate", "turnover_rate_fte", 1, None, "inpost_fte", 20)])
check("workforce: what stands out", given_outliers("workforce", newest, "2025-03-01"), expand(found))
check("workforce: how many stand out", len(found) > 20, True)
newest, found = outliers("send/ehcp_timeliness_20_week_2019_to_2024.csv", "old_la_code", "time_period",
                         lambda row: local(row) and row["breakdown_topic"] == "All EHC plans issued",
                         [("ehcp_20_weeks", "PC_plans_issued_20_weeks_ex", -1, 5, "plans_issued_den_ex", 20)])
check("ehcp-timeliness: what stands out", given_outliers("ehcp-timeliness", newest, "2025-07-01"), found)
check("ehcp-timeliness: how many stand out", len(found) > 20, True)

# The words of the publisher changed in 2025 for nearly every council; control did so where the seats say so.
control = {(s["council_id"], s["event_date"]): s["values"]["control"] for s in by_feed["political-control"]}
for council, before, after in (("leeds", "lab", "lab"), ("dorset", "ld", "ld"), ("doncaster", "lab", "reform"), ("leicester", "lab", "lab"),
                               ("derbyshire", "con", "reform"), ("devon", "con", "noc"), ("croydon", "noc", "noc")):
    check(f"control of {council}", (control.get((council, "2024-05-08")), control.get((council, "2025-05-08"))), (before, after))

if wrong:
    print("\n".join(wrong[:40]))
    sys.exit(1)
