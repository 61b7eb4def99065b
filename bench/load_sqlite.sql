-- The same job with the sqlite3 shell: .import, then SQL. Read by bench/ingest, which puts paths in place of @INPUT@,
-- @COUNCILS@, @ALIASES@ and @LATEST@. Less work than councilwatch does: rows and levels, as load_python --rows-only.
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA cache_size = -32768;
PRAGMA temp_store = MEMORY;

CREATE TABLE evidence (council TEXT NOT NULL, event_day TEXT NOT NULL, published TEXT NOT NULL, url TEXT NOT NULL,
    overall TEXT NOT NULL, leaders TEXT NOT NULL, help TEXT NOT NULL, in_care TEXT NOT NULL, care_leavers TEXT NOT NULL,
    row INTEGER NOT NULL,
    PRIMARY KEY (council, event_day, url, published, overall, leaders, help, in_care, care_leavers)) WITHOUT ROWID;
CREATE TABLE reject (row INTEGER NOT NULL, reason TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE level (council TEXT PRIMARY KEY, level TEXT NOT NULL) WITHOUT ROWID;

CREATE TEMP TABLE raw (la_code, name, event_date, published, overall, leaders, help, in_care, care_leavers, url);
CREATE TEMP TABLE councils (council_id, name, short_name, type, region, gss_code, la_code, urn, start_date, end_date);
CREATE TEMP TABLE aliases (council_id, alias, scheme, valid_from, valid_to, source);
.mode csv
.import --skip 1 @COUNCILS@ councils
.import --skip 1 @ALIASES@ aliases
.import --skip 1 @INPUT@ raw

CREATE TEMP TABLE name (text TEXT PRIMARY KEY, council TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO name SELECT text, min(council_id) FROM (
    SELECT lower(trim(council_id)) AS text, council_id FROM councils UNION SELECT lower(trim(name)), council_id FROM councils
    UNION SELECT lower(trim(short_name)), council_id FROM councils UNION SELECT la_code, council_id FROM councils
    UNION SELECT lower(trim(alias)), council_id FROM aliases)
    WHERE text <> '' GROUP BY text HAVING count(DISTINCT council_id) = 1;
CREATE TEMP TABLE grade (text TEXT PRIMARY KEY, grade TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO grade VALUES ('outstanding', 'outstanding'), ('good', 'good'), ('requires improvement', 'requires_improvement'),
    ('requires improvement to be good', 'requires_improvement'), ('inadequate', 'inadequate'), ('not judged', 'not_judged'),
    ('', ''), ('nan', '');

-- Every distinct text once, as the others do.
CREATE TEMP TABLE seen_council (la_code TEXT, name TEXT, council TEXT, PRIMARY KEY (la_code, name)) WITHOUT ROWID;
INSERT INTO seen_council SELECT r.la_code, r.name, CASE WHEN a.council <> b.council THEN NULL
    ELSE coalesce(a.council, b.council) END FROM (SELECT DISTINCT la_code, name FROM raw) r
    LEFT JOIN name a ON a.text = trim(r.la_code)
    LEFT JOIN name b ON b.text = lower(trim(replace(replace(r.name, '  ', ' '), '  ', ' ')));
CREATE TEMP TABLE seen_grade (text TEXT PRIMARY KEY, grade TEXT) WITHOUT ROWID;
INSERT INTO seen_grade SELECT t.text, g.grade FROM (SELECT overall AS text FROM raw UNION SELECT leaders FROM raw UNION
    SELECT help FROM raw UNION SELECT in_care FROM raw UNION SELECT care_leavers FROM raw) t
    LEFT JOIN grade g ON g.text = lower(trim(replace(t.text, '  ', ' ')));
CREATE TEMP TABLE seen_date (text TEXT PRIMARY KEY, day TEXT) WITHOUT ROWID;
INSERT INTO seen_date SELECT text, CASE WHEN date(iso, '+0 days') = iso AND length(trim(text)) = 10 AND iso <= '@LATEST@' THEN iso END FROM
    (SELECT text, substr(trim(text), 7, 4) || '-' || substr(trim(text), 4, 2) || '-' || substr(trim(text), 1, 2) AS iso FROM
    (SELECT event_date AS text FROM raw UNION SELECT published FROM raw));

BEGIN;
INSERT OR IGNORE INTO evidence SELECT c.council, d.day, p.day, trim(r.url), coalesce(o.grade, ''), coalesce(l.grade, ''),
    coalesce(h.grade, ''), coalesce(i.grade, ''), coalesce(v.grade, ''), r.rowid FROM raw r
    JOIN seen_council c ON c.la_code = r.la_code AND c.name = r.name AND c.council IS NOT NULL
    JOIN seen_date d ON d.text = r.event_date AND d.day IS NOT NULL
    JOIN seen_date p ON p.text = r.published AND p.day IS NOT NULL
    JOIN seen_grade o ON o.text = r.overall JOIN seen_grade l ON l.text = r.leaders JOIN seen_grade h ON h.text = r.help
    JOIN seen_grade i ON i.text = r.in_care JOIN seen_grade v ON v.text = r.care_leavers;
INSERT INTO reject SELECT r.rowid, CASE WHEN c.council IS NULL THEN 'unknown_council' ELSE 'bad_date' END, r.name FROM raw r
    JOIN seen_council c ON c.la_code = r.la_code AND c.name = r.name JOIN seen_date d ON d.text = r.event_date
    JOIN seen_date p ON p.text = r.published WHERE c.council IS NULL OR d.day IS NULL OR p.day IS NULL;
INSERT INTO reject SELECT r.rowid, 'bad_value', g.text FROM seen_grade g JOIN raw r
    ON g.text IN (r.overall, r.leaders, r.help, r.in_care, r.care_leavers)
    JOIN seen_council c ON c.la_code = r.la_code AND c.name = r.name AND c.council IS NOT NULL
    JOIN seen_date d ON d.text = r.event_date AND d.day IS NOT NULL
    JOIN seen_date p ON p.text = r.published AND p.day IS NOT NULL WHERE g.grade IS NULL;
INSERT INTO level SELECT council, CASE overall WHEN 'inadequate' THEN 'intensive' WHEN 'requires_improvement' THEN 'watch'
    ELSE 'routine' END FROM (SELECT council, overall, max(event_day) FROM evidence GROUP BY council);
COMMIT;
