-- Events that steps are to get at a time: they outlive the service. No foreign key on the plan: an event for a plan that
-- is gone is found undeliverable when its time comes.
CREATE TABLE planned_events (
    id       TEXT PRIMARY KEY,
    plan_id  TEXT NOT NULL,
    step_id  INTEGER NOT NULL,
    event    TEXT NOT NULL,
    due_at   REAL NOT NULL,
    optional INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX planned_events_by_step ON planned_events (plan_id, step_id);

-- Plans that are to be planned later, with the arguments for their planning.
CREATE TABLE delayed_plans (
    plan_id      TEXT PRIMARY KEY REFERENCES plans (id) ON DELETE CASCADE,
    start_at     REAL,
    start_before REAL,
    frozen       INTEGER NOT NULL DEFAULT 0,
    args         TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX delayed_plans_by_start ON delayed_plans (start_at) WHERE frozen = 0;

CREATE TABLE plan_dependencies (
    plan_id    TEXT NOT NULL REFERENCES plans (id) ON DELETE CASCADE,
    blocked_by TEXT NOT NULL REFERENCES plans (id) ON DELETE CASCADE,
    PRIMARY KEY (plan_id, blocked_by)
) WITHOUT ROWID;
CREATE INDEX plan_dependencies_by_prerequisite ON plan_dependencies (blocked_by);

-- For the cleaner.
CREATE INDEX plans_by_end ON plans (ended_at) WHERE state = 'stopped';
