"""backtest_check.py WORK COUNCILWATCH CONF: "backtest" against a calculation of its own, which knows the evidence, what "councils --as-of" says of
each month, and the tables of councils; nothing of the program's source. Works out inspections, outcomes, lists, shares, intervals, chances and
lead times anew. WORK/csv and WORK/json are what the program gave."""
import bisect
import csv
import datetime
import functools
import itertools
import json
import os
import random
import subprocess
import sys
from pathlib import Path

WORK, PROGRAM, CONF = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
CONFIG = Path(os.environ["CW_SOURCE"]) / "config"
LEVELS = ["routine", "watch", "priority", "intensive"]
GRADES = {"outstanding": 1, "good": 2, "requires_improvement": 3, "inadequate": 4}
TIERS = "ABC"
problems = []


def differ(what, ours, theirs):
    if ours != theirs:
        problems.append(f"{what}: {ours} here, {theirs} there")


def near(what, ours, theirs, by=1e-6):
    if (ours is None) != (theirs is None) or (ours is not None and abs(ours - theirs) > by):
        problems.append(f"{what}: {ours} here, {theirs} there")


def day(text):
    return datetime.date.fromisoformat(text[:10]) if text else None


def add_months(date, months):
    year, month = divmod(date.year * 12 + date.month - 1 + months, 12)
    return datetime.date(year, month + 1, date.day)


def ask(*arguments):
    return subprocess.run([PROGRAM, "-c", CONF, *arguments], capture_output=True, text=True, check=True).stdout


report = json.loads((WORK / "json").read_text())
with open(WORK / "csv", encoding="utf-8", newline="") as file:
    rows = list(csv.DictReader(file))
FROM, TO = day(report["from"]), day(report["to"])
GRID = [add_months(FROM, m) for m in range(report["months"])]
differ("last month", GRID[-1].isoformat(), report["last_month"])
with open(CONFIG / "councils.csv", encoding="utf-8", newline="") as file:
    COUNCILS = {row["council_id"]: row for row in csv.DictReader(file)}
with open(CONFIG / "lineage.csv", encoding="utf-8", newline="") as file:
    LINEAGE = [row for row in csv.DictReader(file) if row["kind"] != "continues"]

# ---- inspections, from the evidence alone ----


def headline(values):
    if "outcome" in values:
        return int(values["outcome"])
    if values.get("overall_effectiveness") in GRADES:
        return GRADES[values["overall_effectiveness"]]
    parts = [values.get(name) for name in ("help_and_protection", "in_care", "care_leavers")]
    leaders = values.get("impact_of_leaders")
    if "inadequate" in parts:
        return 4
    if leaders == "inadequate" or [leaders, *parts].count("requires_improvement") >= 2:
        return 3
    return 0


def find_inspections(evidence, kinds):
    """council -> [(published, visit, headline)] in order of publication. A visit is known by its day; a statement without one belongs to
    the visit with its day of publication, or to the last visit in the 250 days before it."""
    statements = {}
    for e in evidence:
        if e["kind"] in kinds:
            statements.setdefault(e["council_id"], []).append(
                {"visit": day(e["event_date"]), "stated": None if e.get("published_at_derived") else day(e["published_at"]),
                 "seen": day(e["fetched_at"]), "tier": TIERS.index(e["tier"]), "found": headline(e["values"]), "url": e["url"],
                 "kind": e["kind"], "values": e["values"]})
    result = {}
    for council, of in statements.items():
        visits = []
        for s in sorted((s for s in of if s["visit"]), key=lambda s: s["visit"]):
            if visits and (s["visit"] - visits[-1][-1]["visit"]).days <= 14:
                visits[-1].append(s)
            else:
                visits.append([s])
        for s in (s for s in of if not s["visit"]):
            home = [v for v in visits if s["stated"] and any(t["stated"] == s["stated"] for t in v)]
            home = home or [v for v in visits if s["stated"] and v[0]["visit"] and not any(t["stated"] for t in v)
                            and 0 <= (s["stated"] - v[0]["visit"]).days <= 250]
            home = home or [v for v in visits if s["stated"] and v[0]["visit"] and 0 <= (s["stated"] - v[0]["visit"]).days <= 250]
            home = home or [v for v in visits if s["url"] and any(t["url"] == s["url"] for t in v)]
            (home[-1] if home else visits.append([]) or visits[-1]).append(s)
        found = []
        for v in visits:
            published = min([s["stated"] for s in v if s["stated"]] or [s["seen"] for s in v])
            published = min([published, *(s["seen"] for s in v)])
            telling = [s for s in v if s["found"]]
            best = min((s["tier"] for s in telling), default=0)
            grade = max((s["found"] for s in telling if s["tier"] == best), default=0)
            found.append((published, next((s["visit"] for s in v if s["visit"]), None), grade))
        result[council] = sorted(found, key=lambda f: f[0])
    return result


evidence = [json.loads(line) for line in ask("evidence", "--json").splitlines()]
STRANDS = {"ilacs": find_inspections(evidence, {"ilacs", "sif"}), "send": find_inspections(evidence, {"area_send"})}
STRAND = {"inadequate": "ilacs", "fall": "ilacs", "send_outcome3": "send", "intervention": None}


def there(council, on):
    row = COUNCILS[council]
    return (not row["start_date"] or row["start_date"] <= on.isoformat()) and (not row["end_date"] or on.isoformat() <= row["end_date"])


def last(strand, council, on):
    """The last headline by a day, of the council or of the worst of those it took over from."""
    own = [f for f in STRANDS[strand].get(council, []) if f[0] <= on and f[2]]
    if own:
        return own[-1]
    before = []
    for edge in LINEAGE:
        vested = day(edge["date"])
        if edge["successor"] == council and float(edge["of_successor"]) >= 0.25 and vested <= on:
            theirs = [f for f in STRANDS[strand].get(edge["predecessor"], []) if f[0] < vested and f[2]]
            before += theirs[-1:]
    return max(before, key=lambda f: f[2], default=None)


def is_positive(label, before, found):
    return found == 4 if label == "inadequate" else found == 3 if label == "send_outcome3" else found > before


def standing(label, before):
    if label == "send_outcome3":
        return "already" if before and before[2] == 3 else None
    return "unknown" if not before else "already" if before[2] == 4 else None


def outcome(label, council, on):
    if label == "intervention":  # nothing of the kind is in this history, so nobody can say
        return "unknown"
    strand = STRAND[label]
    before = last(strand, council, on)
    result = standing(label, before)
    if result:
        return result
    grade = before[2] if before else 0
    result = "unlabelled"
    for published, _, found in STRANDS[strand].get(council, []):
        if on < published <= min(add_months(on, report["window_months"]), TO) and found:
            if is_positive(label, grade, found):
                return "positive"
            result, grade = "negative", found
    return result


def adverse(council, on):
    """Requires improvement or worse as was known: its own last grade, else what it inherited, for 36 months."""
    own = [f for f in STRANDS["ilacs"].get(council, []) if f[0] <= on and f[2]]
    if own:
        return own[-1][2] >= 3
    for edge in LINEAGE:
        vested = day(edge["date"])
        if edge["successor"] == council and float(edge["of_successor"]) >= 0.25 and vested <= on < add_months(vested, 36):
            theirs = [f for f in STRANDS["ilacs"].get(edge["predecessor"], []) if f[0] < vested and f[2]]
            if theirs and theirs[-1][2] >= 3:
                return True
    return False


# ---- the rows: what was known in each month, and what came of it ----

months = {}
for row in rows:
    months.setdefault(row["label"], {})[(row["council_id"], day(row["month"]))] = row
state = {}
for on in GRID:
    for c in json.loads(ask("councils", "--json", "--as-of", on.isoformat())):
        state[(c["council_id"], on)] = c
for label, of in months.items():
    differ(f"{label}: council-months", len(state), len(of))
    for (council, on), row in of.items():
        c = state[(council, on)]
        what = f"{label} {council} {on}"
        differ(f"{what} level", c["level"], row["level"])
        differ(f"{what} knowledge", c["knowledge"], row["knowledge"])
        near(f"{what} points", c["points"], float(row["points"]), 0.0501)
        differ(f"{what} adverse grade", "yes" if adverse(council, on) else "no", row["adverse_grade"])
        differ(f"{what} outcome", outcome(label, council, on), row["outcome"])
sample = random.Random(4).sample(sorted(state), 40)
for council, on in sample:
    explained = json.loads(ask("explain", council, "--json", "--as-of", on.isoformat()))
    differ(f"{council} {on} last judged", explained["last_judged"] or "", months["inadequate"][(council, on)]["last_judged"])

# ---- lists ----


def weights(label, volume, level):
    """method -> (council, month) -> the chance to be on the list."""
    result = {method: {} for method in ("model", "grade", "waiting", "lot")}
    for on in GRID:
        pool = [(c, row) for (c, m), row in months[label].items() if m == on and row["outcome"] in ("positive", "negative", "unlabelled")]
        ranks = {
            "model": lambda row: (LEVELS.index(row["level"]), round(float(row["points"]), 6)),
            "grade": lambda row: row["adverse_grade"] == "yes",
            "waiting": lambda row: (on - day(row["last_judged"])).days if row["last_judged"] else 10**9,
            "lot": lambda row: 0,
        }
        length = sum(LEVELS.index(row["level"]) >= level if volume == "as_model" else row["adverse_grade"] == "yes" for _, row in pool)
        for method, rank in ranks.items():
            left = float(length)
            for _, group in itertools.groupby(sorted(pool, key=lambda p: rank(p[1]), reverse=True), key=lambda p: rank(p[1])):
                group = list(group)
                share = min(1.0, max(0.0, left / len(group)))
                left -= len(group)
                for council, _ in group:
                    result[method][(council, on)] = share
    return result


def interval(hits, trials):
    """Clopper and Pearson for whole numbers, by halving on sums of binomial terms."""
    from math import comb

    def at_least(k, p):
        return sum(comb(trials, i) * p**i * (1 - p)**(trials - i) for i in range(k, trials + 1))

    def solve(k, wanted):
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if at_least(k, middle) < wanted else (low, middle)
        return low
    return (0.0 if hits == 0 else solve(hits, 0.025)), (1.0 if hits == trials else solve(hits + 1, 0.975))


intervals_checked = 0


def check_share(what, hits, of, share, with_interval):
    global intervals_checked
    near(f"{what} numerator", float(hits), share["numerator"])
    near(f"{what} denominator", float(of), share["denominator"])
    near(f"{what} share", float(hits / of) if of else None, share["share"])
    if with_interval and of and abs(hits - round(hits)) < 1e-9 and abs(of - round(of)) < 1e-9:
        low, high = interval(round(hits), round(of))
        near(f"{what} low", low, share["low"])
        near(f"{what} high", high, share["high"])
        intervals_checked += 1


def events_of(label):
    result, left = [], {"already": 0, "unknown": 0, "without_headline": 0}
    strand = STRAND[label]
    for council in COUNCILS:
        for published, visit, found in STRANDS[strand].get(council, []) if strand else []:
            if not FROM < published <= TO:
                continue
            before = last(strand, council, published - datetime.timedelta(1))
            why = standing(label, before) if found else "without_headline"
            if why:
                left[why] += 1
                continue
            grade = before[2] if before else 0
            result.append({"council": council, "published": published, "visit": visit, "before": grade, "found": found,
                           "positive": is_positive(label, grade, found)})
    return result, left


def name_of(label, grade):
    return None if not grade else grade if label == "send_outcome3" else list(GRADES)[grade - 1]


def place(e, ahead, weight):
    """The council and the last first of a month before the deadline, if it can be on a list of that month."""
    on = e["visit"] if ahead is None else e["published"] - datetime.timedelta(ahead)
    m = bisect.bisect_left(GRID, on) - 1 if on else -1
    return (e["council"], GRID[m]) if m >= 0 and (e["council"], GRID[m]) in weight else None


def check_measure(label, events, measure):
    level = LEVELS.index(measure["level"])
    for volume in ("as_model", "as_grade"):
        lists = weights(label, volume, level)
        for method, weight in lists.items():
            what = f"{label} {measure['level']} {volume} {method}"
            told = measure["lists"][volume][method]
            of = {key: row["outcome"] for key, row in months[label].items() if key in weight}
            hits = sum(w for key, w in weight.items() if of[key] == "positive")
            wrong = sum(w for key, w in weight.items() if of[key] == "negative")
            check_share(f"{what} flagged", sum(weight.values()), len(weight), told["council_months"]["flagged"], False)
            check_share(f"{what} recall", hits, list(of.values()).count("positive"), told["council_months"]["recall"], False)
            check_share(f"{what} precision", hits, hits + wrong, told["council_months"]["precision"], False)
            check_share(f"{what} precision, unlabelled negative", hits, sum(weight.values()),
                        told["council_months"]["precision_unlabelled_negative"], False)
            for deadline, ahead in (("visit", None), ("publication", 0), ("90_days", 90), ("180_days", 180), ("365_days", 365)):
                placed = [(weight[place(e, ahead, weight)], e["positive"]) for e in events if place(e, ahead, weight)]
                hits = sum(w for w, positive in placed if positive)
                told_events = told["inspections"][deadline]
                check_share(f"{what} {deadline} recall", hits, sum(p for _, p in placed), told_events["recall"], True)
                check_share(f"{what} {deadline} precision", hits, sum(w for w, _ in placed), told_events["precision"], True)
                check_share(f"{what} {deadline} false alarms", sum(w for w, p in placed if not p), sum(not p for _, p in placed),
                            told_events["false_alarms"], True)
                if method == "model" and volume == "as_model" and deadline == "visit" and label != "send_outcome3":
                    for name, wanted in (("good_or_better", (1, 2)), ("requires_improvement", (3, 4))):
                        same = [w for e, w in zip([e for e in events if place(e, ahead, weight)], placed) if e["before"] in wanted]
                        told_same = measure["same_grade"][name]
                        check_share(f"{what} {name} recall", sum(w for w, p in same if p), sum(p for _, p in same), told_same["recall"], True)
                        check_share(f"{what} {name} false alarms", sum(w for w, p in same if not p), sum(not p for _, p in same),
                                    told_same["false_alarms"], True)
                if method == "lot" and volume == "as_model":
                    chances = [float(w) for w, positive in placed if positive]
                    found = measure["lists"]["as_model"]["model"]["inspections"][deadline]["recall"]["numerator"]
                    spread = [1.0]
                    for p in chances:
                        spread = [a * (1 - p) + b * p for a, b in zip(spread + [0.0], [0.0] + spread)]
                    near(f"{what} {deadline} chance", sum(spread[int(found):]), measure["chance_by_lot"][deadline])


@functools.cache
def levels_on(on):
    return {c["council_id"]: c["level"] for c in json.loads(ask("councils", "--json", "--as-of", on.isoformat()))}


def level_on(council, on):
    return levels_on(on)[council]


def check_since(e, told, level):
    """Since that day without a break: lower on the day before it, never lower on the first of a month after it."""
    since, name = told[f"{LEVELS[level]}_since"], f"{e['council']} {e['published']} {LEVELS[level]} since"
    before = e["published"] - datetime.timedelta(1)
    if (since is not None) != (LEVELS.index(level_on(e["council"], before)) >= level):
        problems.append(f"{name}: {since}")
    if since:
        if there(e["council"], day(since) - datetime.timedelta(1)) and \
                LEVELS.index(level_on(e["council"], day(since) - datetime.timedelta(1))) >= level:
            problems.append(f"{name}: it was at that level before {since}")
        for on in GRID:
            if day(since) <= on <= before and LEVELS.index(state[(e["council"], on)]["level"]) < level:
                problems.append(f"{name}: it was lower on {on}")


for answer in report["labels"]:
    label = answer["label"]
    events, left = events_of(label)
    differ(f"{label} left out", left, answer["left_out"])
    ours = {(e["published"].isoformat(), e["council"], e["visit"].isoformat() if e["visit"] else None, name_of(label, e["before"]),
                   name_of(label, e["found"]), e["positive"]) for e in events}
    theirs = {(e["published"], e["council_id"], e["visit"], e["before"], e["found"], e["positive"]) for e in answer["events"]}
    for difference in sorted(ours ^ theirs, key=str):
        problems.append(f"{label} inspection {'here' if difference in ours else 'there'} only: {difference}")
    for name in ("already", "unknown", "unlabelled", "negative", "positive"):
        differ(f"{label} {name}", sum(row["outcome"] == name for row in months[label].values()), answer["council_months"][name])
    for measure in answer["measures"] if label in ("inadequate", "send_outcome3") else answer["measures"][:1]:
        check_measure(label, events, measure)
    print(f"{label}: {len(events)} inspections, {sum(e['positive'] for e in events)} positive")
    for told in answer["events"] if label == "inadequate" else []:
        if told["positive"]:
            e = {"council": told["council_id"], "published": day(told["published"])}
            for level in (1, 2):
                check_since(e, told, level)
            if told["visit"]:
                differ(f"{told['council_id']} level before the visit", level_on(e["council"], day(told["visit"]) - datetime.timedelta(1)),
                       told["level_before_visit"])

for c in LEVELS:
    differ(f"council-months at {c}", sum(s["level"] == c for s in state.values()), report["volume"]["levels"][c])
high = max(((sum(s["level"] in LEVELS[2:] for (_, on), s in state.items() if on == m) / sum(on == m for _, on in state)), m) for m in GRID)
near("most at priority", high[0], report["volume"]["most_at_priority"])
print(f"{len(rows)} rows, {intervals_checked} intervals compared")
if intervals_checked < 100:
    problems.append(f"only {intervals_checked} intervals were compared")
for problem in problems[:25]:
    print(problem)
if problems:
    sys.exit(f"{len(problems)} differences")
