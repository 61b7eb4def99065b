"""An independent reading of the captures in tests/data, and of what councilwatch should make of them.

Nothing here is shared with the programs under test: the pages are read with Python's own HTML parser, a council is known by the
three-digit code in "La Code" alone, and the rules of the risk model are written out again in the plainest way, every day anew.
It knows inspections of children's services and of SEND, which is all that the captures hold.
"""
import csv
import datetime
import os
from html.parser import HTMLParser

SOURCE = os.environ.get("CW_SOURCE", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
DATA = os.path.join(SOURCE, "tests", "data")

LEVELS = ["routine", "watch", "priority", "intensive"]
GRADES = ["outstanding", "good", "requires_improvement", "inadequate"]  # worse to the right
ILACS_VALUES = {
    "Overall Effectiveness Grade": "overall_effectiveness", "Impact Of Leaders Grade": "impact_of_leaders",
    "Help And Protection Grade": "help_and_protection", "In Care Grade": "in_care", "Care Leavers Grade": "care_leavers",
}


class Table(HTMLParser):
    """The rows of the only table of a page: for each cell its text and where its link leads."""

    def __init__(self):
        super().__init__()
        self.rows, self.text, self.link = [], None, None

    def handle_starttag(self, tag, attributes):
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.text, self.link = "", None
        elif tag == "a" and self.text is not None:
            self.link = dict(attributes).get("href")

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.rows[-1].append((self.text.strip(), self.link))
            self.text = None

    def handle_data(self, data):
        if self.text is not None:
            self.text += data


def read_table(path):
    """Each row as {heading: text}, "Inspection Link" as the address."""
    table = Table()
    with open(path, encoding="utf-8") as file:
        table.feed(file.read())
    table.close()
    headings = [text for text, _ in table.rows[0]]
    return [{h: (link if h == "Inspection Link" else text) for h, (text, link) in zip(headings, row)} for row in table.rows[1:]]


def manifest(name):
    """[(moment, path)] of one set of captures, in order of time."""
    with open(os.path.join(DATA, name, "MANIFEST.csv"), newline="") as file:
        rows = [(row["captured_at_utc"], os.path.join(DATA, name, row["file"])) for row in csv.DictReader(file)]
    return sorted(rows)


def councils():
    """{three-digit code: council_id} of today's councils."""
    with open(os.path.join(SOURCE, "config", "councils.csv"), newline="", encoding="utf-8") as file:
        return {row["la_code"]: row["council_id"] for row in csv.DictReader(file)
                if row["la_code"] and not "" < row["end_date"] < "2025-01-01"}


def parse_day(text, *formats):
    for form in formats:
        try:
            return datetime.datetime.strptime(text, form).date()
        except ValueError:
            pass
    return None


def grade(text):
    text = text.lower().replace(" ", "_")
    return text if text in GRADES else None


def framework(day):
    if day is None:
        return "ilacs"
    return "ilacs_2018" if day.year < 2023 else "ilacs_2023" if day < datetime.date(2026, 4, 1) else "ilacs_2026"


class Fact:
    """What one row of one capture says."""

    def __init__(self, kind, council, known, day, published, url, values):
        self.kind, self.council, self.known, self.day, self.url, self.values = kind, council, known, day, url, values
        self.known_day = datetime.date.fromisoformat(known[:10])
        self.published = published or self.known_day

    def key(self):
        return (self.kind, self.council, self.day.isoformat() if self.day else None, self.url, tuple(sorted(self.values.items())))


def read_ilacs(moment, path, codes):
    for row in read_table(path):
        day = parse_day(row["Inspection Start Date"], "%d/%m/%Y")
        values = {name: grade(row[heading]) for heading, name in ILACS_VALUES.items() if grade(row[heading])}
        values["framework_id"] = framework(day)
        yield Fact("ilacs", codes[row["La Code"]], moment, day, None, row["Inspection Link"], values)


def read_send(moment, path, codes):
    for row in read_table(path):
        start, end = (parse_day(row[h], "%d/%m/%y", "%d/%m/%Y") for h in ("Inspection Start Date", "Inspection End Date"))
        yield Fact("area_send", codes[row["La Code"]], moment, start or end, parse_day(row["Publication Date"], "%d/%m/%y", "%d/%m/%Y"),
                   row["Inspection Link"], {"outcome": int(row["Outcome Grade"])})


def all_captures():
    """[(moment, feed, path, [Fact])], both sets in one order of time."""
    codes = councils()
    result = [(m, "ofsted-ilacs-summary", p, list(read_ilacs(m, p, codes))) for m, p in manifest("ilacs")]
    result += [(m, "area-send-summary", p, list(read_send(m, p, codes))) for m, p in manifest("send")]
    return sorted(result, key=lambda capture: capture[0])


# ---- the rules ----

def headline(values):
    """Ofsted's overall grade, else the one derived from the judgements; None while they do not settle it."""
    overall = values.get("overall_effectiveness")
    if overall:
        return overall, False
    leaders = values.get("impact_of_leaders")
    areas = ["help_and_protection", "in_care"] + ([] if values["framework_id"] in ("ilacs_2018", "ilacs") else ["care_leavers"])
    said = [values.get(area) for area in ("help_and_protection", "in_care", "care_leavers")]
    if "inadequate" in said:
        return "inadequate", True
    if leaders == "inadequate" or (said + [leaders]).count("requires_improvement") >= 2:
        return "requires_improvement", True
    if leaders and all(values.get(area) for area in areas):
        return "good", True
    return None, True


class Inspection:
    def __init__(self, fact):
        self.day, self.url, self.first, self.fact = fact.day, fact.url, fact.published, fact

    def same(self, fact):
        if self.day and fact.day:
            return abs((self.day - fact.day).days) <= 14
        return bool(self.url) and self.url == fact.url

    def order(self):
        return (self.day or self.first, self.first)


def inspections(facts):
    """The inspections that these facts speak of, latest last, each with its latest wording."""
    found = []
    for fact in facts:
        match = next((i for i in reversed(found) if i.same(fact)), None)
        if match is None:
            match = Inspection(fact)
            found.append(match)
        match.fact = fact
        match.day = fact.day or match.day
    return sorted(found, key=Inspection.order)


def findings(facts):
    """{signal: (criterion, weight, floor)}, [(criterion, day it fell)], the day of the last judgement and whether it says anything."""
    states, falls, judged, settled = {}, [], None, False
    ilacs = inspections([f for f in facts if f.kind == "ilacs"])
    if ilacs:
        now = ilacs[-1]
        grade_now, _ = headline(now.fact.values)
        settled = grade_now is not None
        judged = now.fact.day or now.first
        if grade_now == "inadequate":
            states["ilacs_inadequate"] = ("ofsted", 60, 3)
        elif grade_now == "requires_improvement":
            states["ilacs_ri"] = ("ofsted", 20, 1)
        if now.fact.values.get("impact_of_leaders") == "inadequate" and grade_now != "inadequate":
            states["ilacs_leaders_inadequate"] = ("ofsted", 20, 2)
        if len(ilacs) > 1 and grade_now:
            before, _ = headline(ilacs[-2].fact.values)
            if before and GRADES.index(grade_now) > GRADES.index(before):
                falls.append(("ofsted", now.first))
    send = inspections([f for f in facts if f.kind == "area_send"])
    if send:
        outcome = send[-1].fact.values["outcome"]
        if outcome > 1:
            states["send_outcome%d" % outcome] = ("send", 35 if outcome == 3 else 10, 2 if outcome == 3 else 0)
        if len(send) > 1 and outcome > send[-2].fact.values["outcome"]:
            falls.append(("send", send[-1].first))
    return states, falls, judged, settled


def add_months(day, months):
    months += day.year * 12 + day.month - 1
    year, month = divmod(months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return datetime.date(year, month + 1, last)
        except ValueError:
            pass


class View:
    """What is to be seen of a council on one day."""

    def __init__(self):
        self.level, self.points, self.floors, self.knowledge, self.criteria = 0, 0.0, set(), "unknown", {}


def points_of(states, falls, day):
    criteria = {"ofsted": 0.0, "send": 0.0}
    for criterion, weight, _ in states.values():
        criteria[criterion] += weight
    for criterion, since in falls:
        impulse = 15 * 0.8 * 2 ** (-(day - since).days / 365)
        criteria[criterion] += impulse if impulse >= 0.5 else 0
    return {"ofsted": min(criteria["ofsted"], 80.0), "send": min(criteria["send"], 60.0)}


def line(level):
    return {0: 0.0, 1: 25.0, 2: 50.0}[level]


def fold(facts, until):
    """{day: View} from the first publication until a day, from these facts alone."""
    views, points_level, under, hold_from, floors_before, day = {}, 0, None, {}, {}, min(f.published for f in facts)
    facts = sorted(facts, key=lambda f: (f.published, f.known))
    while day <= until:
        # Several captures of one day are taken in one after another: what one opened the next may close.
        for moment in sorted({f.known for f in facts if f.published == day}) or [None]:
            view = View()
            states, falls, judged, settled = findings([f for f in facts if f.published < day or (f.published == day and f.known <= (moment or f.known))])
            view.criteria = points_of(states, falls, day)
            view.points = sum(view.criteria.values())
            floors = {s: (c, floor) for s, (c, _, floor) in states.items() if floor}
            for signal, (criterion, floor) in floors_before.items():
                if signal not in floors and floor >= 2:
                    hold_from[criterion] = day
            floors_before = floors
            now = 2 if view.points >= 50 else 1 if view.points >= 25 else 0
            if now >= points_level:
                points_level, under = now, None
            elif view.points >= 0.8 * line(points_level):
                under = None
            else:
                under = under or day
        if under and (day - under).days >= 60:
            points_level -= 1
            under = day if points_level > now and view.points < 0.8 * line(points_level) else None
        view.level = max([points_level] + [floor for _, floor in floors.values()])
        if any(0 <= (day - since).days < 365 for since in hold_from.values()):
            view.level = max(view.level, 1)
        view.floors = set(floors)
        view.knowledge = "unknown" if not settled else "stale" if day >= add_months(judged, 42) else "known"
        views[day] = view
        day += datetime.timedelta(1)
    return views


def expected_alerts(captures, until):
    """{(moment or day, council, kind): (level before, View after)}: every alert that the captures and the time between them give."""
    by_council, expected = {}, {}
    for moment, _, _, facts in captures:
        for fact in facts:
            by_council.setdefault(fact.council, {}).setdefault(moment, []).append(fact)
    one_day = datetime.timedelta(1)
    for council, moments in by_council.items():
        known, views, last_keys = [], {}, {}
        ordered = sorted(moments)
        for index, moment in enumerate(ordered):
            day = datetime.date.fromisoformat(moment[:10])
            end = datetime.date.fromisoformat(ordered[index + 1][:10]) if index + 1 < len(ordered) else until
            news = [f for f in moments[moment] if last_keys.get(f.kind) != f.key()]
            before_views = views
            if news or not views:
                known += news
                for fact in news:
                    last_keys[fact.kind] = fact.key()
                views = fold(known, max(end, until))
            if news:
                same_day_before = index > 0 and ordered[index - 1][:10] == moment[:10]
                before = before_views.get(day if same_day_before else day - one_day, View())
                same_day = before_views.get(day, View())
                compare(expected, council, moment, before, same_day, views[day])
                if before.knowledge == "known" and views[day].knowledge != "known":
                    expected[(moment, council, "knowledge_lost")] = (before.level, views[day])
            elif before_views:
                timed(expected, council, day, views)
            step = day + one_day
            while step < end or (index + 1 == len(ordered) and step <= end):
                timed(expected, council, step, views)
                step += one_day
    return expected


def compare(expected, council, moment, before, same_day, after):
    opened, closed = after.floors - before.floors, before.floors - after.floors
    height = {"ilacs_inadequate": 3, "ilacs_leaders_inadequate": 2, "ilacs_ri": 1, "send_outcome3": 2}
    up, down = after.level > before.level, after.level < before.level
    worst_closed, worst_opened = max((height[s] for s in closed), default=0), max((height[s] for s in opened), default=0)
    if up:
        kind = "level_up"
    elif opened and not (closed and (down or worst_closed > worst_opened)):
        kind = "floor_opened"
    elif closed:
        kind = "floor_closed"
    elif down:
        kind = "level_down"
    elif after.points >= same_day.points + 10 - 1e-9:
        kind = "new_evidence"
    else:
        return
    expected[(moment, council, kind)] = (before.level, after)


def timed(expected, council, day, views):
    before, after = views.get(day - datetime.timedelta(1)), views[day]
    moment = day.isoformat() + "T00:00:00Z"
    if before is None:
        return
    if after.level < before.level:
        expected[(moment, council, "level_down")] = (before.level, after)
    if before.knowledge == "known" and after.knowledge != "known":
        expected[(moment, council, "knowledge_lost")] = (before.level, after)


def levels_on(captures, day):
    """{council: View} as things stood on a day, from all that had been published by then."""
    by_council = {}
    for _, _, _, facts in captures:
        for fact in facts:
            by_council.setdefault(fact.council, []).append(fact)
    result = {}
    for council, facts in by_council.items():
        spoken, last = [], {}
        for fact in facts:
            if last.get(fact.kind) != fact.key():
                spoken.append(fact)
                last[fact.kind] = fact.key()
        if min(f.published for f in spoken) <= day:
            result[council] = fold(spoken, day)[day]
    return result
