"""What was found, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby

from smartdyn import __version__
from smartdyn.doctor.verdict import Finding, Status

_MARKS = {Status.OK: "ok", Status.NOT_APPLICABLE: "-", Status.WARNING: "WARNING", Status.ERROR: "ERROR"}
_BAD = (Status.ERROR, Status.WARNING)


def table(findings: Sequence[Finding], *, everything: bool = False) -> str:
    """A line for each problem and one for its fix, then a summary.

    @param everything: also what is well, and what there is nothing to say of.
    """
    lines = []
    for kind, found in groupby(findings, lambda each: each.kind):
        shown = [each for each in found if everything or each.verdict.status in _BAD]
        if shown:
            lines.append(kind)
        for each in shown:
            lines.append(f"  {_MARKS[each.verdict.status]:7}  {each.id}: {each.verdict.text}")
            if each.verdict.fix:
                lines.append(f"           {each.verdict.fix}")
    counts = _counts(findings)
    summary = f"{len(findings)} checks: {counts['ok']} ok, {counts['warning']} warnings, {counts['error']} errors"
    return "\n".join([*lines, f"{summary}, {counts['not applicable']} not applicable."]) + "\n"


def as_json(findings: Sequence[Finding]) -> str:
    """One object: C{version}, C{summary} with a number for each status, and C{checks}."""
    checks = [
        {
            "id": each.id,
            "kind": each.kind,
            "title": each.title,
            "status": each.verdict.status.value,
            "text": each.verdict.text,
            "fix": each.verdict.fix,
        }
        for each in findings
    ]
    return json.dumps({"version": __version__, "summary": _counts(findings), "checks": checks}, indent=2) + "\n"


def is_clean(findings: Sequence[Finding]) -> bool:
    """Is there no error?"""
    return not any(each.verdict.status is Status.ERROR for each in findings)


def _counts(findings: Sequence[Finding]) -> dict[str, int]:
    return {status.value: sum(each.verdict.status is status for each in findings) for status in Status}
