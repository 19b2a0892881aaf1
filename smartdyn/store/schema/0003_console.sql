-- What the console needs to find plans and to explain them.

-- Each host and label that occurs, so that a part of a name is looked for in thousands of names, not in millions of plans.
CREATE TABLE plan_names (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;
INSERT INTO plan_names SELECT DISTINCT 'host', host FROM plans WHERE host IS NOT NULL;
INSERT INTO plan_names SELECT DISTINCT 'label', label FROM plans WHERE label IS NOT NULL;
CREATE TRIGGER plan_names_of_new AFTER INSERT ON plans BEGIN
    INSERT OR IGNORE INTO plan_names SELECT 'host', NEW.host WHERE NEW.host IS NOT NULL;
    INSERT OR IGNORE INTO plan_names SELECT 'label', NEW.label WHERE NEW.label IS NOT NULL;
END;
CREATE TRIGGER plan_names_of_planned AFTER UPDATE OF host, label ON plans BEGIN
    INSERT OR IGNORE INTO plan_names SELECT 'host', NEW.host WHERE NEW.host IS NOT NULL;
    INSERT OR IGNORE INTO plan_names SELECT 'label', NEW.label WHERE NEW.label IS NOT NULL;
END;
CREATE TRIGGER plan_names_of_deleted AFTER DELETE ON plans BEGIN
    DELETE FROM plan_names
    WHERE kind = 'host' AND name = OLD.host AND NOT EXISTS (SELECT 1 FROM plans WHERE host = OLD.host);
    DELETE FROM plan_names
    WHERE kind = 'label' AND name = OLD.label AND NOT EXISTS (SELECT 1 FROM plans WHERE label = OLD.label);
END;
CREATE INDEX plans_by_parent ON plans (caller_plan_id, created_at) WHERE caller_plan_id IS NOT NULL;

-- What is found out about plans after they stopped: why they failed (cause, NULL when they did not), and the words of
-- their output. The index has no copy of the text: before a plan is deleted, its text is read again.
ALTER TABLE plans ADD COLUMN digested INTEGER NOT NULL DEFAULT 0;
CREATE INDEX plans_undigested ON plans (ended_at) WHERE state = 'stopped' AND digested = 0;
CREATE TABLE digests (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    plan_id  TEXT NOT NULL UNIQUE REFERENCES plans (id) ON DELETE CASCADE,
    ended_at REAL NOT NULL,
    cause    TEXT
);
CREATE INDEX digests_by_cause ON digests (cause, ended_at, plan_id) WHERE cause IS NOT NULL;
CREATE VIRTUAL TABLE output_words USING fts5(text, content = '', tokenize = 'unicode61 remove_diacritics 2');

-- For the state of the reports to Foreman.
CREATE INDEX callbacks_by_state ON callbacks (state, created_at);

-- Who did what to tasks. It is kept when they are deleted.
CREATE TABLE audit (
    id      INTEGER PRIMARY KEY,
    at      REAL NOT NULL,
    who     TEXT NOT NULL,
    address TEXT,
    via     TEXT NOT NULL,
    what    TEXT NOT NULL,
    subject TEXT NOT NULL,
    outcome TEXT NOT NULL
);
CREATE INDEX audit_by_subject ON audit (subject, id);
CREATE INDEX audit_by_time ON audit (at);
