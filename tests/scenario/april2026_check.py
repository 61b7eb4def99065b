"""april2026_check.py DIRECTORY [send]: what april2026.sh got from the programs, against captures.py and april2026_pages.py."""
import os
import sys

import april2026_pages
import captures
import history_check as check

WORK = sys.argv[1]


def ilacs():
    codes = captures.councils()
    everything = []
    for moment, name in (("2026-06-17T09:30:00Z", "ilacs-1.html"), ("2026-06-24T09:30:00Z", "ilacs-2.html")):
        path = os.path.join(WORK, "pages", name)
        facts = [f for f in captures.read_ilacs(moment, path, codes) if set(f.values) != {"framework_id"}]
        everything.append((moment, "ofsted-ilacs-summary", path, facts))
    seen = {tuple(f.values.get(v) for v in list(captures.ILACS_VALUES.values())[1:]) for c in everything for f in c[3]}
    if len(seen) != 255:
        check.problem("%d combinations in place of 255" % len(seen))
    if any(f.values["framework_id"] != "ilacs_2026" or "overall_effectiveness" in f.values for c in everything for f in c[3]):
        check.problem("the pages are not as meant")
    check.check_evidence(everything)
    check.check_alerts(everything)
    check.check_levels(everything)
    quarantine = check.read("quarantine")
    if [q["reason"] for q in quarantine] != ["no_outcome"]:
        check.problem("in quarantine are %s, not the one row without any judgement" % [q["reason"] for q in quarantine])


def send():
    wanted, reasons = set(), {}
    for row, (*_, becomes) in enumerate(april2026_pages.SEND, 1):
        words = becomes.split()
        if becomes.startswith("outcome="):
            wanted.add((row, int(words[0].split("=")[1]), words[1].split("=")[1] or None))
        elif becomes not in ("blank", "not_a_council"): # both are counted only
            for reason in words:
                reasons.setdefault(row, set()).add(reason)
    got = {(e["row"], e["values"]["outcome"], e["event_date"]) for e in check.lines("send.evidence")}
    if got != wanted:
        check.problem("evidence of rows %s, not %s" % (sorted(got - wanted, key=str), sorted(wanted - got, key=str)))
    for e in check.lines("send.evidence"):
        if e["quote"] != "Text & more “quoted” <b>bold</b>":
            check.problem("the quote is %r" % e["quote"])
        if e["url"] != "https://files.ofsted.gov.uk/v1/file/%d" % (50400000 + e["row"] - 1):
            check.problem("row %d links to %s" % (e["row"], e["url"]))
    found = {}
    for q in check.read("send.quarantine"):
        if q["feed"] == "area-send-summary":
            found.setdefault(q["row"], set()).add(q["reason"])
            if not q["mend"] or q["text"] is None and q["detail"] is None:
                check.problem("row %s is in quarantine without a word: %s" % (q["row"], q))
    # A value that is none leaves a row without an outcome: either is said, one at least.
    for row in reasons.keys() | found.keys():
        if not found.get(row) or not found[row] <= reasons.get(row, set()):
            check.problem("row %s (%s): quarantine says %s, expected %s" % (row, april2026_pages.SEND[row - 1][0] if row else "", found.get(row), reasons.get(row)))


(send if sys.argv[2:] == ["send"] else ilacs)()
check.result()
