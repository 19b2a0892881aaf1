-- Who did what: written down before it is done, and what came of it afterwards.

ALTER TABLE audit ADD COLUMN key TEXT;
ALTER TABLE audit ADD COLUMN tasks INTEGER;
ALTER TABLE audit ADD COLUMN ended_at REAL;
UPDATE audit SET ended_at = at;
CREATE UNIQUE INDEX audit_by_key ON audit (key) WHERE key IS NOT NULL;

-- For the list of what was cancelled.
CREATE INDEX plans_cancelled ON plans (created_at) WHERE cancel_requested_at IS NOT NULL;

-- The tasks of a deed that was done to many. No foreign key on the plan: what was done to it is known when it is gone.
CREATE TABLE audit_tasks (
    plan_id  TEXT NOT NULL,
    audit_id INTEGER NOT NULL REFERENCES audit (id) ON DELETE CASCADE,
    problem  TEXT,
    PRIMARY KEY (plan_id, audit_id)
) WITHOUT ROWID;
CREATE INDEX audit_tasks_by_audit ON audit_tasks (audit_id, problem);

-- Searches with a name, for everybody who uses this service.
CREATE TABLE saved_searches (
    name     TEXT PRIMARY KEY COLLATE NOCASE,
    words    TEXT NOT NULL,
    saved_by TEXT NOT NULL,
    saved_at REAL NOT NULL
) WITHOUT ROWID;
