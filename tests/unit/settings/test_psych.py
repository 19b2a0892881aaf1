"""YAML as Ruby reads it, compared with what Psych has made of thousands of texts."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smartdyn.settings.document import Malformed, parse
from smartdyn.settings.scalars import Symbol, meaning

_CASES = json.loads(Path(__file__).with_name("psych").joinpath("cases.json").read_text())
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def encoded(value: Any) -> Any:
    """As the table has it."""
    if isinstance(value, Symbol):
        return {"symbol": str(value)}
    if isinstance(value, float):
        return {"float": value}
    if isinstance(value, datetime):
        since = value - _EPOCH
        return {"time": Fraction(since.days * 86400 + since.seconds) + Fraction(since.microseconds, 10**6)}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    if isinstance(value, list):
        return [encoded(each) for each in value]
    if isinstance(value, dict):
        return {"map": [[encoded(key), encoded(each)] for key, each in value.items()]}
    return value


def decoded(value: Any) -> Any:
    """A value of the table with numbers as they are compared."""
    if isinstance(value, list):
        return [decoded(each) for each in value]
    if isinstance(value, dict):
        if "float" in value:
            return {"float": float(value["float"].replace("Infinity", "inf"))}
        if "time" in value:
            exact = Fraction(value["time"])
            return {"time": Fraction(int(exact * 10**6), 10**6)}
        return {key: decoded(each) for key, each in value.items()}
    return value


class PsychTests(SynchronousTestCase):
    """L{parse}, and the table."""

    def test_all_are_read_alike(self) -> None:
        """Each text has the value that it has in Ruby, of the same type, or is refused when Ruby refuses it."""
        wrong = []
        for case in _CASES["alike"]:
            expected: Any = "refused" if "error" in case else decoded(case["value"])
            try:
                found = encoded(parse(case["text"]).value)
            except Malformed:
                found = "refused"
            if repr(found) != repr(expected):
                wrong.append(f"{case['text']!r}: {found!r}, in Ruby {expected!r}")
        self.assertEqual(wrong, [], f"{len(wrong)} differ:\n" + "\n".join(wrong[:80]))

    def test_objects_are_refused(self) -> None:
        """Tags that ask for an object are refused, with their place and the tag as it was written."""
        for text in _CASES["refused"]:
            error = self.assertRaises(Malformed, parse, text)
            reasons = ("is not allowed in settings", "within itself", "is no name of a setting")
            self.assertTrue(any(reason in str(error) for reason in reasons), text)
        error = self.assertRaises(Malformed, parse, "a: 1\nb:\n  - !ruby/object:Gem::Installer {}\n")
        self.assertEqual((error.line, error.column), (3, 5))
        self.assertIn("!ruby/object:Gem::Installer", str(error))

    def test_aliases_cannot_fill_the_memory(self) -> None:
        """A small file that stands for billions of values is refused."""
        lines = ["a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9]"]
        lines.extend(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))
        self.assertIn("too large", str(self.assertRaises(Malformed, parse, "\n".join(lines))))

    def test_the_places_of_keys(self) -> None:
        """Each key has its line, also those that are replaced and those that are merged."""
        pairs = parse("---\na: 1\n\n:b: 2\na: 3\n<<: {c: 4}\n").pairs or ()
        found = [(each.key, each.value, each.line) for each in pairs]
        self.assertEqual(found, [("a", 1, 2), (Symbol("b"), 2, 4), ("a", 3, 5), ("c", 4, 6)])

    def test_a_byte_order_mark(self) -> None:
        """Is passed over, also before C{---}, which Psych stumbles over."""
        self.assertEqual(parse("\ufeff---\na: 1\n").value, {"a": 1})

    @given(st.text(max_size=40))
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        """Nothing but L{Malformed} comes out, with a place."""
        try:
            parse(text)
        except Malformed as error:
            self.assertGreater(min(error.line, error.column), 0)

    @given(st.text("0123456789abxoeE.:_,-+~ tnyf", max_size=12))
    def test_any_scalar_means_something(self, text: str) -> None:
        """Or looks like a number and is none."""
        try:
            meaning(text)
        except ValueError:
            return

    @given(st.integers())
    def test_numbers_are_what_they_are(self, number: int) -> None:
        """In decimal, hexadecimal and octal."""
        sign, size = ("-", -number) if number < 0 else ("", number)
        for text in (f"{sign}{size}", f"{sign}0x{size:x}", f"{sign}0b{size:b}", f"{sign}0{size:o}"):
            self.assertEqual(meaning(text), number)
