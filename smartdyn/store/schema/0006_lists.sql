-- For lists in other orders than that of creation, of the tasks that no other one started, and of those of a request.

CREATE INDEX plans_by_start ON plans (started_at, created_at);
CREATE INDEX plans_by_duration ON plans ((ended_at - started_at)) WHERE state = 'stopped' AND started_at IS NOT NULL;
CREATE INDEX plans_without_parent ON plans (result, created_at) WHERE caller_plan_id IS NULL;
CREATE INDEX plans_by_request ON plans (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX steps_by_queue ON steps (queue) WHERE queue IS NOT NULL;

-- Tasks of which the one that started them is gone.
UPDATE plans SET caller_plan_id = NULL, caller_action_id = NULL
WHERE caller_plan_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM plans AS parent WHERE parent.id = plans.caller_plan_id);

-- Those without a host have their place in the order of hosts, too.
DROP INDEX plans_by_host;
CREATE INDEX plans_by_host ON plans (host, created_at);

-- How many of the tasks that one launched are in which state is counted in the index alone.
CREATE INDEX plans_by_parent_state ON plans (caller_plan_id, state, result, cancel_requested_at)
WHERE caller_plan_id IS NOT NULL;

-- When a step heard that somebody wants it, and not its whole task, to end.
ALTER TABLE steps ADD COLUMN cancelled_at REAL;
