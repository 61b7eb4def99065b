#!/usr/bin/python3
"""Reads alerts as NDJSON and tells them month by month; those of the days given as arguments only as a count."""
import json
import sys

first_days = set(sys.argv[1:])
WORDS = {
    "level_up": "up", "level_down": "down", "floor_opened": "finding", "floor_closed": "closed", "new_evidence": "news",
    "knowledge_lost": "too old",
}
month, began = None, 0
for line in sorted((json.loads(line) for line in sys.stdin), key=lambda alert: (alert["time"], alert["data"]["seq"])):
    data = line["data"]
    if line["time"][:10] in first_days and not line["time"].endswith("T00:00:00Z"):
        began += 1
        continue
    if line["time"][:7] != month:
        month = line["time"][:7]
        print("  " + month)
    text = data["text"]
    name = (data.get("council") or {}).get("name")
    if name and text.startswith(name + ": "):
        text = text[len(name) + 2:]
    if text.startswith("flag for a conversation: "):
        text = text[len("flag for a conversation: "):]
    print("    %s  %-8s %s: %s" % (line["time"][:10], WORDS.get(data["kind"], data["kind"]), name or line["subject"], text))
print("  (and %d alerts on the first captures, which say how things stood)" % began)
