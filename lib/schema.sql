-- councilwatch.db, version 6. The assessor is its only writer.

-- Dimensions: texts that recur in evidence, by small numbers.
CREATE TABLE feed (
	id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
	polled INTEGER NOT NULL DEFAULT 0, last_success INTEGER, outage_since INTEGER, detail TEXT NOT NULL DEFAULT '');
CREATE TABLE council (id INTEGER PRIMARY KEY, council_id TEXT NOT NULL UNIQUE);
CREATE TABLE source (id INTEGER PRIMARY KEY, publisher TEXT NOT NULL, tier INTEGER NOT NULL, UNIQUE (publisher, tier));

-- One row per committed document. sightings: ranges of evidence.rowno that the document states. ord: the place in the order of
-- dispatch at which it was committed last; a document that is read again has another. parser: the version that read it last; '' = an
-- older one than 3 of this table. submitted_by: who handed it in, as the system or his key says; '' = it was fetched, or nobody knows.
CREATE TABLE document (
	id INTEGER PRIMARY KEY, inbox_id INTEGER NOT NULL, feed INTEGER NOT NULL REFERENCES feed, sha256 BLOB NOT NULL,
	fetched_at INTEGER NOT NULL, url TEXT NOT NULL, flags INTEGER NOT NULL, committed_at INTEGER NOT NULL,
	outcome INTEGER NOT NULL, rows INTEGER NOT NULL, evidence INTEGER NOT NULL, new_evidence INTEGER NOT NULL,
	quarantined INTEGER NOT NULL, alerts INTEGER NOT NULL, last_seq INTEGER NOT NULL, reasons BLOB NOT NULL,
	detail TEXT NOT NULL, sightings BLOB NOT NULL, ord INTEGER NOT NULL, parser TEXT NOT NULL DEFAULT '',
	submitted_by TEXT NOT NULL DEFAULT '', UNIQUE (feed, sha256, fetched_at));
CREATE INDEX document_by_time ON document (feed, fetched_at);

-- Identity is the whole key; it is clustered by council, kind, date and feed, so that a bulk import fills
-- pages in order. content is a hash over all that the statement says.
CREATE TABLE evidence (
	council INTEGER NOT NULL, kind INTEGER NOT NULL, event_day INTEGER NOT NULL, feed INTEGER NOT NULL,
	key BLOB NOT NULL, content BLOB NOT NULL, rowno INTEGER NOT NULL, document INTEGER NOT NULL,
	source INTEGER NOT NULL, fetched_at INTEGER NOT NULL, published_at INTEGER, row INTEGER NOT NULL,
	url TEXT NOT NULL, title TEXT NOT NULL, quote TEXT NOT NULL, vals BLOB NOT NULL,
	PRIMARY KEY (council, kind, event_day, feed, key, content)) WITHOUT ROWID;

-- Quarantine: one row per distinct reject, shown with the earliest document that has it, and which documents have it. times
-- counts those. Its number is never used again. One that a person dropped stays, whoever still has it.
CREATE TABLE reject (
	id INTEGER PRIMARY KEY AUTOINCREMENT, feed INTEGER NOT NULL, reason INTEGER NOT NULL, field TEXT NOT NULL,
	text TEXT NOT NULL, detail TEXT NOT NULL, row INTEGER NOT NULL, document INTEGER NOT NULL, first_seen INTEGER NOT NULL,
	last_seen INTEGER NOT NULL, times INTEGER NOT NULL, dropped_at INTEGER, dropped_by TEXT, dropped_why TEXT,
	UNIQUE (feed, reason, field, text, detail));
CREATE TABLE reject_document (
	document INTEGER NOT NULL, reject INTEGER NOT NULL, row INTEGER NOT NULL, PRIMARY KEY (document, reject)) WITHOUT ROWID;
CREATE INDEX reject_document_by_reject ON reject_document (reject);

CREATE TABLE stage (
	document INTEGER NOT NULL, sequence INTEGER NOT NULL, rejects INTEGER NOT NULL, count INTEGER NOT NULL,
	data BLOB NOT NULL, PRIMARY KEY (document, sequence));

CREATE TABLE alert (
	seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind INTEGER NOT NULL, time INTEGER NOT NULL,
	council_id TEXT, topic TEXT NOT NULL, topic_level TEXT, json TEXT NOT NULL);

-- Ids of changes that are no news: they follow from what was known before, with constants that came later.
CREATE TABLE silent (id TEXT PRIMARY KEY) WITHOUT ROWID;

CREATE INDEX alert_by_council ON alert (council_id) WHERE council_id IS NOT NULL;

CREATE TABLE level (council_id TEXT PRIMARY KEY, level INTEGER NOT NULL, next_day INTEGER, json TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX level_by_next_day ON level (next_day) WHERE next_day IS NOT NULL;

CREATE TABLE meta (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
