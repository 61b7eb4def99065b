"""random_evidence.py make SEED | split SEED PARTS DIRECTORY | before DAY: a random history of councils that followed one another and of
some that did not, as evidence objects; lines of standard input in PARTS files at random or (seed 0) in order of time; those that
could be known by a day."""
import datetime
import json
import os
import random
import sys

FIRST = datetime.date(2017, 1, 1)
COUNCILS = {  # id: until, from
    "northamptonshire": ("2021-03-31", None), "north-northamptonshire": (None, "2021-04-01"),
    "west-northamptonshire": (None, "2021-04-01"), "bournemouth": ("2019-03-31", None), "poole": ("2019-03-31", None),
    "dorset-county": ("2019-03-31", None), "bournemouth-christchurch-and-poole": (None, "2019-04-01"), "dorset": (None, "2019-04-01"),
    "cumbria": ("2023-03-31", None), "cumberland": (None, "2023-04-01"), "westmorland-and-furness": (None, "2023-04-01"),
    "somerset": (None, None), "surrey": (None, None), "leeds": (None, None), "bradford": (None, None), "swindon": (None, None),
}
SOURCES = [("Ofsted", "A"), ("Data to Insight", "B"), ("Department for Education", "A"), ("A council", "B"), ("A newspaper", "C"),
           ("Another newspaper", "C"), ("Nobody in particular", "D")]
GRADES = ["outstanding", "good", "good", "requires_improvement", "inadequate"]
STATES = ["apa_open", "improvement_notice", "statutory_direction", "wsoa_open", "wsoa_revisit_failed", "best_value_direction",
          "best_value_notice", "exceptional_financial_support", "ilacs_ri", "send_outcome3"]
IMPULSES = ["judgement_fell", "monitoring_slow", "s114_notice", "court_systemic_criticism", "dcs_change", "chief_exec_change",
            "leader_change", "control_change", "safeguarding_review", "lgsco_public_report", "news"]


def day_of(text):
    return datetime.date.fromisoformat(text)


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.used = set()

    def values(self, kind, published):
        r = self.random
        if kind == "ilacs":
            values = {"overall_effectiveness": r.choice(GRADES)} if r.random() < 0.7 else {}
            for field in ("impact_of_leaders", "help_and_protection", "in_care"):
                if not values or r.random() < 0.6:
                    values[field] = r.choice(GRADES)
            return values
        if kind == "area_send":
            return {"outcome": r.randint(1, 3)}
        if kind == "signal":
            if r.random() < 0.5:
                return {"signal": r.choice(IMPULSES), "status": "occurred"}
            return {"signal": r.choice(STATES), "status": r.choice(["open", "open", "closed"])}
        if kind in ("ilacs_focused_visit", "ilacs_monitoring_visit", "jtai"):
            return {"priority_actions": r.randint(0, 1), "progress": r.choice(["good", "some", "slow"])}
        if kind == "send_2016":
            return r.choice([{"wsoa": "yes"}, {"wsoa": "yes", "revisit": r.choice(["sufficient", "insufficient"])}])
        if kind == "workforce":
            values = {"period": str(published.year - 1), "agency_rate": r.randint(5, 50)}
            return dict(values, outlier="agency_rate worst_decile") if r.random() < 0.6 else values
        if kind == "political_control":
            return {"control": r.choice(["labour", "conservative", "noc"])}
        expires = (published + datetime.timedelta(days=r.randint(5, 170))).isoformat()
        if kind == "internal_note":
            return {"severity": r.choice(["low", "medium", "high"]), "expires": expires, "author": "regional adviser"}
        return {"level": r.choice(["routine", "watch", "priority", "intensive"]), "expires": expires, "author": "regional adviser",
                "reason": "seen on a visit", "scope": "level"}

    def moment(self, day):
        """Nothing else of this second."""
        while True:
            text = "%sT%02d:%02d:%02dZ" % (day.isoformat(), self.random.randint(6, 20), self.random.randint(0, 59), self.random.randint(0, 59))
            if text not in self.used:
                self.used.add(text)
                return text

    def statement(self, council):
        r = self.random
        until, since = COUNCILS[council]
        first = max(FIRST, day_of(since)) if since else FIRST
        last = day_of(until) if until else datetime.date(2024, 12, 1)
        day = first + datetime.timedelta(days=r.randrange((last - first).days))
        kind = r.choices(["ilacs", "area_send", "signal", "ilacs_focused_visit", "ilacs_monitoring_visit", "jtai", "send_2016", "workforce",
                          "political_control", "internal_note", "override"], [20, 10, 34, 5, 4, 3, 5, 5, 5, 5, 4])[0]
        publisher, tier = r.choice(SOURCES)
        published = min(day + datetime.timedelta(days=r.choice([0, 0, 20, 60])), last)
        known = published + datetime.timedelta(days=r.choice([0, 0, 0, 3, 40, 400]))
        evidence = {"kind": kind, "council_id": council, "event_date": day.isoformat(), "publisher": publisher, "tier": tier,
                    "url": "https://reports.example/%s/%d" % (council, r.randint(1, 6)), "title": "A statement",
                    "values": self.values(kind, published)}
        if r.random() < 0.8:
            evidence["published_at"] = published.isoformat() + "T00:00:00Z"
        evidence["fetched_at"] = self.moment(known)
        return evidence


def make(seed):
    maker = Maker(seed)
    for council in COUNCILS:
        for _ in range(maker.random.randint(10, 24)):
            print(json.dumps(maker.statement(council)))


def split(seed, parts, directory):
    lines = sys.stdin.readlines()
    if seed:
        random.Random(seed).shuffle(lines)
    else:
        lines.sort(key=lambda line: json.loads(line)["fetched_at"])
    cuts = sorted(random.Random(seed + 99).sample(range(1, len(lines)), parts - 1))
    for number, (begin, end) in enumerate(zip([0] + cuts, cuts + [len(lines)])):
        with open(os.path.join(directory, "%03d" % number), "w", encoding="utf-8") as file:
            file.writelines(lines[begin:end])


def before(day):
    for line in sys.stdin:
        evidence = json.loads(line)
        if (evidence.get("published_at") or evidence["fetched_at"])[:10] <= day:
            sys.stdout.write(line)


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(int(sys.argv[2]))
    elif sys.argv[1] == "split":
        split(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    else:
        before(sys.argv[2])
