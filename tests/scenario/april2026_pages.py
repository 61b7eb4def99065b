"""april2026_pages.py DIRECTORY: pages in the form of the real ones, as they might be. Every combination of judgements without an
overall grade; and a table of SEND inspections with everything that can be odd."""
import csv
import html
import itertools
import os
import sys

import captures

ILACS = ["URN", "La Code", "Region Code", "LTLA23CD", "Local Authority", "Inspection Link", "Overall Effectiveness Grade",
         "Inspection Framework", "Inspector Name", "Inspection Start Date", "Impact Of Leaders Grade", "Help And Protection Grade",
         "In Care Grade", "Care Leavers Grade"]
GRADES = ["good", "requires improvement", "inadequate", "NaN"]


def page(title, headings, rows):
    def cell(heading, text):
        if heading.lower() == "inspection link" and text:
            return '<a href="https://files.ofsted.gov.uk/v1/file/%s">ofsted.gov.uk/%s</a>' % (text, text)
        return html.escape(text, quote=False)
    head = "".join("      <th>%s</th>\n" % h for h in headings)
    body = "".join("    <tr>\n%s    </tr>\n" % "".join("      <td>%s</td>\n" % cell(h, row.get(h, "")) for h in headings) for row in rows)
    return ("\n    <html>\n    <head>\n        <title>%s</title>\n    </head>\n    <body>\n        <h1>%s</h1>\n"
            '    <table border="1" class="dataframe">\n  <thead>\n    <tr style="text-align: right;">\n%s    </tr>\n  </thead>\n'
            "  <tbody>\n%s  </tbody>\n</table>\n</body>\n</html>\n" % (title, title, head, body))


def councils():
    with open(os.path.join(captures.SOURCE, "config", "councils.csv"), newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file)
                if row["start_date"] <= "2026-04-01" and not row["end_date"]]


def ilacs_pages():
    """256 combinations over two pages; in the second, the councils of the first have the rest of them, later."""
    table = councils()
    # Leeds first: explain is asked about it, with two judgements that require improvement.
    table.sort(key=lambda c: (c["council_id"] != "leeds", c["council_id"]))
    combinations = sorted(itertools.product(GRADES, repeat=4), key=lambda c: c != ("good", "requires improvement", "requires improvement", "good"))
    rows = []
    for number, grades in enumerate(combinations):
        council = table[number % len(table)]
        later = number >= len(table)
        rows.append((later, dict(zip(ILACS, [
            council["urn"] + (".0" if number % 3 == 0 else ""), council["la_code"], "", council["gss_code"], council["short_name"],
            str(50300000 + number), "NaN", "standard", "", "%02d/%02d/2026" % (1 + number % 20, 5 if later else 4), *grades]))))
    first = [row for later, row in rows if not later]
    second = {row["La Code"]: row for row in first}
    second.update({row["La Code"]: row for later, row in rows if later})
    return page("Ofsted ILACS Summary", ILACS, first), page("Ofsted ILACS Summary", ILACS, list(second.values()))


# Each row: council, its code, whose URN with what behind it, start, end, grade, published, and what becomes of it.
SEND = [
    ("leeds", "383", "leeds", "", "20/04/26", "24/04/26", "3.0", "18/06/26", "outcome=3 day=2026-04-20"),
    ("LEICESTER", "856.0", "leicester", ".0", "", "24/04/2026", "2.0", "18/06/2026", "outcome=2 day=2026-04-24"),
    ("kent", "886", "kent", "", "01/01/1900", "Last inspection date not provided", "1.0", "18/06/26", "outcome=1 day="),
    ("Bristol, City of", "801", "bristol", "", "", "", "2", "", "outcome=2 day="),
    ("york", "816", "york", "", "20/04/26", "24/04/26", "NaN", "18/06/26", "no_outcome"),
    ("devon", "878", "devon", "", "20/04/26", "24/04/26", "", "18/06/26", "no_outcome"),
    ("bury", "351", "bury", "", "31/02/26", "24/04/26", "2", "18/06/26", "bad_date"),
    ("bolton", "350", "bolton", "", "20/04/2062", "24/04/2062", "2", "18/06/26", "bad_date"),
    ("barset", "999", "", "89999", "20/04/26", "24/04/26", "2", "18/06/26", "unknown_council"),
    ("leicester", "383", "leeds", "", "20/04/26", "24/04/26", "1", "18/06/26", "council_conflict"),
    ("derby", "831", "derby", "", "20/04/26", "24/04/26", "4", "18/06/26", "bad_value no_outcome"),
    ("northampton", "", "", "", "20/04/26", "24/04/26", "2", "18/06/26", "council_not_then"),
    ("", "", "", "", "", "", "", "", "blank"),
]
SEND_HEADINGS = ["INSPECTION LINK", "outcome grade", "Publication  Date", "Local authority", "Inspection end date",
                 "Sentiment Score", "URN", "la code", "Inspection Start Date", "Number of Inspectors", "Inspection Outcome Text"]


def send_page():
    rows, urns = [], {c["council_id"]: c["urn"] for c in councils()}
    for number, (name, code, council, behind, start, end, grade, published, _) in enumerate(SEND):
        urn = urns.get(council, "") + behind
        text = "Text & more “quoted” <b>bold</b>" if name else ""
        rows.append(dict(zip(SEND_HEADINGS, [str(50400000 + number) if name else "", grade, published, name, end, "0.25" if name else "", urn, code,
                                             start, "4.0" if name else "", text])))
    return page("Ofsted CS SEND Inpections Overview", SEND_HEADINGS, rows)


def main():
    directory = sys.argv[1]
    os.makedirs(directory)
    first, second = ilacs_pages()
    pages = {
        "ilacs-1.html": first, "ilacs-2.html": second, "send-odd.html": send_page(),
        "error-page.html": "<!DOCTYPE html><html><head><title>503 Service Unavailable</title></head><body><h1>Service Unavailable</h1>"
                           "<p>We are sorry. Please try again later.</p></body></html>\n",
        "empty-table.html": page("Ofsted ILACS Summary", ILACS, []), "empty.html": "",
        "other-table.html": page("Parking permits", ["Zone", "Fee"], [{"Zone": "A", "Fee": "20"}, {"Zone": "B", "Fee": "15"}]),
    }
    for name, text in pages.items():
        with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
