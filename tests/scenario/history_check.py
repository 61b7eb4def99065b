"""history_check.py DIRECTORY: what history.sh got from the programs, against captures.py. Says each thing that differs."""
import datetime
import json
import os
import sys

import captures

WORK = sys.argv[1]
problems = 0


def problem(text):
    global problems
    problems += 1
    if problems <= 40:
        print("differs:", text)


def lines(name):
    with open(os.path.join(WORK, name), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def read(name):
    with open(os.path.join(WORK, name), encoding="utf-8") as file:
        return json.load(file)


def check_evidence(everything):
    """Every distinct statement of the pages is there once, with exactly its values, and nothing else is."""
    wanted = {}
    for moment, _, _, facts in everything:
        for fact in facts:
            wanted.setdefault(fact.key(), fact)
    got = {}
    for e in lines("evidence"):
        values = {k: v for k, v in e["values"].items() if k != "derived_headline"}
        key = (e["kind"], e["council_id"], e["event_date"], e["url"], tuple(sorted(values.items())))
        if key in got:
            problem("evidence twice: %s" % (key,))
        got[key] = e
    for key in wanted.keys() - got.keys():
        problem("no evidence of %s" % (key,))
    for key in got.keys() - wanted.keys():
        problem("evidence of nothing: %s" % (key,))
    for key in wanted.keys() & got.keys():
        fact, e = wanted[key], got[key]
        if e["fetched_at"] != fact.known:
            problem("%s was first seen %s, not %s" % (key, fact.known, e["fetched_at"]))
        if e["published_at"][:10] != fact.published.isoformat():
            problem("%s was published %s, not %s" % (key, fact.published, e["published_at"]))
        if fact.kind == "ilacs":
            grade, derived = captures.headline(fact.values)
            if (e["values"].get("derived_headline") or None) != (grade if derived else None):
                problem("%s: derived headline %s, not %s" % (key, e["values"].get("derived_headline"), grade))
    print("evidence: %d statements, all as on the pages" % len(wanted))


def check_quarantine(everything):
    """What is no grade stands in quarantine, cell by cell, and nothing else does."""
    wanted = {}
    for moment, feed, path, _ in everything:
        if feed != "ofsted-ilacs-summary":
            continue
        for row in captures.read_table(path):
            for heading in captures.ILACS_VALUES:
                text = row[heading]
                if not captures.grade(text) and text not in ("", "NaN", "None", "inspection_pre_dates_judgement"):
                    wanted[(heading, text)] = wanted.get((heading, text), 0) + 1
    got = {(q["field"], q["text"]): q["times"] for q in read("quarantine")}
    if got != wanted:
        problem("quarantine is %s, not %s" % (got, wanted))
    if not wanted:
        problem("the captures were expected to hold a text that is no grade")
    print("quarantine: %s" % ", ".join("%s '%s' in %d captures" % (h, t, n) for (h, t), n in sorted(wanted.items())))


def check_alerts(everything):
    last = max(day_of(moment) for moment, _, _, _ in everything)
    expected = captures.expected_alerts(everything, last)
    alerts = lines("alerts")
    got = {}
    for position, alert in enumerate(alerts):
        data = alert["data"]
        key = (alert["time"], alert["subject"], data["kind"])
        if data["seq"] != position + 1:
            problem("alert %d has seq %d" % (position + 1, data["seq"]))
        if key in got:
            problem("alert twice: %s" % (key,))
        got[key] = data
        if not alert["type"].endswith(".%s.v1" % data["kind"]) or data["council"]["id"] != alert["subject"]:
            problem("alert %d contradicts itself" % data["seq"])
    # What time alone brings is told up to the moment of the last capture; whatever is later belongs to the test's own day.
    got = {key: data for key, data in got.items() if day_of(key[0]) <= last}
    for key in sorted(expected.keys() - got.keys()):
        problem("no alert %s %s %s (level %s to %s)" % (key + (captures.LEVELS[expected[key][0]], captures.LEVELS[expected[key][1].level])))
    for key in sorted(got.keys() - expected.keys()):
        problem("unexpected alert %s %s %s: %s" % (key + (got[key]["text"],)))
    for key in expected.keys() & got.keys():
        before, view = expected[key]
        data = got[key]
        if (data["previous_level"], data["level"]) != (captures.LEVELS[before], captures.LEVELS[view.level]):
            problem("%s: level %s to %s, not %s to %s" % (key, data["previous_level"], data["level"], captures.LEVELS[before],
                                                          captures.LEVELS[view.level]))
        if abs(data["points"] - view.points) > 0.06:
            problem("%s: %.2f points, not %.2f" % (key, data["points"], view.points))
        if data["kind"] in ("level_up", "floor_opened", "new_evidence"):
            if not data["contributors"]:
                problem("%s has no contributor" % (key,))
            for contributor in data["contributors"]:
                for evidence in contributor["evidence"]:
                    if not evidence["url"] or not evidence["document"].startswith("sha256:"):
                        problem("%s: evidence without a link or document" % (key,))
    kinds = {}
    for key in expected:
        kinds[key[2]] = kinds.get(key[2], 0) + 1
    print("alerts: " + ", ".join("%d %s" % (n, k) for k, n in sorted(kinds.items())))
    return got


def day_of(moment):
    return datetime.date.fromisoformat(moment[:10])


def check_named(got):
    """The changes that the publisher's own history is known for."""
    named = [
        ("2023-08-25", "isles-of-scilly", "level_up", "intensive"), ("2023-09-11", "swindon", "level_up", "intensive"),
        ("2023-09-11", "medway", "floor_closed", "priority"), ("2024-01-31", "peterborough", "level_up", "intensive"),
        ("2024-02-17", "havering", "level_up", "intensive"), ("2024-05-22", "cheshire-east", "level_up", "intensive"),
        ("2024-07-15", "halton", "level_up", "intensive"), ("2024-02-14", "tameside", "level_up", "intensive"),
        ("2023-09-04", "st-helens", "floor_closed", "priority"), ("2024-01-13", "staffordshire", "level_up", "watch"),
        ("2024-08-22", "suffolk", "floor_opened", "priority"),
    ]
    for day, council, kind, level in named:
        found = [d for (moment, c, k), d in got.items() if c == council and moment.startswith(day) and "T00:00:00" not in moment]
        if [(d["kind"], d["level"]) for d in found] != [(kind, level)]:
            problem("%s on %s: %s, not one %s at %s" % (council, day, [(d["kind"], d["level"]) for d in found], kind, level))
    print("named changes: %d, each once and on its day" % len(named))


def check_quiet(everything, got):
    """Captures in which no council's grades changed raise nothing, whatever else moved in them."""
    quiet, before, codes = {}, None, captures.councils()
    for moment, feed, path, facts in everything:
        if feed != "ofsted-ilacs-summary":
            continue
        rows = captures.read_table(path)
        grades = {codes[r["La Code"]]: (r["Inspection Link"], r["Overall Effectiveness Grade"]) for r in rows}
        if before is not None:
            changed = [c for c in grades if c in before[0] and grades[c] != before[0][c]]
            headings = list(rows[0])
            if len(rows) < before[2]:
                quiet[moment] = "%d rows in place of %d" % (len(rows), before[2])
            elif headings != before[3] and rows == before[1]:
                quiet[moment] = "columns that change places"
            elif rows == before[1]:
                quiet[moment] = "nothing but a time stamp"
            elif not changed and len(rows) == before[2]:
                quiet[moment] = "codes and other cells only"
            for c in changed:
                if moment in quiet:
                    problem("%s was thought quiet, yet %s changed" % (moment, c))
        before = ({**(before[0] if before else {}), **grades}, rows, len(rows), list(rows[0]))
    for moment, why in sorted(quiet.items()):
        found = [key for key in got if key[0] == moment]
        if found:
            problem("%s has %s, yet raised %s" % (moment, why, found))
        print("quiet: %s (%s)" % (moment, why))
    reasons = " ".join(quiet.values())
    for wanted in ("135 rows", "time stamp", "change places"):
        if wanted not in reasons:
            problem("no capture with: %s" % wanted)


def check_levels(everything):
    count = 0
    for name in sorted(os.listdir(WORK)):
        if not name.startswith("councils."):
            continue
        day = datetime.date.fromisoformat(name.split(".")[1])
        wanted = captures.levels_on(everything, day)
        for c in read(name):
            view = wanted.pop(c["council_id"], captures.View())
            count += 1
            if c["level"] != captures.LEVELS[view.level] or abs(c["points"] - view.points) > 0.06:
                problem("%s on %s: %s with %.2f, not %s with %.2f" % (c["council_id"], day, c["level"], c["points"],
                                                                      captures.LEVELS[view.level], view.points))
            if c["knowledge"] != view.knowledge:
                problem("%s on %s: %s, not %s" % (c["council_id"], day, c["knowledge"], view.knowledge))
            for criterion, points in view.criteria.items():
                if abs(c["criteria"][criterion]["points"] - points) > 0.06:
                    problem("%s on %s: %s %.2f, not %.2f" % (c["council_id"], day, criterion, c["criteria"][criterion]["points"], points))
        for council in wanted:
            problem("%s is missing on %s" % (council, day))
    print("levels: %d councils and days" % count)


def main():
    everything = captures.all_captures()
    check_evidence(everything)
    check_quarantine(everything)
    alerts = check_alerts(everything)
    check_named(alerts)
    check_quiet(everything, alerts)
    check_levels(everything)


def result():
    if problems:
        print("%d differences" % problems)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
    result()
