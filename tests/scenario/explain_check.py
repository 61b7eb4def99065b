"""explain_check.py sum|language|events|came CONF WHAT...: what "explain" shows must add up by itself, and nothing that a program says may be a
verdict.

The sum is done again here from the parts that the JSON shows and from nothing else: contributors to criteria, criteria to points,
points, floors, hold and rulings to the level.

  sum CONF DAY|COUNCIL@DAY...      adds up, for all councils or for one
  language CONF DAY...             looks through everything that is said
  events CONF DAY FILE             writes to FILE, for every council above routine, what "explain" says would lower it, as evidence of the
                                   day after; what it foretells goes to FILE.foretold
  came CONF FILE                   with that imported: it came as foretold
"""
import datetime
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

BIN = os.environ["CW_BIN"]
LEVELS = ["routine", "watch", "priority", "intensive"]
CRITERIA = ["ofsted", "send", "intel", "leadership", "specific"]
NEAR = 2e-5  # what six decimals leave, a few times over


def run(conf, *arguments):
    done = subprocess.run([os.path.join(BIN, "councilwatch"), "-c", conf, *arguments], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def council_ids(conf, day):
    status, out, err = run(conf, "councils", "--json", "--as-of", day)
    if status:
        sys.exit(err)
    return {row["council_id"]: row for row in json.loads(out)}


# ---- the sum ----

def confidence(c, constants):
    tiers = [e["tier"] for e in c["evidence"] if e["tier"] not in (None, "D")]
    best = constants["confidence"][min(tiers)] if tiers else 0
    publishers = {e["publisher"] for e in c["evidence"] if e["tier"] not in (None, "D")}
    return min(1.0, best + constants["corroboration"]) if len(publishers) > 1 else best


def check_contributors(x, wrong):
    groups = {}
    for c in x["contributors"]:
        name = "%s in %s" % (c["signal"], c["criterion"])
        value = c["weight"]
        if c["kind"] == "impulse":
            if abs(confidence(c, x["constants"]) - c["confidence"]) > NEAR:
                wrong("%s: confidence %s is not that of its evidence" % (name, c["confidence"]))
            value *= c["confidence"]
            if c["half_life_days"] is not None:
                value *= 2 ** (-c["age_days"] / c["half_life_days"])
            if value < x["constants"]["drop_below"] - NEAR:
                wrong("%s: %s is less than what counts" % (name, value))
        if abs(value - c["value"]) > NEAR:
            wrong("%s: its value is %s, not %s" % (name, value, c["value"]))
        if abs(c["value"] * c["share"] - c["points"]) > 0.0501:
            wrong("%s: %s x %s is not %s points" % (name, c["value"], c["share"], c["points"]))
        if not c.get("rejected"):
            groups.setdefault((c["signal"], c["criterion"]), []).append(c)
        elif c["points"] or c["floor"]:
            wrong("%s: rejected, and counts" % name)
    for (signal, criterion), group in groups.items():
        repeat = 0 if group[0]["kind"] == "state" else x["constants"]["repeat_share"]
        whole = [c for c in group if abs(c["share"] - 1) < NEAR]
        if len(whole) != 1 or whole[0]["value"] < max(c["value"] for c in group) - NEAR:
            wrong("%s in %s: not exactly the strongest counts whole" % (signal, criterion))
        if any(c is not whole[0] and abs(c["share"] - repeat) > NEAR for c in group):
            wrong("%s in %s: a repeat counts another share" % (signal, criterion))


def line(points, constants):
    return 2 if points >= constants["line_priority"] - NEAR else 1 if points >= constants["line_watch"] - NEAR else 0


def check_points(x, wrong):
    """Returns the total that the parts come to."""
    constants, arithmetic, total, broad = x["constants"], x["arithmetic"], 0, 0
    for criterion in CRITERIA:
        mine = [c for c in x["contributors"] if c["criterion"] == criterion]
        exact = sum(c["value"] * c["share"] for c in mine)
        points = min(exact, constants["cap"][criterion])
        shown = arithmetic["criteria"][criterion]
        if abs(exact - shown["sum"]) > NEAR * (1 + len(mine)) or abs(points - shown["points"]) > NEAR * (1 + len(mine)):
            wrong("%s: the contributors come to %s, capped %s, not %s" % (criterion, exact, points, shown))
        if abs(x["criteria"][criterion]["points"] - points) > 0.0501:
            wrong("%s: %s is not %s rounded" % (criterion, x["criteria"][criterion]["points"], points))
        floor = max([LEVELS.index(c["floor"]) for c in mine if c["floor"]], default=0)
        level = LEVELS.index(x["criteria"][criterion]["level"])
        if level != max(line(points, constants), floor) and not (level == 1 and x["hold_until"]):
            wrong("%s is at %s, with %s points and a floor of %s" % (criterion, LEVELS[level], points, LEVELS[floor]))
        total += points
        broad += points >= constants["breadth_minimum"] - NEAR
    if broad >= constants["breadth_criteria"]:
        total += constants["breadth_points"]
    if broad != arithmetic["breadth"]["criteria"] or x["breadth"] != (broad >= constants["breadth_criteria"]):
        wrong("breadth is said of %s criteria, and %s have enough" % (arithmetic["breadth"]["criteria"], broad))
    if abs(total - arithmetic["points"]) > 1e-4 or abs(total - x["points"]) > 0.051:
        wrong("the sum is %s, not %s" % (total, x["points"]))
    return total


def check_level(x, total, wrong):
    constants, arithmetic = x["constants"], x["arithmetic"]
    counting = [c for c in x["contributors"] if c["points"] > 0]
    notes = counting and all(c["kind"] == "impulse" and c["half_life_days"] is None for c in counting)
    now = min(line(total, constants), 1) if notes else line(total, constants)
    by_points = LEVELS.index(x["points_level"])
    if LEVELS[now] != arithmetic["points_line"] or bool(notes) != arithmetic["notes_alone"]:
        wrong("the line of %s points is %s, not %s" % (total, LEVELS[now], arithmetic["points_line"]))
    if by_points < now:
        wrong("the level of the points, %s, is below their line" % x["points_level"])
    if (by_points > now) != (arithmetic["step_down"] is not None):
        wrong("the slow way down is not shown, or shown for nothing")
    if by_points > now:
        under = constants["step_down_share"] * constants["line_priority" if by_points == 2 else "line_watch"]
        day = arithmetic["step_down"]["day"]
        if (total < under - NEAR) != (day is not None) or (day and day <= x["as_of"]):
            wrong("%s points, a step down under %s on %s" % (total, under, day))
    floor = max([LEVELS.index(c["floor"]) for c in x["contributors"] if c["floor"]], default=0)
    if LEVELS[floor] != x["floor_level"]:
        wrong("the highest floor is %s, not %s" % (LEVELS[floor], x["floor_level"]))
    level = max(by_points, floor)
    held = level == 0 and x["hold_until"] is not None
    if held != x["held"] or (x["hold_until"] and x["hold_until"] < x["as_of"]):
        wrong("held is %s until %s" % (x["held"], x["hold_until"]))
    level = 1 if held else level
    rejected = any(c.get("rejected") for c in x["contributors"])
    if LEVELS[level] != x["model_level"] and not rejected:
        wrong("points, floors and hold come to %s, not %s" % (LEVELS[level], x["model_level"]))
    if x["override"]:
        level = max(LEVELS.index(x["override"]["level"]), min(level, floor))
    if LEVELS[level] != x["level"]:
        wrong("the parts come to %s, not to %s" % (LEVELS[level], x["level"]))
    response = x["response"]
    if (response["contact_days"] is None) != (level < 2) or response["tier"].split()[0] != ("universal", "universal", "targeted", "intensive")[level]:
        wrong("%s asks for %s" % (x["level"], response))


# ---- what each flag must show ----

# Stated by the lineage table; a list of notices that stand in no register.
WITHOUT_LINK = {"lineage", "section-114-notices"}


def check_shown(x, wrong):
    for c in x["contributors"]:
        if not c["evidence"]:
            wrong("%s rests on nothing" % c["signal"])
        for e in c["evidence"]:
            if e["feed"] in WITHOUT_LINK or e["kind"] == "internal_note":
                continue
            missing = [k for k in ("publisher", "tier", "published_at", "fetched_at", "url", "parser") if not e[k]]
            if missing or not re.fullmatch(r"sha256:[0-9a-f]{64}", e["document"] or ""):
                wrong("%s of %s shows no %s" % (c["signal"], e["feed"], missing or "document"))
            if e["quote"] and not e.get("quote_is_row") and len(e["quote"]) > 300:
                wrong("a quote of %d characters" % len(e["quote"]))
            if e["published_at"][:10] > x["as_of"]:
                wrong("%s rests on what was published on %s" % (c["signal"], e["published_at"]))
    what = x["would_lower"]
    if not what and x["level"] == "routine" and not x["contributors"]:
        return  # nothing is known at all
    if not what or what[0]["what"] != "time" or what[0]["level"] != x["level"]:
        wrong("what time does is not told")
    open_signals = {(c["signal"], c["criterion"]) for c in x["contributors"]}
    for p in what:
        if not p["text"].endswith(".") or any((s["signal"], s["criterion"]) not in open_signals for s in p["closes"]):
            wrong("an event ends what is not there: %s" % p["text"])
        days = [t["after_days"] for t in p["then"]]
        if days != sorted(days) or any(d <= 0 for d in days):
            wrong("days out of order: %s" % p["text"])
    if x["level"] != "routine" and not x["override"] and not any(p["lowers"] for p in what):
        wrong("nothing at all would lower %s" % x["level"])
    window = x["inspection_window"]
    if window and not window["inspected"] < window["from"] < window["middle"] < window["until"]:
        wrong("an inspection window of %s" % window)


def explain_all(conf, asked):
    jobs = []
    for ask in asked:
        council, _, day = ask.rpartition("@")
        jobs += [(c, day, row) for c, row in council_ids(conf, day).items() if council in ("", c)]
    with ThreadPoolExecutor(2) as pool:
        yield from zip(jobs, pool.map(lambda j: run(conf, "explain", j[0], "--json", "--as-of", j[1]), jobs))


def check_sums(conf, days):
    seen, mistakes = {level: 0 for level in LEVELS}, []
    repeats = slow = held = capped = broad = 0
    for (council, day, row), (status, out, err) in explain_all(conf, days):
        if status:
            sys.exit("explain %s as of %s: %s" % (council, day, err))
        x = json.loads(out)

        def wrong(text):
            mistakes.append("%s as of %s: %s" % (council, day, text))
        check_contributors(x, wrong)
        check_level(x, check_points(x, wrong), wrong)
        check_shown(x, wrong)
        if (x["level"], x["points"]) != (row["level"], row["points"]):
            wrong("councils says %s, %s" % (row["level"], row["points"]))
        seen[x["level"]] += 1
        repeats += any(0 < c["share"] < 1 for c in x["contributors"])
        slow += x["arithmetic"]["step_down"] is not None
        held += x["held"]
        capped += any(c["sum"] > c["points"] for c in x["arithmetic"]["criteria"].values())
        broad += x["breadth"]
    for text in mistakes[:20]:
        print(text)
    print("%d explanations: %s; with repeats %d, slow steps %d, held %d, capped %d, breadth %d" %
          (sum(seen.values()), ", ".join("%d %s" % (n, l) for l, n in seen.items()), repeats, slow, held, capped, broad))
    return not mistakes and all(seen.values()) and repeats and slow and held and capped and broad


# ---- the language ----

WORDS = (r"(?<![-\w])(failing|failed councils?|league tables?|%sscore ?cards?|rank(s|ed|ing|ings)?|worst[- ]performing|under-?performing|"
                       r"poor(ly)? performing|name and shame|black ?list|bottom of|top of the)(?![-\w])")
FORBIDDEN = re.compile(WORDS % "ratings?|", re.IGNORECASE)
# Who took part rates the support, which the programs record.
FORBIDDEN_IN_PROGRAMS = re.compile(WORDS % "ratings? of (a|the) council|", re.IGNORECASE)
# What fails is a feed or a link, in these.
ABOUT_FEEDS = re.compile(r"%lld failing|CREATE TABLE|INSERT INTO|SELECT ")
# Columns of publishers, by their own headings, are not our words.
OURS = re.compile(r"^\s*(quote|title|link|source|document|page)\s|=|https?://|sha256:")


def told(text):
    return [t for t in text.splitlines() if not OURS.search(t)]


def check_language(conf, days):
    bad = []
    for program in ("councilwatch", "councilwatchd", "councilwatch-assessor", "councilwatch-normaliser"):
        with open(os.path.join(BIN, program), "rb") as file:
            for text in re.findall(rb"[\x20-\x7e]{8,}", file.read()):
                if b" " in text.strip() and FORBIDDEN_IN_PROGRAMS.search(text.decode()) and not ABOUT_FEEDS.search(text.decode()):
                    bad.append("%s: %s" % (program, text.decode()))
    commands = [["alerts"]] + [[c, "--help"] for c in
                                                     ("explain", "councils", "history", "alerts", "watch", "note", "override")]
    for day in days:
        ids = list(council_ids(conf, day))
        commands += [["councils", "--as-of", day], ["councils", "--as-of", day, "--since", "2023-09-01"]]
        commands += [["explain", c, "--as-of", day] for c in ids[::3]] + [["history", c, "--as-of", day] for c in ids[1::9]]
    lines = 0
    with ThreadPoolExecutor(2) as pool:
        for command, (_, out, err) in zip(commands, pool.map(lambda c: run(conf, *c), commands)):
            for text in told(out + err):
                lines += 1
                if FORBIDDEN.search(text):
                    bad.append("%s: %s" % (" ".join(command), text))
    _, out, _ = run(conf, "alerts", "--json")
    for text in out.splitlines():
        data = json.loads(text)["data"]
        for said in [data["text"]] + [p["text"] for p in data.get("would_lower", [])] + [c["text"] for c in data["contributors"]]:
            lines += 1
            if FORBIDDEN.search(said):
                bad.append("alert %d: %s" % (data["seq"], said))
    for text in bad[:20]:
        print(text)
    print("%d lines of text" % lines)
    return not bad and lines > 1000


# ---- what would lower it ----

def moved(day, days):
    return (datetime.date.fromisoformat(day) + datetime.timedelta(days)).isoformat()


def statement(council, when, kind, values):
    return {"kind": kind, "council_id": council, "event_date": when, "published_at": when + "T09:00:00Z", "publisher": "Told beforehand",
            "tier": "A", "url": "https://example.org/%s/%s/%s" % (council, kind, when), "title": "What was foretold", "quote": None,
            "values": values}


def happens(council, when, prospect, window):
    grade = "outstanding" if window and window["headline"] == "outstanding" else "good"
    good = dict.fromkeys(("overall_effectiveness", "impact_of_leaders", "help_and_protection", "in_care", "care_leavers"), grade)
    inspection = statement(council, when, "ilacs", good)
    send = statement(council, when, "area_send", {"outcome": 1})
    closed = [statement(council, when, "signal", {"signal": c["signal"], "criterion": c["criterion"], "status": "closed"})
              for c in prospect["closes"]]
    return {"full_inspection": [inspection], "area_send_inspection": [send], "closing": closed, "time": [],
            "all": [inspection, send] + closed}[prospect["what"]]


def make_events(conf, arguments):
    """Each council gets one of its prospects, by turns."""
    day, path = arguments
    foretold, events, turn = [], [], 0
    for (council, _, _), (status, out, err) in explain_all(conf, ["@" + day]):
        x = json.loads(out)
        # The next release of figures is no statement of one council.
        prospects = [p for p in x["would_lower"] if p["what"] != "closing" or not p["closes"][0]["signal"].endswith("_outlier")]
        if x["level"] == "routine" or x["override"]:
            continue
        turn += 1
        prospect = prospects[turn % len(prospects)]
        events += happens(council, moved(day, 1), prospect, x["inspection_window"])
        foretold.append({"council": council, "day": day, "level": x["level"], "prospect": prospect})
    with open(path, "w") as file:
        file.writelines(json.dumps(e) + "\n" for e in events)
    with open(path + ".foretold", "w") as file:
        json.dump(foretold, file)
    counts = {}
    for f in foretold:
        counts[f["prospect"]["what"]] = counts.get(f["prospect"]["what"], 0) + 1
    print("%d councils: %s" % (len(foretold), counts))
    return len(foretold) > 20 and all(counts.get(w) for w in ("time", "full_inspection", "area_send_inspection", "closing"))


def check_came(conf, arguments):
    """A day more or less: the event comes a day after the day asked about."""
    levels, mistakes, looked = {}, [], 0

    def level(council, when):
        if when not in levels:
            levels[when] = {c: row["level"] for c, row in council_ids(conf, when).items()}
        return levels[when][council]
    for f in json.load(open(arguments[0] + ".foretold")):
        p, before = f["prospect"], f["prospect"]["level"]
        if p["what"] != "time" and level(f["council"], moved(f["day"], 1)) != p["level"]:
            mistakes.append("%s: %s, but it is %s" % (f["council"], p["text"], level(f["council"], moved(f["day"], 1))))
        looked += 1
        after = [t["after_days"] for t in p["then"]]
        for i, t in enumerate(p["then"]):
            gap = min([abs(t["after_days"] - d) for k, d in enumerate(after) if k != i] + [t["after_days"]])
            if gap < 5:
                before = t["level"]
                continue
            got = level(f["council"], moved(f["day"], t["after_days"] - 2)), level(f["council"], moved(f["day"], t["after_days"] + 2))
            if got != (before, t["level"]):
                mistakes.append("%s: %s but around day %d it is %s, then %s" % (f["council"], p["text"], t["after_days"], *got))
            looked += 1
            before = t["level"]
    for text in mistakes[:20]:
        print(text)
    print("%d looked at, %d otherwise" % (looked, len(mistakes)))
    return not mistakes and looked > 40


if __name__ == "__main__":
    check = {"sum": check_sums, "language": check_language, "events": make_events, "came": check_came}[sys.argv[1]]
    sys.exit(0 if check(sys.argv[2], sys.argv[3:]) else 1)
