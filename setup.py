"""Metadata and dependencies; the tools are configured in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
VERSION = re.search(r'__version__ = "([^"]+)"', (ROOT / "smartdyn/__init__.py").read_text())[1]

setup(
    name="smartdyn",
    version=VERSION,
    description="Durable workflows and remote execution for the proxy hosts of Foreman",
    long_description=(ROOT / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="GPL-3.0-or-later",
    python_requires=">=3.11",
    # twisted/plugins has no __init__.py on purpose: it is a part of Twisted's own plugin package, found by path
    packages=[*find_packages(include=["smartdyn", "smartdyn.*"]), "twisted.plugins"],
    package_data={
        "smartdyn.store": ["schema/*.sql"],
        "smartdyn.rex": ["*.sh"],
        "smartdyn.doctor": ["*.sh"],
        "smartdyn.web.console": ["templates/*.html", "static/*"],
    },
    install_requires=[
        "twisted[tls]>=26.10",
        "klein>=24.8",
        "treq>=26.7",
        "bcrypt>=5.0",
        "cryptography>=50.0",
        "jinja2>=3.1.6",
        "msgspec>=0.22",
        "prometheus_client>=0.26",
        "pyyaml>=6.0.3",
        "regex>=2026.1.15",
        "shtab>=1.13",
    ],
    extras_require={
        "kerberos": ["gssapi>=1.9"],
        "test": ["hypothesis>=6.170", "schemathesis>=4.32"],
        "lint": ["mypy>=2.4", "mypy-zope>=1.0.17", "ruff>=0.17.6", "types-PyYAML>=6.0.12", "types-regex>=2025.1"],
        "dist": ["argparse-manpage>=4.8", "build>=1.2", "shiv>=1.0.8", "setuptools>=77", "wheel>=0.45"],
    },
    entry_points={"console_scripts": ["smartdyn = smartdyn.cli.main:main"]},
    zip_safe=False,
)
