"""What settings may be, beyond their types: numbers that work, addresses that can be reached, names that exist."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "console_roles": ("viewer", "operator", "admin"),
    "log_format": ("text", "json"),
    "log_level": ("DEBUG", "INFO", "WARN", "ERROR", "FATAL", "UNKNOWN"),
    "log_levels": ("DEBUG", "INFO", "WARN", "ERROR", "FATAL", "UNKNOWN"),
}
"""What these may be; of C{console_roles} what the keys, of other mappings what the values may be."""

_VERSIONS: Final = ("1.0", "1.1", "1.2", "1.3")

_PORTS: Final = frozenset({"http_port", "https_port", "port"})
_LAST_PORT: Final = 65535

_AT_LEAST_ONE: Final = frozenset(
    {"queue_sizes", "ssh_connections_at_once", "ssh_connections_at_once_in_all", "ssh_sessions_per_connection"}
)
"""With none of them, work would wait for ever."""

_MORE_THAN_NOTHING: Final = frozenset({"kill_limit", "ssh_connect_timeout"})
"""Without time, nothing succeeds."""

_ADDRESSES: Final = frozenset({"core_url", "foreman_url"})

_NEEDED: Final = frozenset(
    {
        "backup_dir",
        "bind_host",
        "database",
        "listen",
        "log_file",
        "remote_working_dir",
        "ssh_config_file",
        "ssh_known_hosts_file",
    }
)
"""These cannot be empty; to have the default, one leaves them out."""


def value_problem(key: str, value: Any) -> str | None:
    """What is wrong with a value of the right type, as the rest of a sentence about it; None when it can be used."""
    if key in _NEEDED and not value:
        return "must not be empty; leave it out to have the default"
    if key in _ADDRESSES:
        return _address_problem(value)
    if key == "remote_working_dir" and not value.startswith("/"):
        return f"must be a whole path on the hosts, beginning with /, not {value!r}"
    numbers = value.values() if isinstance(value, dict) else (value,)
    wrong = next((text for number in numbers if (text := _number_problem(key, number))), None)
    return wrong or _choice_problem(key, value)


def without_effect(key: str, value: Any) -> list[str]:
    """Parts of a usable value that mean nothing: versions of TLS that there are not, as in the smart proxy."""
    return [each for each in value if each not in _VERSIONS] if key == "tls_disabled_versions" else []


def _choice_problem(key: str, value: Any) -> str | None:
    allowed = _CHOICES.get(key)
    if allowed is None:
        return None
    chosen: Iterable[str] = value if isinstance(value, dict) else (value,)
    if isinstance(value, dict) and key != "console_roles":
        chosen = value.values()
    wrong = next((each for each in chosen if each not in allowed), None)
    return None if wrong is None else f"has to be one of {', '.join(allowed)}, given {wrong}"


def _number_problem(key: str, value: Any) -> str | None:
    """Numbers that would only show later that nothing can be done with them."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if not math.isfinite(value):
        return f"must be a finite number, not {value}"
    if key in _PORTS and not 0 < value <= _LAST_PORT:
        return f"must be a port from 1 to {_LAST_PORT}, not {value}"
    if key in _AT_LEAST_ONE and value < 1:
        return f"must be at least 1, not {value}"
    if key in _MORE_THAN_NOTHING and value <= 0:
        return f"must be more than 0, not {value:g}"
    return f"must not be negative, given {value:g}" if value < 0 else None


def _address_problem(value: str) -> str | None:
    """An address is shown in the log and on pages, so it carries no password; what is wrong with it is not repeated."""
    if "@" in value.partition("//")[2].replace("?", "/").replace("#", "/").partition("/")[0]:
        return "must not have a user or a password in it; our certificate says who we are"
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    return None if usable else "must be an address such as https://foreman.example.org"
