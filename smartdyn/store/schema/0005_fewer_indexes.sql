-- These cost something with each plan, and nothing is found by them: plans_by_state has those that are not over, and
-- plans_by_parent those that an action started.

DROP INDEX plans_unfinished;
DROP INDEX plans_by_caller;
