#!/usr/bin/python3
"""pack_history.py OUT: makes tests/data/history from what "councilwatch evidence --json" prints on standard input.

Kept is what the model reads and what says where it is from. Left out are texts of reports, the figures it does not read, and what an
import gives anew (id, document, row). OUT/inspections.ndjson.xz has all but political control, which is under another licence and
lies in OUT/political-control.ndjson.xz.
"""
import json
import lzma
import sys
from pathlib import Path

KINDS = {"ilacs", "sif", "ilacs_focused_visit", "ilacs_monitoring_visit", "jtai", "area_send", "area_send_monitoring", "send_2016",
         "workforce", "ehcp_timeliness", "political_control", "signal"}
MEMBERS = ("kind", "council_id", "event_date", "published_at", "published_at_derived", "fetched_at", "publisher", "tier", "url", "title", "key",
           "values", "feed")
# Of figures only these are read (docs/model.md), and one of its own so that it says something.
FIGURES = {"workforce": ("period", "agency_rate", "outlier", "compared"), "ehcp_timeliness": ("period", "ehcp_20_weeks", "outlier", "compared")}
# Values that only people read.
PROSE = ("page", "theme", "headline", "rule")


def slim(evidence):
    values = evidence["values"]
    figures = FIGURES.get(evidence["kind"])
    if figures and set(values) & set(figures[1:]):
        values = {name: value for name, value in values.items() if name in figures}
    kept = {name: evidence[name] for name in MEMBERS if evidence.get(name) is not None}
    kept["values"] = {name: value for name, value in values.items() if name not in PROSE}
    return kept


def main():
    out = Path(sys.argv[1])
    rows = []
    for line in sys.stdin:
        evidence = json.loads(line)
        if evidence["kind"] not in KINDS or (evidence["kind"] == "jtai" and "priority_actions" not in evidence["values"]):
            continue
        rows.append(slim(evidence))
    rows.sort(key=lambda row: (row["feed"], row["council_id"], row["fetched_at"], json.dumps(row, sort_keys=True)))
    for name, wanted in (("inspections", lambda row: row["kind"] != "political_control"),
                         ("political-control", lambda row: row["kind"] == "political_control")):
        text = "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows if wanted(row))
        packed = lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME)
        (out / f"{name}.ndjson.xz").write_bytes(packed)
        print(f"{name}: {text.count(chr(10))} statements, {len(text)} bytes, {len(packed)} packed")


main()
