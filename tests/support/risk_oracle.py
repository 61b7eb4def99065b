"""risk_oracle.py: a second, independent calculation of the risk model, written from its specification and not from the program.

Slow and plain on purpose. It walks a council day by day; for every day it looks at nothing but the statements published by then, works the
states and impulses out anew, and keeps only what hysteresis has to remember (the points level, since when the points have been low, and the
last day with a high floor). It uses the default constants, whole days, and only the standard library. `tests/scenario/risk_random.py` holds the
real programs against it."""
import datetime

DAY = datetime.timedelta(days=1)
LEVELS = ("routine", "watch", "priority", "intensive")
ROUTINE, WATCH, PRIORITY, INTENSIVE = range(4)
CAPS = {"ofsted": 80, "send": 60, "specific": 35, "leadership": 30, "intel": 25}
CONFIDENCE = {"A": 1.0, "B": 0.8, "C": 0.5, "D": 0.0}
LINES = {WATCH: 25, PRIORITY: 50}
BREADTH_POINTS, BREADTH_CRITERIA, BREADTH_EACH = 10, 3, 10
SMALLEST_IMPULSE, REPEAT_FACTOR, STEP_DOWN_FACTOR = 0.5, 0.25, 0.8
STEP_DOWN_DAYS, HOLD_DAYS, CLUSTER_DAYS, SECOND_PUBLISHER, ALERT_DAYS = 60, 365, 14, 0.2, 30
COPY_WORDS = 5  # alike beyond case and punctuation, and not so short that anybody would say it so
APA_MONTHS, ILACS_STALE_MONTHS, SEND_STALE_MONTHS, INHERIT_MONTHS, TRANSITION_MONTHS = 18, 42, 66, 36, 12
NOTICE_MONTHS = 12     # a reading of "lapse"
INHERIT_FACTOR, MINOR_SHARE = 0.5, 0.25

# kind: (criteria it may stand in, points, floor or None)
STATES = {
    "ilacs_inadequate": (("ofsted",), 60, INTENSIVE), "ilacs_leaders_inadequate": (("ofsted",), 20, PRIORITY), "ilacs_ri": (("ofsted",), 20, WATCH),
    "apa_open": (("ofsted",), 30, PRIORITY), "improvement_notice": (("ofsted", "send"), 35, PRIORITY),
    "statutory_direction": (("ofsted", "send"), 60, INTENSIVE), "send_outcome3": (("send",), 35, PRIORITY), "send_outcome2": (("send",), 10, None),
    "wsoa_open": (("send",), 15, WATCH), "wsoa_revisit_failed": (("send",), 30, PRIORITY), "best_value_direction": (("specific",), 20, WATCH),
    "best_value_notice": (("specific",), 10, None), "exceptional_financial_support": (("specific",), 8, None),
    "lgr_transition": (("specific",), 10, WATCH),
}
# kind: (criteria it may stand in, points, half-life in days)
IMPULSES = {
    "judgement_fell": (("ofsted", "send"), 15, 365), "monitoring_slow": (("ofsted",), 12, 270), "visit_weak_no_apa": (("ofsted",), 8, 270),
    "s114_notice": (("specific",), 25, 365), "court_systemic_criticism": (("specific",), 25, 365), "jr_policy_unlawful": (("specific",), 15, 365),
    "jr_case_lost": (("specific",), 6, 180), "dcs_change": (("leadership",), 8, 180), "dcs_second_in_12m": (("leadership",), 12, 270),
    "chief_exec_change": (("leadership",), 8, 180), "leader_change": (("leadership",), 5, 180), "control_change": (("leadership",), 8, 270),
    "lmcs_change": (("leadership",), 4, 180), "safeguarding_review": (("specific",), 6, 180), "lgsco_public_report": (("intel",), 8, 365),
    "workforce_outlier": (("intel",), 8, 365), "ehcp_outlier": (("send",), 8, 365), "news": (("intel",), 4, 45),
}
NOTE_POINTS = {"low": 5, "medium": 15, "high": 30}
GRADES = ("outstanding", "good", "requires_improvement", "inadequate")
# What the next full inspection ends, by its strand.
INSPECTION_ENDS = {"ofsted": ("ilacs_inadequate", "ilacs_leaders_inadequate", "ilacs_ri", "apa_open"),
                   "send": ("send_outcome3", "send_outcome2", "wsoa_open", "wsoa_revisit_failed")}
FULL_INSPECTIONS = {"ilacs": "ofsted", "sif": "ofsted", "area_send": "send"}
YEARLY = ("workforce_outlier", "ehcp_outlier")


def date(text):
    return datetime.date.fromisoformat(text[:10])


def add_months(day, months):
    """The same day of the month so many months on; the last of that month where it has no such day."""
    month = day.year * 12 + day.month - 1 + months
    year, month = divmod(month, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return datetime.date(year, month + 1, min(day.day, last))
        except ValueError:
            continue


def headline(values):
    """The overall judgement of an inspection or, where it has none, the derived one; None when nothing was judged."""
    overall = values.get("overall_effectiveness")
    if overall in GRADES:
        return overall
    leaders = values.get("impact_of_leaders")
    children = [values.get(name) for name in ("help_and_protection", "in_care", "care_leavers")]
    if "inadequate" in children:
        return "inadequate"
    if leaders == "inadequate" or [leaders, *children].count("requires_improvement") >= 2:
        return "requires_improvement"
    return "good" if any(grade in GRADES for grade in [leaders, *children]) else None


class Statement:
    """One line of the evidence feed."""

    def __init__(self, line):
        self.kind, self.council = line["kind"], line["council_id"]
        self.published = date(line["published_at"])
        self.event = date(line.get("event_date") or line["published_at"])
        self.publisher, self.tier = line["publisher"], line["tier"]
        self.text = normalised(line.get("quote") or line.get("title") or "")
        self.values = line.get("values") or {}
        self.signal = self.values.get("signal")
        self.status = self.values.get("status")

    def criterion(self):
        row = STATES.get(self.signal) or IMPULSES[self.signal]
        return self.values.get("criterion") or row[0][0]


def normalised(text):
    return " ".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


class Event:
    """A cluster: one event or state, and the statements about it. The first one published gives it its place in time."""

    def __init__(self, kind, criterion, event, start, statements):
        self.kind, self.criterion, self.event, self.start, self.statements = kind, criterion, event, start, statements
        self.end = None             # the first day on which it no longer counts
        self.told_closed = False    # by a statement
        self.inspection = None      # (strand, event day) of the inspection that made it
        self.lapses = None
        if kind == "apa_open":
            self.lapses = add_months(start, APA_MONTHS)
        elif kind == "best_value_notice":
            self.lapses = add_months(start, NOTICE_MONTHS)
        elif kind == "exceptional_financial_support":
            self.lapses = datetime.date(start.year + 1, 4, 1)   # announced in February for the year from April

    def tier(self):
        return min(s.tier for s in self.statements)

    def confidence(self):
        found = CONFIDENCE[self.tier()]
        first = self.statements[0]
        for other in self.statements[1:]:
            copy = other.text == first.text and len(first.text.split()) >= COPY_WORDS
            if other.publisher != first.publisher and not copy:
                return min(1.0, found + SECOND_PUBLISHER)
        return found

    def on(self, day):
        return self.start <= day and (self.end is None or day < self.end) and (self.lapses is None or day < self.lapses)

    def close(self, day):
        if self.end is None and (self.lapses is None or day < self.lapses):
            self.end = day

    def floor(self):
        floor = STATES[self.kind][2]
        return floor if floor is not None and self.tier() in "AB" else ROUTINE


class Known:
    """What the statements published by one day say about one council: its states, its impulses, its inspections, its notes and rulings. They
    are gone through in the order of publication; on one day first what opens, then what closes."""

    def __init__(self, statements, day):
        seen = [s for s in statements if s.published <= day]
        self.overrides = [s for s in seen if s.kind == "override"]
        scored = [s for s in seen if s.tier != "D"]
        self.notes = [s for s in scored if s.kind == "internal_note"]
        self.states, self.impulses = [], []
        self.inspections = {"ofsted": [], "send": []}   # by their own day: [event, first published, {publisher: statement}]
        self.judged = []                                # [(published, event)] of full inspections of social care known from signals only
        self.answered = []                              # [(event, published)] of all full inspections, of either strand
        self.ended = {}                                 # {(kind, criterion): when}: of what a council may have inherited
        for when in sorted({s.published for s in scored}):
            today = sorted((s for s in scored if s.published == when), key=lambda s: (s.status == "closed", s.event))
            for statement in today:
                if statement.kind in FULL_INSPECTIONS:
                    self.inspected(statement, when)
                elif statement.kind == "signal":
                    self.said(statement, when)

    # ---- full inspections

    def inspected(self, statement, when):
        strand = FULL_INSPECTIONS[statement.kind]
        inspections = self.inspections[strand]
        inspection = next((i for i in inspections if abs((i[0] - statement.event).days) <= CLUSTER_DAYS), None)
        if inspection is None:
            inspection = [statement.event, when, {}]
            inspections.append(inspection)
        inspection[0] = statement.event
        inspection[2][statement.publisher] = statement      # its latest word
        inspections.sort(key=lambda i: i[0])
        current = inspections[-1]
        wanted = self.finding_of(strand, current)
        for state in self.states:
            if state.inspection and state.inspection[0] == strand and (state.inspection[1] is not current or state.kind not in wanted):
                state.close(when)
        for kind in wanted:
            if not any(s.inspection and s.inspection[1] is current and s.kind == kind and s.end is None for s in self.states):
                self.states.append(Event(kind, strand, current[0], when, list(current[2].values())))
                self.states[-1].inspection = (strand, current)
        for state in self.states:
            if state.inspection and state.inspection[1] is current:
                state.statements = list(current[2].values())
        fell = len(inspections) > 1 and None not in (self.grade(strand, current), self.grade(strand, inspections[-2])) and \
            self.grade(strand, current) > self.grade(strand, inspections[-2]) and \
            not (strand == "ofsted" and self.good_or_better(current))
        self.impulses = [i for i in self.impulses if not (i.inspection and i.inspection[1] is current)]
        if fell:
            self.impulses.append(Event("judgement_fell", strand, current[0], current[1], list(current[2].values())))
            self.impulses[-1].inspection = (strand, current)
        self.answer(strand, current[0], when, None)

    @staticmethod
    def heard(inspection):
        """The publisher of the fact before others: those of the best tier."""
        best = min(s.tier for s in inspection[2].values())
        return [s for s in inspection[2].values() if s.tier == best]

    @classmethod
    def grade(cls, strand, inspection):
        """Higher is worse; among equals that disagree the more adverse."""
        if strand == "send":
            return max(int(s.values["outcome"]) for s in cls.heard(inspection))
        found = [GRADES.index(headline(s.values)) for s in cls.heard(inspection) if headline(s.values)]
        return max(found) if found else None

    def conflicts(self):
        """Of how many strands sources of tier A or B differ about the newest inspection."""
        found = 0
        for strand, inspections in self.inspections.items():
            said = [s for s in inspections[-1][2].values() if s.tier <= "B"] if inspections else []
            found += len({self.grade(strand, [None, None, {"one": s}]) for s in said} - {None}) > 1
        return found

    @classmethod
    def good_or_better(cls, inspection):
        """A derived headline does not tell good from outstanding."""
        return all(headline(s.values) == "good" and s.values.get("overall_effectiveness") not in GRADES for s in cls.heard(inspection))

    def finding_of(self, strand, inspection):
        grade = self.grade(strand, inspection)
        if strand == "send":
            return {2: ["send_outcome2"], 3: ["send_outcome3"]}.get(grade, [])
        if grade == GRADES.index("inadequate"):
            return ["ilacs_inadequate"]
        kinds = ["ilacs_ri"] if grade == GRADES.index("requires_improvement") else []
        if any(s.values.get("impact_of_leaders") == "inadequate" for s in self.heard(inspection)):
            kinds.append("ilacs_leaders_inadequate")
        return kinds

    def answer(self, strand, event, when, but):
        """A full inspection ends what stood open from before it, and is a successor's own judgement."""
        self.answered.append((strand, event, when))
        for state in self.states:
            if state is not but and state.inspection is None and state.kind in INSPECTION_ENDS[strand] and state.event < event:
                state.close(when)

    # ---- signals

    def said(self, statement, when):
        kind, criterion = statement.signal, statement.criterion()
        if statement.status == "closed":
            if kind in STATES:
                self.closed(statement, when)
            return
        events = self.states if kind in STATES else self.impulses
        event = None
        for other in events:
            if (other.kind, other.criterion) == (kind, criterion) and other.inspection is None and \
                    abs((other.event - statement.event).days) <= CLUSTER_DAYS and (other.end is None or statement.event < other.end):
                event = other
        if event:
            event.statements.append(statement)
        else:
            if kind in YEARLY:      # replaced by the next release
                for other in events:
                    if (other.kind, other.criterion) == (kind, criterion):
                        other.close(when)
            event = Event(kind, criterion, statement.event, when, [statement])
            events.append(event)
        if kind.startswith("ilacs_"):
            self.judged.append((when, statement.event))
            self.inspected_by_signal("ofsted", statement, when, event)
        elif kind.startswith("send_outcome"):
            self.inspected_by_signal("send", statement, when, event)
        elif kind == "wsoa_revisit_failed":
            self.ended.setdefault(("wsoa_open", "send"), when)
            for state in self.states:
                if state.kind == "wsoa_open" and state.event < statement.event:
                    state.close(when)

    def inspected_by_signal(self, strand, statement, when, event):
        self.answer(strand, statement.event, when, event)
        for state in self.states:
            if state.inspection and state.inspection[0] == strand and (statement.event - state.event).days > CLUSTER_DAYS:
                state.close(when)

    def closed(self, statement, when):
        """A statement closes the oldest one still open: so many openings need so many closings."""
        for state in sorted(self.states, key=lambda s: s.start):
            if (state.kind, state.criterion) != (statement.signal, statement.criterion()) or state.end is not None or state.told_closed:
                continue
            if state.lapses is not None and state.lapses < when:
                continue
            if statement.tier > "B" and state.tier() <= "B":
                continue
            state.told_closed = True
            state.close(when)
            self.ended.setdefault((state.kind, state.criterion), when)
            break
        else:
            if statement.tier <= "B":
                self.ended.setdefault((statement.signal, statement.criterion()), when)
        if statement.signal.startswith("ilacs_"):
            self.judged.append((when, statement.event))


class Machine:
    """A level with its memory: the points level and since when the points are low, and until when a floor that closed still holds watch."""

    def __init__(self, slow):
        self.slow = slow    # only the council's level goes down slowly, that of a criterion follows its points
        self.points_level, self.low_since, self.hold_until, self.level = ROUTINE, None, None, ROUTINE

    def step(self, day, points, floor, only_notes=False):
        raw = max([level for level, line in LINES.items() if points >= line], default=ROUTINE)
        if only_notes:
            raw = min(raw, WATCH)
        if raw >= self.points_level or not self.slow:
            self.points_level, self.low_since = raw, None
        if self.low(points, only_notes):
            self.low_since = self.low_since or day
            if (day - self.low_since).days >= STEP_DOWN_DAYS:
                self.points_level -= 1
                self.low_since = day if self.low(points, only_notes) else None
        else:
            self.low_since = None
        if floor >= PRIORITY:
            self.hold_until = day + DAY + HOLD_DAYS * DAY
        hold = WATCH if self.hold_until and day < self.hold_until else ROUTINE
        self.level = max(self.points_level, floor, hold)
        return self.level

    def low(self, points, only_notes):
        if only_notes and self.points_level > WATCH:    # what notes alone could not have raised they do not keep either
            return True
        return self.points_level > ROUTINE and points < STEP_DOWN_FACTOR * LINES[self.points_level]

class DayResult:
    def __init__(self):
        self.level = self.model_level = ROUTINE
        self.points, self.knowledge = 0.0, "unknown"
        self.only_notes = self.begins = False   # an event or state of today
        self.conflicts = 0
        self.criteria = {}
        self.floors = {}        # (kind, criterion): level
        self.since = {}         # and since when that state stands, with a floor or without

    def as_json(self):
        return {"level": LEVELS[self.level], "points": self.points, "knowledge": self.knowledge,
                "criteria": {name: {"points": points, "level": LEVELS[level]} for name, (points, level) in self.criteria.items()}}

class Council:
    """The history of one council. `inherits` names what it takes over: [(predecessor's statements, share)] and the vesting day; `ends` is the
    vesting day of its own successors, from twelve months before which it is in transition."""

    def __init__(self, lines, inherits=(), vesting=None, ends=None):
        self.statements = [Statement(line) for line in lines]
        self.parents = [[Statement(line) for line in lines] for lines, share in inherits if share is None or share >= MINOR_SHARE]
        self.vesting, self.ends = vesting, ends

    def walk(self, until, start=None):
        """Yields (day, DayResult) for every day from the first statement on."""
        everything = self.statements + [s for parent in self.parents for s in parent]
        news = {s.published for s in everything}
        if not news:
            return
        machine, machines = Machine(True), {criterion: Machine(False) for criterion in CAPS}
        day, known, parents = min(news), None, []
        for first in (self.vesting, self.ends and add_months(self.ends, -TRANSITION_MONTHS)):
            day = min(day, first or day)
        while day <= until and (self.ends is None or day < self.ends):
            if known is None or day in news:
                known, parents = Known(self.statements, day), [Known(statements, min(day, self.vesting - DAY)) for statements in self.parents]
            result = self.on_day(day, known, parents)
            for criterion, own in machines.items():
                points, _ = result.criteria[criterion]
                floor = max([level for (_, where), level in result.floors.items() if where == criterion], default=ROUTINE)
                result.criteria[criterion] = (points, own.step(day, points, floor))
            floor = max(result.floors.values(), default=ROUTINE)
            result.model_level = machine.step(day, result.points, floor, result.only_notes)
            result.level = self.overridden(day, known, result.model_level, floor)
            if start is None or day >= start:
                yield day, result
            day += DAY

    @staticmethod
    def overridden(day, known, level, floor):
        """A ruling stands up to and including the day it names; the last one made counts."""
        if not known.overrides:
            return level
        last = max(known.overrides, key=lambda s: s.published)
        if day > date(last.values["expires"]):
            return level
        return max(LEVELS.index(last.values["level"]), min(level, floor))

    def inheriting(self, day, known, criterion):
        """Until the council's own judgement in that strand, or for 36 months."""
        if not self.vesting or not self.vesting <= day < add_months(self.vesting, INHERIT_MONTHS):
            return False
        return not any(strand == criterion for strand, _, _ in known.answered)

    def states_on(self, day, known, parents):
        """{(kind, criterion): (points, floor)}, each kind once."""
        found = {}

        def put(kind, criterion, points, floor):
            was = found.get((kind, criterion), (0, ROUTINE))
            found[kind, criterion] = (max(was[0], points), max(was[1], floor))

        for state in known.states:
            if state.on(day):
                put(state.kind, state.criterion, STATES[state.kind][1], state.floor())
        for parent in parents:
            for state in parent.states:
                ended = (state.kind, state.criterion) in known.ended or (state.lapses is not None and state.lapses <= day)
                if state.on(self.vesting - DAY) and not ended and self.inheriting(day, known, state.criterion):
                    floor = state.floor()
                    put(state.kind, state.criterion, STATES[state.kind][1] * INHERIT_FACTOR, max(WATCH, floor - 1) if floor else ROUTINE)
        before_the_end = self.ends and add_months(self.ends, -TRANSITION_MONTHS) <= day < self.ends
        if before_the_end or self.inheriting(day, known, "ofsted"):
            put("lgr_transition", "specific", STATES["lgr_transition"][1], WATCH)
        return found

    def impulse_sources(self, day, known, parents):
        return [(known, 1)] + [(parent, INHERIT_FACTOR) for parent in parents if self.vesting <= day]

    def impulses_on(self, day, known, parents):
        """{(kind, criterion): [points]}, each event on its own."""
        found = {}
        for whose, factor in self.impulse_sources(day, known, parents):
            for event in whose.impulses:
                if whose is not known and event.kind in YEARLY and any(own.kind == event.kind for own in known.impulses):
                    continue    # its own release has replaced it
                _, weight, half_life = IMPULSES[event.kind]
                value = weight * event.confidence() * 2 ** (-(day - event.start).days / half_life) * factor
                if value >= SMALLEST_IMPULSE and event.end is None:
                    found.setdefault((event.kind, event.criterion), []).append(value)
        return found

    def on_day(self, day, known, parents):
        result = DayResult()
        sums = dict.fromkeys(CAPS, 0.0)
        states, impulses = self.states_on(day, known, parents), self.impulses_on(day, known, parents)
        for (kind, criterion), (points, floor) in states.items():
            sums[criterion] += points
            if floor:
                result.floors[kind, criterion] = floor
                result.since[kind, criterion] = max((s.start for s in known.states if s.on(day) and (s.kind, s.criterion) == (kind, criterion)), default=day)
        notes = {}
        for whose, factor in self.impulse_sources(day, known, parents):
            for note in whose.notes:
                if note.published <= day <= date(note.values["expires"]):
                    value = NOTE_POINTS[note.values["severity"]] * CONFIDENCE[note.tier] * factor
                    notes.setdefault(note.values.get("criterion") or "intel", []).append(value)
        for (_, criterion), values in list(impulses.items()) + [(("internal_note", name), values) for name, values in notes.items()]:
            strongest = max(values)
            sums[criterion] += strongest + REPEAT_FACTOR * (sum(values) - strongest)
        capped = {criterion: min(total, CAPS[criterion]) for criterion, total in sums.items()}
        result.criteria = {criterion: (points, ROUTINE) for criterion, points in capped.items()}
        broad = sum(points >= BREADTH_EACH for points in capped.values()) >= BREADTH_CRITERIA
        result.points = sum(capped.values()) + (BREADTH_POINTS if broad else 0)
        result.only_notes = bool(notes) and not states and not impulses
        result.begins = any(event.start == day for event in known.states + known.impulses)
        result.conflicts = known.conflicts()
        result.knowledge = self.knowledge(day, known, parents)
        return result

    def knowledge(self, day, known, parents):
        """`unknown` if never judged; `inherited` while a successor has no judgement of its own; `stale` when the last one is old or when an area
        for priority action ran out without an answer."""
        judged = max((published for published, _ in known.judged), default=None)
        settled = judged is not None
        if known.inspections["ofsted"]:
            current = known.inspections["ofsted"][-1]
            published = max(s.published for s in current[2].values() if s in known.heard(current))
            if judged is None or published >= judged:
                judged, settled = published, known.grade("ofsted", current) is not None
        if judged is None:
            before = any(parent.judged or parent.inspections["ofsted"] for parent in parents)
            return "inherited" if before and self.inheriting(day, known, "ofsted") else "unknown"
        if not settled:
            return "unknown"
        if day >= add_months(judged, ILACS_STALE_MONTHS):
            return "stale"
        for state in known.states:
            lapsed = state.kind == "apa_open" and state.lapses <= day and state.end is None and not state.told_closed
            if lapsed and judged < state.lapses:
                return "stale"
        if known.inspections["send"]:
            current = known.inspections["send"][-1]
            if day >= add_months(max(s.published for s in known.heard(current)), SEND_STALE_MONTHS):
                return "stale"
        return "known"
