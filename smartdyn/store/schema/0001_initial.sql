-- Times are seconds since the epoch, UTC. JSON columns hold text. Nothing here needs SQLite newer than 3.34 (EL9).

CREATE TABLE worlds (
    id          TEXT PRIMARY KEY,
    hostname    TEXT NOT NULL,
    pid         INTEGER NOT NULL,
    started_at  REAL NOT NULL,
    stopped_at  REAL
);

CREATE TABLE plans (
    id                  TEXT PRIMARY KEY,
    label               TEXT,
    state               TEXT NOT NULL,
    result              TEXT NOT NULL,
    root_plan_step_id   INTEGER,
    run_flow            TEXT NOT NULL,
    finalize_flow       TEXT NOT NULL,
    step_ids            TEXT NOT NULL,
    created_at          REAL NOT NULL,
    started_at          REAL,
    ended_at            REAL,
    execution_time      REAL NOT NULL DEFAULT 0,
    real_time           REAL NOT NULL DEFAULT 0,
    history             TEXT NOT NULL,
    caller_plan_id      TEXT,
    caller_action_id    INTEGER,
    host                TEXT,
    request_id          TEXT,
    owner               TEXT,
    launch_digest       BLOB,
    cancel_requested_at REAL,
    begun_at            REAL
);
CREATE INDEX plans_by_state ON plans (state, created_at);
CREATE INDEX plans_by_created ON plans (created_at);
CREATE INDEX plans_by_caller ON plans (caller_plan_id, caller_action_id) WHERE caller_plan_id IS NOT NULL;
CREATE INDEX plans_by_host ON plans (host, created_at) WHERE host IS NOT NULL;
CREATE INDEX plans_by_result ON plans (result, created_at);
CREATE INDEX plans_by_label ON plans (label, created_at);
CREATE INDEX plans_unfinished ON plans (owner) WHERE state <> 'stopped';

CREATE TABLE steps (
    plan_id         TEXT NOT NULL REFERENCES plans (id) ON DELETE CASCADE,
    id              INTEGER NOT NULL,
    kind            TEXT NOT NULL,
    action_id       INTEGER NOT NULL,
    action_class    TEXT NOT NULL,
    state           TEXT NOT NULL,
    error           TEXT,
    queue           TEXT,
    children        TEXT NOT NULL DEFAULT '[]',
    started_at      REAL,
    ended_at        REAL,
    execution_time  REAL NOT NULL DEFAULT 0,
    real_time       REAL NOT NULL DEFAULT 0,
    progress_done   REAL NOT NULL DEFAULT 0,
    progress_weight REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (plan_id, id)
) WITHOUT ROWID;

CREATE TABLE actions (
    plan_id          TEXT NOT NULL REFERENCES plans (id) ON DELETE CASCADE,
    id               INTEGER NOT NULL,
    class_name       TEXT NOT NULL,
    caller_plan_id   TEXT,
    caller_action_id INTEGER,
    plan_step_id     INTEGER NOT NULL,
    run_step_id      INTEGER,
    finalize_step_id INTEGER,
    input            TEXT NOT NULL,
    output           TEXT NOT NULL,
    PRIMARY KEY (plan_id, id)
);

CREATE TABLE output_chunks (
    plan_id     TEXT NOT NULL REFERENCES plans (id) ON DELETE CASCADE,
    action_id   INTEGER NOT NULL,
    position    INTEGER NOT NULL,
    type        TEXT NOT NULL,
    timestamp   REAL NOT NULL,
    text        TEXT NOT NULL,
    external_id TEXT,
    offset      INTEGER,
    PRIMARY KEY (plan_id, action_id, position)
) WITHOUT ROWID;

CREATE TABLE sealed_secrets (
    plan_id   TEXT NOT NULL REFERENCES plans (id) ON DELETE CASCADE,
    action_id INTEGER NOT NULL,
    sealed    BLOB NOT NULL,
    PRIMARY KEY (plan_id, action_id)
) WITHOUT ROWID;

CREATE TABLE one_time_passwords (
    plan_id    TEXT PRIMARY KEY REFERENCES plans (id) ON DELETE CASCADE,
    digest     BLOB NOT NULL,
    created_at REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE callbacks (
    id              INTEGER PRIMARY KEY,
    plan_id         TEXT NOT NULL REFERENCES plans (id) ON DELETE CASCADE,
    action_id       INTEGER NOT NULL,
    data_action_id  INTEGER,
    callback        TEXT NOT NULL,
    data            TEXT,
    request_id      TEXT,
    state           TEXT NOT NULL DEFAULT 'pending',
    attempts        INTEGER NOT NULL DEFAULT 0,
    created_at      REAL NOT NULL,
    next_attempt_at REAL NOT NULL,
    last_error      TEXT,
    delivered_at    REAL,
    UNIQUE (plan_id, action_id)
);
CREATE INDEX callbacks_due ON callbacks (next_attempt_at) WHERE state = 'pending';
