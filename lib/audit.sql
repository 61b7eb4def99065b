-- audit.db, version 1. It only grows: each table has triggers that refuse every change and removal, and a row that would take the
-- place of another (INSERT OR REPLACE removes without asking the trigger for removal).
CREATE TABLE audit (
	seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, uid INTEGER NOT NULL, account TEXT NOT NULL,
	sudo TEXT NOT NULL, via TEXT NOT NULL, action TEXT NOT NULL, council_id TEXT NOT NULL, feed TEXT NOT NULL,
	document TEXT NOT NULL, detail TEXT NOT NULL, key TEXT NOT NULL, hash BLOB NOT NULL);
CREATE UNIQUE INDEX audit_by_key ON audit (key) WHERE key <> '';
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
	BEGIN SELECT RAISE(ABORT, 'the audit log only grows: a row cannot be changed'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
	BEGIN SELECT RAISE(ABORT, 'the audit log only grows: a row cannot be removed'); END;
CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit
	WHEN NEW.seq <= (SELECT coalesce(max(seq), 0) FROM audit) OR (NEW.key <> '' AND EXISTS (SELECT 1 FROM audit WHERE key = NEW.key))
	BEGIN SELECT RAISE(ABORT, 'the audit log only grows: a row cannot be replaced'); END;

-- The configurations that were in force, by the hash of what is stored.
CREATE TABLE config (id INTEGER PRIMARY KEY AUTOINCREMENT, hash TEXT NOT NULL UNIQUE, text TEXT NOT NULL);
CREATE TRIGGER config_no_update BEFORE UPDATE ON config
	BEGIN SELECT RAISE(ABORT, 'the audit log only grows: a configuration cannot be changed'); END;
CREATE TRIGGER config_no_delete BEFORE DELETE ON config
	BEGIN SELECT RAISE(ABORT, 'the audit log only grows: a configuration cannot be removed'); END;
CREATE TRIGGER config_no_replace BEFORE INSERT ON config
	WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM config) OR EXISTS (SELECT 1 FROM config WHERE hash = NEW.hash)
	BEGIN SELECT RAISE(ABORT, 'the audit log only grows: a configuration cannot be replaced'); END;
