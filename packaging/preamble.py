"""Runs before smartdyn.pyz does anything else."""

import sys

if not (3, 11) <= sys.version_info[:2] <= (3, 14):
    sys.exit("smartdyn.pyz holds libraries for Python 3.11 to 3.14; call it with one of them: python3.11 smartdyn.pyz")
