"""The words in which tasks are searched for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.errors import InvalidRequest
from smartdyn.model.query import KEYS, RESULTS, STATES, TaskQuery, parse

NOW = 1_795_451_540.1
WORDS = st.text(alphabet=st.sampled_from('ab:"\\ *-._%é1')).filter(lambda word: word.strip() == word)
TERMS = st.one_of(
    st.tuples(st.sampled_from((*KEYS, "nope")), WORDS).map(":".join),
    st.sampled_from(STATES).map("state:{}".format),
    st.sampled_from(RESULTS).map("result:{}".format),
    st.sampled_from(("since:2h", "until:2026-11-25", "ended:1d", "since:@12.5", 'text:"permission denied"')),
    WORDS,
)
SEARCHES = st.one_of(st.text(max_size=60), st.lists(TERMS, max_size=6).map(" ".join))


class ParseTests(SynchronousTestCase):
    """L{parse}."""

    def test_all_keys(self) -> None:
        """Each key has its meaning; words without one are kept as they are."""
        text = (
            "state:failed state:paused result:error label:RunScript host:web* cause:unreachable parent:p since:2h "
            "id:0d5a1f9e request:1a2b queue:slow "
            'until:2026-11-25T14:30 ended:1h text:"permission denied" web3 "two words"'
        )
        self.assertEqual(
            parse(text, NOW),
            TaskQuery(
                states=("failed", "paused"),
                results=("error",),
                labels=("RunScript",),
                hosts=("web*",),
                causes=("unreachable",),
                ids=("0d5a1f9e",),
                requests=("1a2b",),
                queues=("slow",),
                parent="p",
                since=NOW - 7200,
                until=1_795_617_000.0,
                ended=NOW - 3600,
                texts=("permission denied",),
                words=("web3", "two words"),
            ),
        )

    def test_names_with_colons(self) -> None:
        """Labels and addresses may have them: only one colon behind a word makes a key of it."""
        found = parse("label:Proxy::RemoteExecution::RunScript fe80::1 foo::bar", NOW)
        self.assertEqual(found.labels, ("Proxy::RemoteExecution::RunScript",))
        self.assertEqual(found.words, ("fe80::1", "foo::bar"))

    def test_calls(self) -> None:
        """A key may be written like a function, also with a star, a space or a quotation mark in its value."""
        found = parse('host("web 1*") text("a \\"b\\"") state("failed") host:x', NOW)
        self.assertEqual((found.hosts, found.texts, found.states), (("web 1*", "x"), ('a "b"',), ("failed",)))
        self.assertEqual(parse("f(x)", NOW).words, ("f(x)",))

    def test_what_is_wrong_is_said(self) -> None:
        """An error names the place, and what may stand there."""
        for text, expected in (
            ("host:a state:bad", r"character 8: there is no state 'bad'; choose one of pending, .*failed"),
            ("  hots:a", r"character 3: there is no `hots:`; choose one of state, .*quotation marks"),
            ("host:", r"character 1: `host:` needs a value"),
            ('""', r"character 1: there is nothing between"),
            ('text:"open', r"character 6: a quotation mark"),
            ("text:--", r"character 1: `text:` needs a letter"),
            ("since:yesterday", r"character 1: a time is 30m, 2h, 7d, 2026-11-25"),
            ("since:1h since:2h", r"character 10: `since:` stands here for the second time"),
            ("a", r"character 1: a word needs at least 2 characters"),
            ("web\x00", r"character 1: this has characters that cannot be searched for"),
            ("ab " * 31, r"character 91: a search may have 30 terms"),
            ("x" * 1001, r"may have 1000 characters; this one has 1001"),
            ('host("a', r"character 6: a quotation mark"),
            ('hots("a")', r"character 1: there is no `hots:`"),
            ('host("")', r"character 1: `host:` needs a value"),
        ):
            with self.assertRaisesRegex(InvalidRequest, expected):
                parse(text, NOW)

    @given(SEARCHES)
    def test_any_text(self, text: str) -> None:
        """Any text is understood or refused with a reason; what was understood reads the same when it is printed."""
        try:
            found = parse(text, NOW)
        except InvalidRequest:
            return
        self.assertEqual(parse(str(found), NOW + 99), found)
