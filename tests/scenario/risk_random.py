"""risk_random.py make SEED | check EVIDENCE CONF ALERTS: random histories of councils, and what the second calculation says of them."""
import csv
import datetime
import json
import os
import random
import subprocess
import sys

import risk_oracle as oracle
from risk_oracle import DAY, LEVELS

FIRST, LAST = datetime.date(2015, 1, 1), datetime.date(2026, 6, 30)
N_COUNCILS, N_DAYS = 36, 18
TIERS = "AAAAABBBCCD"
PUBLISHERS = ["Department for Education", "The council", "Trade paper", "Local paper", "Auditor", "Broadcaster"]
WORDS = "The report says that officers were told of this by partners and that progress since then was uneven across the area".split()


def councils():
    with open(os.path.join(os.environ["CW_SOURCE"], "config", "councils.csv"), encoding="utf-8") as file:
        return sorted(row["council_id"] for row in csv.DictReader(file))


def lineage():
    with open(os.path.join(os.environ["CW_SOURCE"], "config", "lineage.csv"), encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["kind"] != "continues"]


class History:
    """The statements of one council. A council whose life has bounds is spoken of only within them."""

    def __init__(self, seed, council, first, last):
        self.random = random.Random("%s/%s" % (seed, council))
        self.council, self.first, self.last, self.lines = council, first, last, []

    def some_day(self):
        return self.first + self.random.randrange((self.last - self.first).days + 1) * DAY

    def say(self, kind, event, published, values, **more):
        if not self.first <= published <= self.last:
            return None
        line = {"kind": kind, "council_id": self.council, "event_date": str(max(min(event, published), self.first)), "published_at": "%sT00:00:00Z" % published,
                "fetched_at": "%sT00:00:00Z" % published, "publisher": self.random.choice(PUBLISHERS), "tier": self.random.choice(TIERS),
                "url": "https://example.org/%s/%d" % (self.council, len(self.lines)), "title": "%s %d" % (kind, len(self.lines)),
                "quote": None, "values": values, **more}
        self.lines.append(line)
        return line

    def quote(self):
        return " ".join(self.random.choice(WORDS) for _ in range(14))

    def signal(self, kind, rows):
        criteria = rows[kind][0]
        values = {"signal": kind, "status": "open" if rows is oracle.STATES else "occurred"}
        if len(criteria) > 1 and self.random.random() < 0.7:
            values["criterion"] = self.random.choice(criteria)
        published = self.some_day()
        event = published - self.random.choice((0, 0, self.random.randrange(60))) * DAY
        quote = self.quote() if self.random.random() < 0.5 else None
        first = self.say("signal", event, published, values, quote=quote)
        if self.random.random() < 0.35:     # somebody else, or the same, says so too; perhaps word for word
            again = self.random.choice((quote, quote, self.quote(), None))
            again = again.upper() if again and self.random.random() < 0.3 else again
            self.say("signal", event + self.random.randrange(-14, 15) * DAY, published + self.random.randrange(1, 40) * DAY, dict(values), quote=again)
        if rows is oracle.STATES and self.random.random() < 0.75:
            closed = published + self.random.randrange(20, 1100) * DAY
            self.say("signal", closed, closed, dict(values, status="closed"), **({"tier": first["tier"]} if self.random.random() < 0.8 else {}))

    def inspections(self):
        published = self.some_day()
        while published <= self.last:
            event = published - self.random.randrange(30, 90) * DAY
            kind = "sif" if published.year < 2018 else "ilacs"
            grades = {"impact_of_leaders": self.grade(), "help_and_protection": self.grade(), "in_care": self.grade()}
            if published.year >= 2023:
                grades["care_leavers"] = self.grade()
            if published < datetime.date(2026, 4, 1):
                grades["overall_effectiveness"] = self.grade()
            self.say(kind, event, published, grades, publisher="Ofsted", tier="A")
            self.others(kind, event, published, grades)
            published += self.random.randrange(500, 1700) * DAY
        if self.random.random() < 0.7:
            published = max(self.some_day(), datetime.date(2023, 2, 1))
            while published <= self.last:
                self.say("area_send", published - self.random.randrange(40, 100) * DAY, published, {"outcome": self.random.choice((1, 2, 2, 3))},
                         publisher="Ofsted", tier="A")
                published += self.random.randrange(400, 900) * DAY

    def others(self, kind, event, published, grades):
        """Who compiles the inspections says so too, or something else; and now and then somebody puts right what they said."""
        for publisher, tier in (("Compiler", "B"), ("Council", "B"), ("Ofsted", "A"), ("Local paper", "C")):
            if self.random.random() < 0.12:
                said = dict(grades)
                if "overall_effectiveness" in said and self.random.random() < 0.7:
                    said["overall_effectiveness"] = self.grade()
                elif self.random.random() < 0.7:
                    said["in_care"] = self.grade()
                self.say(kind, event + self.random.randrange(3) * DAY, published + self.random.randrange(1, 60) * DAY, said, publisher=publisher, tier=tier)

    def grade(self):
        return self.random.choices(oracle.GRADES, (20, 45, 25, 10))[0]

    def note(self):
        published = self.some_day()
        values = {"severity": self.random.choice(("low", "medium", "high")), "author": "regional adviser",
                  "expires": str(published + self.random.randrange(1, 180) * DAY)}
        if self.random.random() < 0.5:
            values["criterion"] = self.random.choice(list(oracle.CAPS))
        self.say("internal_note", published, published, values, publisher="LGA", tier="A", quote=self.quote())

    def ruling(self):
        published = self.some_day()
        values = {"level": self.random.choice(LEVELS), "author": "regional adviser", "reason": "What we were told on the visit.",
                  "expires": str(published + self.random.randrange(1, 180) * DAY)}
        self.say("override", published, published, values, publisher="LGA", tier="A")

    def make(self):
        states, impulses = list(oracle.STATES), list(oracle.IMPULSES)
        states.remove("lgr_transition")
        judged = self.random.random() < 0.5
        if judged:
            self.inspections()
            states = [kind for kind in states if not kind.startswith("ilacs_")]
            impulses.remove("judgement_fell")
        busy = self.random.choice((1, 4, 8))
        for _ in range(self.random.randrange(busy + 1)):
            self.signal(self.random.choice(states), oracle.STATES)
        for _ in range(self.random.randrange(3 * busy + 1)):
            self.signal(self.random.choice(impulses), oracle.IMPULSES)
        for _ in range(self.random.choice((0, 0, 0, 1, 3))):
            self.note()
        for _ in range(self.random.choice((0, 0, 0, 1, 2))):
            self.ruling()
        return self.lines


def bounds():
    """{council: [first, last]} of those that begin or end."""
    found = {}
    for row in lineage():
        day = oracle.date(row["date"])
        found.setdefault(row["predecessor"], [FIRST, LAST])[1] = min(day - DAY, LAST)
        found.setdefault(row["successor"], [FIRST, LAST])[0] = day + DAY
    return {council: span for council, span in found.items() if FIRST <= span[0] < span[1]}


def make(seed):
    special = bounds()
    ordinary = [council for council in councils() if council not in special and council not in {r[k] for r in lineage() for k in ("predecessor", "successor")}]
    chosen = random.Random(seed).sample(ordinary, N_COUNCILS) + sorted(special)
    for council in chosen:
        first, last = special.get(council, (FIRST, LAST))
        for line in History(seed, council, first, last).make():
            print(json.dumps(line))


def subjects(lines):
    """{council: its second calculation}"""
    said = {}
    for line in lines:
        said.setdefault(line["council_id"], []).append(line)
    found = {}
    spans = bounds()
    for council in set(said) | set(spans):
        parents = [row for row in lineage() if row["successor"] == council]
        children = [row for row in lineage() if row["predecessor"] == council]
        found[council] = oracle.Council(said.get(council, []), [(said.get(p["predecessor"], []), float(p["of_predecessor"])) for p in parents],
                                        oracle.date(parents[0]["date"]) if parents else None, min((oracle.date(c["date"]) for c in children), default=None))
    return found


def differences(found, wanted):
    if found is None:
        return [] if wanted["level"] == "routine" and not wanted["points"] else ["is not listed"]
    wrong = [(key, found[key], wanted[key]) for key in ("level", "knowledge") if found[key] != wanted[key]]
    if abs(found["points"] - wanted["points"]) > 0.051:
        wrong.append(("points", found["points"], round(wanted["points"], 2)))
    for criterion, own in wanted["criteria"].items():
        if found["criteria"][criterion]["level"] != own["level"]:
            wrong.append((criterion, found["criteria"][criterion]["level"], own["level"]))
        if abs(found["criteria"][criterion]["points"] - own["points"]) > 0.051:
            wrong.append((criterion, found["criteria"][criterion]["points"], round(own["points"], 2)))
    return ["%s is %s, not %s" % one for one in wrong]


def compare_levels(days, walked, conf):
    problems, compared = [], 0
    for day in days:
        run = subprocess.run([os.path.join(os.environ["CW_BIN"], "councilwatch"), "-c", conf, "councils", "--json", "--as-of", str(day)],
                             capture_output=True, text=True, check=True)
        listed = {council["council_id"]: council for council in json.loads(run.stdout)}
        for council, results in sorted(walked.items()):
            if day in results:
                compared += 1
                problems += ["%s on %s: %s" % (council, day, text) for text in differences(listed.get(council), results[day].as_json())]
    return problems, compared


def compare_alerts(walked, alerts, until):
    """A cause is told once, by the weightiest kind: so a day on which the level fell has one alert, either of a floor that closed or of the level."""
    problems, told = [], {}
    for alert in alerts:
        told.setdefault(alert["subject"], set()).add((oracle.date(alert["time"]), alert["data"]["kind"]))
    compared = 0
    for council, results in sorted(walked.items()):
        before, found = oracle.DayResult(), told.get(council, set())
        first = True
        for day in sorted(results):
            if day > until:
                break
            now, kinds = results[day], {kind for when, kind in found if when == day}
            opened, closed = set(now.floors) - set(before.floors), set(before.floors) - set(now.floors)
            wanted = None
            if now.level > before.level:
                wanted = {"level_up"}
            elif now.level < before.level:
                wanted = {"level_down", "floor_closed"} if closed else {"level_down"}
            elif opened or closed:
                wanted = {"floor_opened", "floor_closed"} if opened and closed else {"floor_opened"} if opened else {"floor_closed"}
            # What the media said first is the same cause when a better source confirms it: told once in 30 days.
            repeated = wanted == {"floor_opened"} and all(now.since[floor] < day and (day - now.since[floor]).days < oracle.ALERT_DAYS for floor in opened)
            begins = not first and now.conflicts > before.conflicts
            compared += begins
            if begins and "conflict" not in kinds:
                problems.append("%s on %s: sources differ and no conflict is told" % (council, day))
            levels = kinds - {"knowledge_lost", "conflict", "override_expiring", "new_evidence"}
            compared += bool(wanted)
            if (wanted and not (repeated and not levels) and (len(levels) != 1 or not levels <= wanted)) or (not wanted and levels):
                problems.append("%s on %s: alerts %s, not %s (level %s -> %s, opened %s, closed %s)" % (council, day, sorted(levels), wanted and sorted(wanted),
                                LEVELS[before.level], LEVELS[now.level], sorted(opened), sorted(closed)))
            lost = not first and before.knowledge == "known" and now.knowledge != "known"
            compared += lost
            if lost != ("knowledge_lost" in kinds):
                problems.append("%s on %s: knowledge %s -> %s, alerts %s" % (council, day, before.knowledge, now.knowledge, sorted(kinds)))
            more = not first and now.begins and now.level == before.level and not opened and not closed and now.points >= before.points + 10
            if more and "new_evidence" not in kinds:
                problems.append("%s on %s: %.1f -> %.1f points and no new_evidence" % (council, day, before.points, now.points))
            before, first = now, False
    return problems, compared


def check(evidence, conf, alerts_file):
    with open(evidence, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    with open(alerts_file, encoding="utf-8") as file:
        alerts = [json.loads(line) for line in file]
    walked = {council: dict(subject.walk(LAST + 400 * DAY)) for council, subject in subjects(lines).items()}
    clock = max(oracle.date(line["published_at"]) for line in lines)
    days = [FIRST + random.Random(len(lines)).randrange((LAST - FIRST).days + 400) * DAY for _ in range(N_DAYS)]
    # And days on which the second calculation sees a change, and the day before.
    changes = [day for results in walked.values() for day in results if day - DAY in results and results[day].level != results[day - DAY].level]
    for day in random.Random(len(lines)).sample(sorted(changes), min(N_DAYS, len(changes))):
        days += [day - DAY, day]
    problems, compared = compare_levels(sorted(set(days)), walked, conf)
    more, told = compare_alerts(walked, alerts, clock)
    problems += more
    seen = set()
    for text in problems:    # the first of each council says most
        council = text.split()[0]
        if (council, text.split(":")[1][:7]) not in seen and len(seen) < 60:
            seen.add((council, text.split(":")[1][:7]))
            print("differs: " + text)
    print("%d statements about %d councils; %d levels on %d days and %d changes compared, %d differ" % (
        len(lines), len(walked), compared, len(set(days)), told, len(problems)))
    sys.exit(1 if problems or not compared or not told else 0)


if sys.argv[1] == "make":
    make(int(sys.argv[2]))
else:
    check(sys.argv[2], sys.argv[3], sys.argv[4])
