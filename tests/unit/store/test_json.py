"""JSON as it is stored and sent."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.secret import Secret
from smartdyn.store.json import NotSerializable, dumps, loads

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


class JsonTests(SynchronousTestCase):
    """L{dumps} always gives valid JSON, or says what is in the way."""

    @given(VALUES)
    def test_any_json_value_can_be_written(self, value: Any) -> None:
        """NaN, infinities, huge numbers and lone surrogates included."""
        json.loads(dumps(value), parse_constant=self.fail)

    @given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers(-(2**60), 2**60)))
    def test_what_was_written_is_read(self, value: dict[str, int]) -> None:
        """Reading gives back what was written."""
        self.assertEqual(loads(dumps(value)), value)

    def test_a_secret_is_hidden(self) -> None:
        """Also on the slow path."""
        self.assertEqual(dumps({"a": Secret("x")}), '{"a":"[hidden]"}')
        self.assertEqual(dumps({"a": Secret("x"), "b": 2**70}), f'{{"a":"[hidden]","b":{2**70}}}')

    def test_what_cannot_be_written_is_named(self) -> None:
        """With its place."""
        error = self.assertRaises(NotSerializable, dumps, {"a": [1, {"b": object()}]})
        self.assertEqual(error.path, "$.a[1].b")
