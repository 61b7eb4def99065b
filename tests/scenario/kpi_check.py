"""KPIs worked out again from what the programs print and from the ledger as it was written, with none of their code.

  kpi_check.py offers ALERTS OUT          a ledger for the councils that were alerted about, the same each time
  kpi_check.py check ALERTS EVIDENCE LEDGER LATE KPIS...
                                          LATE: "offer late --all --since 2023-04-01 --as-of 2024-12-31 --json"; KPIS: "kpi --period P --json" each

ALERTS and EVIDENCE are NDJSON. Levels are not worked out again here: other tests do that.
"""
import csv
import datetime
import json
import os
import random
import sys

FROM = TO = None  # of the period in hand
LATE_SINCE, LATE_ON = datetime.date(2023, 4, 1), datetime.date(2024, 12, 31)
GRADES = ["outstanding", "good", "requires_improvement", "inadequate"]
# Written down here again: those between the day the captures begin and the last day that is asked for.
HOLIDAYS = {datetime.date.fromisoformat(day) for day in (
    "2023-04-07 2023-04-10 2023-05-01 2023-05-08 2023-05-29 2023-08-28 2023-12-25 2023-12-26 2024-01-01 2024-03-29 2024-04-01 2024-05-06 "
    "2024-05-27 2024-08-26 2024-12-25 2024-12-26 2025-01-01 2025-04-18 2025-04-21 2025-05-05 2025-05-26 2025-08-25").split()}
CONTACT, OFFER, READ = {"priority": 5, "intensive": 2}, {"priority": 20, "intensive": 10}, {"watch": 10}
problems = []


def day(text):
    return datetime.date.fromisoformat(text[:10]) if text else None


def working(date):
    return date.weekday() < 5 and date not in HOLIDAYS


def working_days(start, end):
    count = 0
    while start < end:
        start += datetime.timedelta(1)
        count += working(start)
    return count


def later(start, n):
    while n:
        start += datetime.timedelta(1)
        n -= working(start)
    return start


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def triggers(alerts):
    found = []
    for alert in alerts:
        data = alert["data"]
        if "council" not in data or data["kind"] not in ("level_up", "floor_opened"):
            continue
        if data["level"] == "watch" and data["kind"] != "level_up" or data["level"] == "routine":
            continue
        found.append({"id": alert["id"], "council": data["council"]["id"], "day": day(alert["time"]), "level": data["level"],
                      "kind": data["kind"], "strand": "send" if "/send/" in data.get("cause", "") else "csc"})
    return sorted(found, key=lambda t: t["day"])


# ---- a ledger ----

FIELDS = ("offer_id council_id organisation_id strand tier trigger_alert_id offered_at contact_role status status_at days product contact_at "
          "reason rating participants plan_until engaged_roles").split()


def make_offers(alerts, out):
    dice = random.Random(20240401)
    rows = []
    for n, trigger in enumerate(triggers(alerts)):
        if dice.random() < 0.35:
            continue
        contact = trigger["day"] + datetime.timedelta(dice.choice([0, 1, 3, 6, 7, 9, 20]))
        offered = contact + datetime.timedelta(dice.choice([0, 4, 11, 18, 30]))
        status = dice.choice(["offered", "accepted", "declined", "delivered", "delivered", "withdrawn"])
        row = {"offer_id": "o-%03d" % n, "council_id": trigger["council"], "strand": trigger["strand"], "tier": dice.choice(
            ["universal", "targeted", "targeted", "intensive"]), "contact_at": contact.isoformat(), "offered_at": offered.isoformat(),
               "contact_role": dice.choice(["dcs", "chief_executive", "leader", "head of service"]), "status": status,
               "status_at": (offered + datetime.timedelta(0 if status == "offered" else dice.randrange(0, 150))).isoformat()}
        if dice.random() < 0.5:
            row["trigger_alert_id"] = trigger["id"]
        if dice.random() < 0.3:
            row["strand"] = dice.choice(["csc", "send", "early_years"])
        if dice.random() < 0.8:
            row["days"] = str(dice.choice([0.5, 1, 2, 3.5, 8]))
        if dice.random() < 0.4:
            row["product"] = dice.choice(["peer-challenge", "Peer challenge", "diagnostic"])
        if status == "declined" and dice.random() < 0.5:
            row["reason"] = "has support of another body"
        if status == "delivered" and dice.random() < 0.7:
            row["rating"], row["participants"] = str(dice.choice([3, 4, 4.5, 5])), dice.choice(["", "5", "20"])
        if status == "accepted" and dice.random() < 0.6:
            row["plan_until"] = (offered + datetime.timedelta(dice.choice([30, 100, 200, 500]))).isoformat()
        if dice.random() < 0.2:
            row["engaged_roles"] = "chief_executive|head of service"
        rows.append(row)
    for n, name in enumerate(["birmingham-childrens-trust", "sandwell-childrens-trust", "NHS Birmingham and Solihull ICB"]):
        rows.append({"offer_id": "b-%d" % n, "organisation_id": name, "strand": "csc", "tier": "universal", "offered_at": "2023-06-01",
                     "status": ["delivered", "declined", "accepted"][n], "status_at": ["2023-09-01", "2023-07-01", "2024-03-31"][n]})
    with open(out, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(rows)
    print(len(rows))


# ---- the figures ----

def is_support(row):
    return row["status"] in ("accepted", "delivered")


def same_product(row):
    return (row["product"] or "").lower().replace("-", " ") == "peer challenge"


def done(trigger, offers, what):
    """The first day on which it was done, whichever offer did it."""
    best = None
    for row in offers:
        named = row["trigger_alert_id"] == trigger["id"]
        if not named and (row["council_id"] != trigger["council"] or row["strand"] != trigger["strand"]):
            continue
        for field in {"offer": ["offered_at"], "contact": ["contact_at", "offered_at"], "read": ["read_at", "contact_at", "offered_at"]}[what]:
            date = day(row.get(field))
            if date is None or date < trigger["day"] and not named:
                continue
            date = max(date, trigger["day"])
            best = date if best is None or date < best else best
    return best


def first_triggers(all_triggers, levels):
    first = {}
    for trigger in all_triggers:
        if FROM <= trigger["day"] <= TO and trigger["level"] in levels:
            first.setdefault(trigger["council"], trigger)
    return list(first.values())


def runs_in_window(row):
    """Accepted or delivered support that began by the end of the window and was not over before it. Each offer here has one row."""
    return is_support(row) and day(row["status_at"]) <= TO and not (row["status"] == "delivered" and day(row["status_at"]) < FROM)


def inspections(evidence, council, kind):
    """(day published, grade) of each inspection known by the end of the period. One whose date a page has lost is known by its address."""
    found, dates = {}, {i["url"]: i["event_date"] for i in evidence if i["council_id"] == council and i["kind"] == kind and i["event_date"]}
    for item in evidence:
        seen = day(item["published_at"] or item["fetched_at"])
        if item["council_id"] != council or item["kind"] != kind or day(item["fetched_at"]) > TO or seen > TO:
            continue
        values = item["values"]
        grade = values.get("overall_effectiveness") or values.get("derived_headline") if kind == "ilacs" else values.get("outcome")
        date = item["event_date"] or dates.get(item["url"]) or seen.isoformat()
        at = found.get(date)
        if grade is not None and (at is None or seen < at[0]):
            found[date] = (seen, grade)
    return [found[date] for date in sorted(found)]


def compare(what, is_, should_be):
    if is_ != should_be and not (isinstance(should_be, float) and is_ is not None and abs(is_ - should_be) < 1e-9):
        problems.append("%s is %r, not %r" % (what, is_, should_be))


def check_figure(kpis, name, numerator, denominator, inside=None, missing=None, value=None):
    kpi = kpis[name]
    compare(name + " numerator", kpi["numerator"], numerator)
    compare(name + " denominator", kpi["denominator"], denominator)
    if value is not None:
        compare(name + " value", kpi["value"], value)
    if inside is not None:
        compare(name + " in", {c["council_id"] or c["organisation_id"] for c in kpi["councils"] if c["standing"] == "in"}, set(inside))
    if missing is not None:
        compare(name + " missing", {c["council_id"] or c["organisation_id"] for c in kpi["councils"] if c["standing"] == "missing"}, set(missing))
    return numerator


def median(numbers):
    numbers = sorted(numbers)
    middle = len(numbers) // 2
    return float(numbers[middle]) if len(numbers) % 2 else (numbers[middle - 1] + numbers[middle]) / 2


def check(alerts, evidence, offers, kpis):
    councils = sorted({item["council_id"] for item in evidence})
    every = triggers(alerts)
    members = first_triggers(every, OFFER)

    answered = [t for t in members if (d := done(t, offers, "offer")) and working_days(t["day"], d) <= OFFER[t["level"]]]
    check_figure(kpis, "offer-in-time", len(answered), len(members), [t["council"] for t in answered],
                 {t["council"] for t in members} - {t["council"] for t in answered})
    for group in kpis["offer-in-time"]["groups"]:
        of = [t for t in members if "%s to %s" % (t["kind"], t["level"]) == group["name"]]
        compare("offer-in-time " + group["name"], (group["numerator"], group["denominator"]), (len([t for t in of if t in answered]), len(of)))
    waits = {t["council"]: working_days(t["day"], d) for t in members if (d := done(t, offers, "contact"))}
    check_figure(kpis, "first-contact", len(waits), len(members), waits, value=median(waits.values()) if waits else None)
    compare("first-contact days", {c["council_id"]: c["working_days"] for c in kpis["first-contact"]["councils"] if c["standing"] == "in"}, waits)

    last = {c: inspections(evidence, c, "ilacs") for c in councils}
    poor = [c for c in councils if last[c] and last[c][-1][1] in ("requires_improvement", "inadequate")]
    supported = [row for row in offers if row["council_id"] and row["strand"] == "csc" and runs_in_window(row)]
    engaged = [c for c in poor if any(row["council_id"] == c for row in supported)]
    check_figure(kpis, "engaged", len(engaged), len(poor), engaged, set(poor) - set(engaged))
    several = [c for c in poor if len({row["tier"] for row in supported if row["council_id"] == c}) > 1]
    check_figure(kpis, "several-tiers", len(several), len(poor), several)

    delivered = [row for row in offers if row["status"] == "delivered" and FROM <= day(row["status_at"]) <= TO]
    check_figure(kpis, "targeted-days", float(sum(float(row["days"]) for row in delivered if row["tier"] == "targeted" and row["days"])), None)
    challenges = [row for row in delivered if row["strand"] == "early_years" and same_product(row)]
    check_figure(kpis, "early-years-challenges", len(challenges), None, [row["council_id"] for row in challenges])
    rated = [(float(row["rating"]), float(row["participants"] or 1)) for row in delivered if row["rating"]]
    check_figure(kpis, "rating", float(sum(r * w for r, w in rated)), float(sum(w for _, w in rated)), value=sum(r * w for r, w in rated) / sum(w for _, w in rated) if rated else None)

    outcomes = {c: inspections(evidence, c, "area_send") for c in councils}
    areas = [c for c in councils if outcomes[c] and outcomes[c][-1][1] == 3]
    offered = [c for c in areas if any(row["council_id"] == c and row["strand"] == "send" and (
        FROM <= day(row["offered_at"]) <= TO or runs_in_window(row)) for row in offers)]
    check_figure(kpis, "send-offered", len(offered), len(areas), offered, set(areas) - set(offered))

    declined = [row for row in offers if row["status"] == "declined" and FROM <= day(row["status_at"]) <= TO]
    check_figure(kpis, "declines-explained", len([row for row in declined if row["reason"]]), len(declined))
    others = [row for row in offers if row["organisation_id"] and is_support(row) and FROM <= day(row["status_at"]) <= TO]
    check_figure(kpis, "organisations", len(others), None)
    check_figure(kpis, "lead-members-offered", 0, 0)

    again = [(c, seen) for c, seen in last.items() if len(seen) > 1 and FROM <= seen[-1][0] <= TO]
    kept = [c for c, seen in again if GRADES.index(seen[-1][1]) <= GRADES.index(seen[-2][1])]
    check_figure(kpis, "judgement-kept", len(kept), len(again), kept, {c for c, _ in again} - set(kept))

    leaders = kpis["leaders-engaged"]
    for member in leaders["councils"]:
        shown = any(row["council_id"] == member["council_id"] and
                    {row["contact_role"], *(row["engaged_roles"] or "").split("|")} & {"chief_executive", "leader"} and
                    (any(day(row[f]) and FROM <= day(row[f]) <= TO for f in ("contact_at", "offered_at")) or runs_in_window(row)) for row in offers)
        compare("leaders-engaged " + member["council_id"], member["standing"], "in" if shown else "missing")
    for member in kpis["live-plans"]["councils"]:
        shown = any(row["council_id"] == member["council_id"] and row["plan_until"] and day(row["plan_until"]) >= TO and
                    day(row["status_at"]) <= TO for row in offers)
        compare("live-plans " + member["council_id"], member["standing"], "in" if shown else "missing")

    print("%s to %s: engaged %d of %d, offer-in-time %d of %d, SEND %d of %d, kept %d of %d;" % (
        FROM, TO, len(engaged), len(poor), len(answered), len(members), len(offered), len(areas), len(kept), len(again)), end=" ")


def check_late(alerts, offers, late):
    every = [trigger for trigger in triggers(alerts) if trigger["day"] >= LATE_SINCE]
    expected = {}
    for trigger in every:
        for what, days in (("read", READ), ("contact", CONTACT), ("offer", OFFER)):
            if trigger["level"] not in days:
                continue
            date, due = done(trigger, [row for row in offers if day(row["offered_at"]) <= LATE_ON or day(row["contact_at"])], what), later(
                trigger["day"], days[trigger["level"]])
            if (date is None or date > LATE_ON) and LATE_ON > due:
                expected[trigger["id"], what] = (due.isoformat(), working_days(due, LATE_ON))
    compare("late", {(row["alert"]["id"], m["what"]): (m["due"], m["working_days_late"]) for row in late for m in row["missing"]}, expected)
    compare("the order of who is late", [row["working_days_late"] for row in late], sorted((row["working_days_late"] for row in late), reverse=True))
    print("%d triggers, %d offers, %d late" % (len(every), len(offers), len(late)))


def main():
    global FROM, TO
    if sys.argv[1] == "offers":
        make_offers(lines(sys.argv[2]), sys.argv[3])
        return
    with open(sys.argv[4], encoding="utf-8") as file:
        offers = list(csv.DictReader(file))
    with open(sys.argv[5], encoding="utf-8") as file:
        late = json.load(file)
    for path in sys.argv[6:]:
        with open(path, encoding="utf-8") as file:
            kpis = {kpi["id"]: kpi for kpi in json.load(file)}
        period = kpis["engaged"]["period"]
        FROM, TO = day(period["from"]), day(period["to"])
        check(lines(sys.argv[2]), lines(sys.argv[3]), offers, kpis)
    check_late(lines(sys.argv[2]), offers, late)
    for problem in problems:
        print(problem, file=sys.stderr)
    sys.exit(bool(problems))


main()
