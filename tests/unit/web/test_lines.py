"""Lines are numbered the same however they are read, and none is lost or doubled."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.errors import InvalidRequest
from smartdyn.model.views import OutputChunk
from smartdyn.web.console import line_index
from smartdyn.web.console.line_index import LineIndex, count_lines, locate
from smartdyn.web.console.lines import START, Line, LineReader, Mark, parse_mark

CHUNKS = st.lists(
    st.tuples(st.sampled_from(["stdout", "stderr", "debug"]), st.text("ab\n\r<\x1b[31m;0", max_size=12)), max_size=12
).map(lambda parts: [OutputChunk(n, kind, float(n), text) for n, (kind, text) in enumerate(parts)])


def read(chunks: list[OutputChunk], mark: Mark = START) -> list[Line]:
    """All lines from C{mark} on."""
    reader = LineReader(mark)
    lines = list(reader.feed(chunk for chunk in chunks if chunk.position >= mark.position))
    return [*lines, *reader.finish()]


class LineTests(SynchronousTestCase):
    """From chunks to lines."""

    def test_lines_go_across_chunks(self) -> None:
        """A line may come in pieces; another kind of output begins a line of its own."""
        chunks = [
            OutputChunk(0, "stdout", 1.0, "one\ntw"),
            OutputChunk(1, "stdout", 2.0, "o"),
            OutputChunk(2, "stderr", 3.0, "oops\n"),
            OutputChunk(3, "stdout", 4.0, "three"),
        ]
        found = [(line.number, line.type, line.at, line.raw) for line in read(chunks)]
        self.assertEqual(
            found,
            [
                (1, "stdout", 1.0, "one"),
                (2, "stdout", 1.0, "two"),
                (3, "stderr", 3.0, "oops"),
                (4, "stdout", 4.0, "three"),
            ],
        )

    def test_a_mark_is_checked(self) -> None:
        """What no page of ours has written is refused."""
        for text in ("", "1", "x.y.z.", "1.2.3.<script>", "-1.0.0."):
            self.assertRaises(InvalidRequest, parse_mark, text)

    @given(CHUNKS)
    def test_nothing_is_lost(self, chunks: list[OutputChunk]) -> None:
        """All that each kind of output said is in its lines, in its order."""
        for kind in ("stdout", "stderr", "debug"):
            sent = "".join(chunk.text for chunk in chunks if chunk.type == kind).replace("\n", "")
            self.assertEqual("".join(line.raw for line in read(chunks) if line.type == kind), sent)

    @given(CHUNKS, st.data())
    def test_reading_goes_on_exactly(self, chunks: list[OutputChunk], data: st.DataObject) -> None:
        """Who begins again at a mark, as text, gets the same lines as who never stopped."""
        cut = data.draw(st.integers(0, len(chunks)))
        reader = LineReader()
        before = list(reader.feed(chunks[:cut]))
        self.assertEqual([*before, *read(chunks, parse_mark(str(reader.mark)))], read(chunks))

    @given(CHUNKS, st.integers(1, 20))
    def test_counting_agrees_with_reading(self, chunks: list[OutputChunk], wanted: int) -> None:
        """Lines are counted and found without being made."""
        lines = read(chunks)
        self.assertEqual(count_lines(chunks), len(lines))
        found = read(chunks, locate(chunks, wanted))
        expected = lines[wanted - 1 :]
        self.assertEqual([(line.number, line.raw) for line in found], [(line.number, line.raw) for line in expected])

    @given(CHUNKS, st.integers(1, 20), st.integers(1, 4), st.data())
    def test_what_is_remembered_agrees(
        self, chunks: list[OutputChunk], wanted: int, apart: int, data: st.DataObject
    ) -> None:
        """An output that is looked at again when it has grown has the same lines at the same places."""
        self.patch(line_index, "_APART", apart)
        index = LineIndex()
        cut = data.draw(st.integers(0, len(chunks)))
        for seen in (chunks[:cut], chunks):
            index.grow(seen)
            self.assertEqual(index.total, count_lines(seen))
            place = index.before(wanted)
            rest = [chunk for chunk in seen if chunk.position >= place.position]
            found = [(line.number, line.raw) for line in read(seen, locate(rest, wanted, place))]
            self.assertEqual(found, [(line.number, line.raw) for line in read(seen)[wanted - 1 :]])
