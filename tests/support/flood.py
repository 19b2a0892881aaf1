"""A script that prints very many lines once it is told to."""

from __future__ import annotations

from collections.abc import Mapping

LAST = "the needle in the haystack"
"""The last of its lines."""

_AT_ONCE = 500
_SCRIPT = r"""#!/bin/bash
until [ -e {begin} ]; do sleep 0.1; done
for ((from = 1; from < {lines}; from += {at_once})); do
  to=$((from + {at_once} - 1)); ((to < {lines})) || to=$(({lines} - 1))
  seq -f $'%.0f: copying \e[32mok\e[0m, done' $from $to{changed}; sleep {pause}
done
echo '{last}'
sleep 600
"""


def script(
    begin: str, lines: int, *, at_once: int = _AT_ONCE, pause: float = 0.0, texts: Mapping[int, str] | None = None
) -> str:
    """Its text.

    @param begin: a file; it begins when there is one.
    @param at_once: lines after which it sleeps for C{pause} seconds.
    @param texts: what stands in some lines instead of what stands in all, by their numbers; for C{sed}.
    """
    changed = "".join(f" -e $'s/^{number}: .*/{text}/'" for number, text in (texts or {}).items())
    return _SCRIPT.format(
        begin=begin,
        lines=lines,
        at_once=at_once,
        pause=pause,
        changed=f" | sed{changed}" if changed else "",
        last=LAST,
    )
