"""For tests of actions: a whole engine in memory whose clock stands still, without a reactor.

Everything here happens at once: what an engine does is done when the call that caused it returns. Time passes when a
test says so.
"""

from smartdyn.testing.actions import ActionCall, call_finalize, call_run, plan
from smartdyn.testing.case import ActionTestCase
from smartdyn.testing.engine import Engine, NotDone, done

__all__ = ["ActionCall", "ActionTestCase", "Engine", "NotDone", "call_finalize", "call_run", "done", "plan"]
