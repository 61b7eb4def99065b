"""worked_examples.py make | check CONF ALERTS: the worked examples of the risk model as statements that a person has classified, and
what each council must come to on which day. Points are those of the reference calculation, rounded to whole ones there."""
import json
import os
import subprocess
import sys

# council: [(signal, criterion or None, opened, closed or None)], days as yymmdd; impulses have no end.
SIGNALS = {
    "northamptonshire": [
        ("ilacs_ri", None, "160426", "190729"), ("s114_notice", None, "180202", None), ("s114_notice", None, "180724", None),
        ("chief_exec_change", None, "180319", None), ("leader_change", None, "180319", None),
        ("best_value_direction", None, "180510", "210331"), ("dcs_change", None, "180701", None),
        ("apa_open", None, "181113", "190729"), ("statutory_direction", "ofsted", "181130", None),
        ("safeguarding_review", None, "190606", None), ("ilacs_inadequate", None, "190729", None), ("judgement_fell", "ofsted", "190729", None),
    ],
    "sefton": [
        ("ilacs_ri", None, "160627", "220509"), ("wsoa_revisit_failed", None, "190601", "210601"),
        ("statutory_direction", "send", "190615", "210615"), ("apa_open", None, "191115", "210515"), ("apa_open", None, "210510", "220509"),
        ("improvement_notice", "ofsted", "210601", "220601"), ("dcs_change", None, "210601", None),
        ("ilacs_inadequate", None, "220509", "250812"), ("judgement_fell", "ofsted", "220509", None),
    ],
    "tower-hamlets": [
        ("best_value_direction", None, "141217", "170331"), ("leader_change", None, "150423", None), ("control_change", None, "150611", None),
        ("dcs_change", None, "150701", None), ("chief_exec_change", None, "151001", None), ("dcs_second_in_12m", None, "160301", None),
        ("ilacs_inadequate", None, "170407", "190722"), ("judgement_fell", "ofsted", "170407", None),
    ],
    "birmingham": [
        ("wsoa_open", None, "180901", "210601"), ("ilacs_ri", None, "190117", "230418"), ("wsoa_revisit_failed", None, "210701", "211015"),
        ("statutory_direction", "send", "211015", None), ("s114_notice", None, "230905", None), ("best_value_direction", None, "231005", None),
        ("exceptional_financial_support", None, "240229", None), ("send_outcome2", None, "250815", None),
    ],
    "swindon": [
        ("apa_open", None, "180701", "190812"), ("dcs_change", None, "221001", None), ("control_change", None, "230505", None),
        ("ilacs_inadequate", None, "230911", None), ("improvement_notice", "ofsted", "231115", None),
    ],
}
# Full inspections that say only "good": (council, kind, published, values).
INSPECTIONS = [
    ("tower-hamlets", "ilacs", "120720", {"overall_effectiveness": "good"}), ("swindon", "ilacs", "190812", {"overall_effectiveness": "good"}),
    ("leeds", "ilacs", "220509", {"overall_effectiveness": "outstanding"}), ("leeds", "ilacs", "250812", {"overall_effectiveness": "outstanding"}),
    ("leeds", "area_send", "260618", {"outcome": 3}),
]
# council, day, level, points (None: not given), knowledge (None: not given), {criterion: level}.
EXPECTED = [
    ("northamptonshire", "2018-02-03", "watch", 45, None, {}), ("northamptonshire", "2018-05-11", "priority", 76, None, {}),
    ("northamptonshire", "2018-11-13", "priority", 95, None, {}), ("northamptonshire", "2018-12-01", "intensive", 124, None, {}),
    ("sefton", "2019-05-01", "watch", 20, None, {}), ("sefton", "2019-11-16", "intensive", 110, None, {}),
    ("sefton", "2021-07-01", "priority", 87, None, {}), ("sefton", "2022-05-09", "intensive", None, None, {}),
    ("sefton", "2025-08-13", "priority", None, None, {}), ("sefton", "2025-10-20", "watch", None, None, {}),
    ("sefton", "2026-08-20", "routine", None, None, {}),
    ("tower-hamlets", "2015-10-01", "watch", 42, None, {}), ("tower-hamlets", "2016-03-01", "watch", 45, "stale", {}),
    ("tower-hamlets", "2017-04-01", "watch", 7, None, {}), ("tower-hamlets", "2017-04-07", "intensive", 82, None, {}),
    ("birmingham", "2019-06-01", "watch", 35, None, {}), ("birmingham", "2021-07-02", "priority", 50, None, {}),
    ("birmingham", "2021-10-16", "intensive", 80, None, {"send": "intensive"}),
    ("birmingham", "2023-04-19", "intensive", 60, None, {"send": "intensive", "ofsted": "routine"}),
    ("birmingham", "2023-09-05", "intensive", 85, None, {}),
    ("swindon", "2018-07-02", "priority", None, None, {}), ("swindon", "2019-08-13", "watch", None, None, {}),
    ("swindon", "2020-08-20", "routine", None, "known", {}), ("swindon", "2023-02-11", "routine", None, "known", {}),
    ("swindon", "2023-02-12", "routine", None, "stale", {}), ("swindon", "2023-09-11", "intensive", 68, None, {}),
    ("leeds", "2026-06-17", "routine", 0, "known", {}), ("leeds", "2026-06-18", "priority", 35, "known", {"ofsted": "routine", "send": "priority"}),
]
# council, day, kind, level, words in the text.
ALERTS = [
    ("northamptonshire", "2018-03-19", "level_up", "priority", None), ("northamptonshire", "2018-11-13", "floor_opened", "priority", None),
    ("northamptonshire", "2018-11-30", "level_up", "intensive", None), ("swindon", "2023-02-12", "knowledge_lost", "routine", None),
    ("swindon", "2023-09-11", "level_up", "intensive", None), ("leeds", "2026-06-18", "level_up", "priority", "SEND only"),
]


def day(text):
    return "20%s-%s-%s" % (text[:2], text[2:4], text[4:])


def statement(council, kind, when, values, title):
    return {"kind": kind, "council_id": council, "event_date": day(when), "published_at": day(when) + "T00:00:00Z",
            "publisher": "Worked example", "tier": "A", "url": "https://example.org/%s/%s/%s" % (council, title, when), "title": title,
            "quote": None, "values": values}


def make():
    for council, signals in SIGNALS.items():
        for signal, criterion, opened, closed in signals:
            state = closed is not None or signal in ("ilacs_inadequate", "statutory_direction", "improvement_notice", "best_value_direction",
                                                     "exceptional_financial_support", "send_outcome2")
            for when, status in ((opened, "open" if state else "occurred"), (closed, "closed")):
                if when:
                    values = {"signal": signal, "status": status}
                    if criterion:
                        values["criterion"] = criterion
                    print(json.dumps(statement(council, "signal", when, values, "%s-%s" % (signal, status))))
    for council, kind, when, values in INSPECTIONS:
        print(json.dumps(statement(council, kind, when, values, kind)))


def check(conf, alerts_file):
    problems = 0
    for council, when, level, points, knowledge, criteria in EXPECTED:
        run = subprocess.run([os.path.join(os.environ["CW_BIN"], "councilwatch"), "-c", conf, "councils", "--json", "--as-of", when],
                             capture_output=True, text=True, check=True)
        found = next((c for c in json.loads(run.stdout) if c["council_id"] == council), None)
        wrong = []
        if found is None:
            wrong.append("is not listed")
        else:
            if found["level"] != level:
                wrong.append("is %s, not %s" % (found["level"], level))
            if points is not None and abs(found["points"] - points) > 0.51:
                wrong.append("has %.1f points, not %d" % (found["points"], points))
            if knowledge and found["knowledge"] != knowledge:
                wrong.append("is %s, not %s" % (found["knowledge"], knowledge))
            for criterion, wanted in criteria.items():
                if found["criteria"][criterion]["level"] != wanted:
                    wrong.append("%s is %s, not %s" % (criterion, found["criteria"][criterion]["level"], wanted))
        for text in wrong:
            problems += 1
            print("differs: %s on %s %s" % (council, when, text))
    with open(alerts_file, encoding="utf-8") as file:
        alerts = [json.loads(line) for line in file]
    for council, when, kind, level, words in ALERTS:
        found = [a for a in alerts if a["subject"] == council and a["time"].startswith(when) and a["data"]["kind"] == kind]
        if len(found) != 1 or found[0]["data"]["level"] != level or (words and words not in found[0]["data"]["text"]):
            problems += 1
            print("differs: %s on %s: %s, not one %s at %s%s" % (council, when, [(a["data"]["kind"], a["data"]["level"], a["data"]["text"]) for a in found],
                                                              kind, level, " with '%s'" % words if words else ""))
    print("%d days of the worked examples, %d alerts" % (len(EXPECTED), len(ALERTS)))
    sys.exit(1 if problems else 0)


if sys.argv[1] == "make":
    make()
else:
    check(sys.argv[2], sys.argv[3])
