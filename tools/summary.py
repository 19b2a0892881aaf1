"""Adds up the closing lines of trial runs, for machines that read one plain line."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

_CLOSING = re.compile(r"^(PASSED|FAILED)(?: \((.*)\))?\s*$")
_COUNT = re.compile(r"(\w+)=(\d+)")


def add_up(lines: Iterable[str]) -> Counter[str]:
    """How many tests came out how, over all runs in a log.

    A run that closes without a count of successes has none, so a log without closing lines counts nothing.
    """
    total: Counter[str] = Counter()
    for line in lines:
        closing = _CLOSING.match(line)
        if closing:
            total.update({name: int(count) for name, count in _COUNT.findall(closing[2] or "")})
    return total


def summary(total: Counter[str]) -> str:
    """The plain line."""
    failed = total["failures"] + total["errors"] + total["unexpectedSuccesses"]
    text = f"{total['successes'] + total['expectedFailures']} passed, {failed} failed"
    return f"{text}, {total['skips']} skipped" if total["skips"] else text


def main(path: str) -> int:
    """Print the line; the exit status says whether something was run and nothing failed."""
    text = summary(add_up(Path(path).read_text(encoding="utf-8", errors="replace").splitlines()))
    print(text)
    return 0 if not text.startswith("0 passed") and ", 0 failed" in text else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
