"""What Foreman's answers ask for."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from smartdyn.foreman.client import retry_after

DATE = "Fri, 31 Dec 1999 23:59:00 GMT"


class RetryAfterTests(SynchronousTestCase):
    """L{retry_after}."""

    def test_how_long_to_wait(self) -> None:
        """In seconds, or until a time of day by the clock of whoever answers; anything else asks for nothing."""
        for given, date, seconds in (
            ("7", None, 7.0),
            ("Sat, 01 Jan 2000 00:00:30 GMT", DATE, 90.0),
            ("Fri, 31 Dec 1999 23:00:00 GMT", DATE, 0.0),
            ("Sat, 01 Jan 2000 00:00:30 GMT", None, None),
            ("Sat, 01 Jan 2000 00:00:30 GMT", "yesterday", None),
            ("Sat, 01 Jan 2000 00:00:30 -0000", DATE, None),
            ("soon", DATE, None),
            ("nan", DATE, None),
            ("inf", DATE, None),
            ("9" * 400, DATE, None),
            (b"\xff", DATE, None),
            (None, DATE, None),
        ):
            headers = Headers()
            for name, value in ((b"retry-after", given), (b"date", date)):
                if value is not None:
                    headers.setRawHeaders(name, [value if isinstance(value, bytes) else value.encode()])
            self.assertEqual(retry_after(headers), seconds, given)
