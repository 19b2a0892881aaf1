"""The example, tested with the kit that comes with smartdyn."""

from __future__ import annotations

from smartdyn_example import ACTIONS, Prepare, Repository, UpdateHost, UpdateHosts

from smartdyn.model.states import PlanResult, PlanState
from smartdyn.testing import ActionTestCase, Engine, call_run, plan

INPUT = {"hosts": ["a.example", "b.example", "c.example"], "packages": ["bash", "vim"]}


class ExampleTests(ActionTestCase):
    """Updates."""

    def setUp(self) -> None:
        self.repository = Repository({})
        self.engine = Engine(ACTIONS, resources={Repository: self.repository})

    def test_plan(self) -> None:
        """The packages are prepared before any host is updated."""
        made = plan(UpdateHosts, INPUT, engine=self.engine)
        self.assertPlanned(made, Prepare, {"packages": ["bash", "vim"]})
        self.assertRuns(made, UpdateHosts)

    def test_one_call(self) -> None:
        """The first call asks for the packages and plans to look again after a second."""
        ran = call_run(Prepare, {"packages": ["bash"]}, resources={Repository: self.repository})
        self.assertEqual(ran.output["task"], {"bash": 0})
        self.assertEqual([delay for _, delay in ran.events], [1])

    def test_from_start_to_end(self) -> None:
        """All hosts are updated when the packages are there."""
        task = self.engine.trigger(UpdateHosts, INPUT)
        self.engine.advance(60)
        self.assertEqual(self.engine.state(task), PlanState.RUNNING)
        self.repository.prepared.update(bash=100, vim=100)
        self.engine.advance(10)
        self.assertSucceeded(self.engine, task)

    def test_a_crash_changes_nothing(self) -> None:
        """Whoever waits goes on waiting in the next life of the service."""
        task = self.engine.trigger(UpdateHosts, INPUT)
        self.engine = self.engine.crash()
        self.repository.prepared.update(bash=100, vim=100)
        self.engine.advance(10)
        self.assertSucceeded(self.engine, task)

    def test_bad_input(self) -> None:
        """Is refused when the work is accepted, with the place of what is wrong."""
        task = self.engine.trigger(UpdateHost, {"host": "a.example", "packages": "bash"})
        self.assertEnded(self.engine, task, PlanState.STOPPED, PlanResult.ERROR)
        self.assertIn("$.packages", self.engine.errors(task)[0])
