"""Settings, and the files that they name."""

from __future__ import annotations

import pwd
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from smartdyn.doctor.context import Context
from smartdyn.errors import SettingsError
from smartdyn.pem import certificates
from smartdyn.settings.load import settings_files
from smartdyn.settings.schema import KNOWN_ELSEWHERE, TYPES, Settings
from smartdyn.support.case import Case, Collector, Piece

_CERTIFICATES: Final = ("ssl_certificate", "ssl_ca_file", "foreman_ssl_cert", "foreman_ssl_ca")
_FILES: Final = (
    *_CERTIFICATES,
    "ssl_private_key",
    "foreman_ssl_key",
    "ssh_identity_key_file",
    "ssh_known_hosts_file",
    "ssh_ca_known_hosts_file",
    "ssh_user_ca_public_key_file",
    "ssh_config_file",
    "log_file",
    "backup_dir",
)
_LOG_TAIL: Final = 1_000_000


def _settings(case: Case) -> Iterator[Piece]:
    """What is in force; of what this version does not know, only the names: their values may be anything."""
    reading, usual = case.context.reading, Settings()
    chosen = reading.settings
    yield Piece("settings.json", [_setting(name, getattr(chosen, name), getattr(usual, name)) for name in TYPES])
    places = [{"setting": entry.key, "place": entry.place, "known": _known(entry.key)} for entry in reading.entries]
    yield Piece("settings-places.json", {"places": places, "problems": [each.text for each in reading.problems]})


def _setting(name: str, value: Any, usual: Any) -> dict[str, Any]:
    return {"setting": name, "value": _plain(value), "default": value == usual}


def _known(key: str) -> str:
    return "yes" if key in TYPES else "to the Ruby services" if key in KNOWN_ELSEWHERE else "no"


def _plain(value: Any) -> Any:
    if hasattr(value, "items"):
        return {key: _plain(item) for key, item in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _named(context: Context) -> Iterator[tuple[str, Path]]:
    """The files that settings name, and those that there are always."""
    settings = context.settings
    for name in _FILES:
        value = getattr(settings, name)
        if value and not (name == "log_file" and settings.log_path is None):
            yield name, context.path(value)
    database = context.database
    yield "database", database
    yield "directory of the database", database.parent
    for suffix in (".key", ".lock", "-wal", "-shm"):
        yield f"database{suffix}", database.with_name(database.name + suffix)
    if settings.secrets_key_file:
        yield "secrets_key_file", context.path(settings.secrets_key_file)
    for path in settings_files(settings.folder):
        yield "settings", path


def _files(case: Case) -> Iterator[Piece]:
    """Who may do what with them; nothing that is in them."""
    yield Piece(
        "files.json", [{"name": name, "path": str(path), **_facts(path)} for name, path in _named(case.context)]
    )


def _facts(path: Path) -> dict[str, Any]:
    try:
        found = path.stat()
    except OSError as error:
        return {"problem": error.strerror}
    return {
        "mode": stat.filemode(found.st_mode),
        "owner": _account(found.st_uid),
        "size": found.st_size,
        "changed": found.st_mtime,
    }


def _account(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _certificates(case: Case) -> Iterator[Piece]:
    found = {}
    for name in _CERTIFICATES:
        value = getattr(case.context.settings, name)
        if value:
            found[name] = list(_in_file(case.context.path(value)))
    yield Piece("certificates.json", found)


def _in_file(path: Path) -> Iterator[dict[str, Any]]:
    try:
        for block in certificates(path):
            yield _certificate(x509.load_pem_x509_certificate(block))
    except (SettingsError, ValueError) as error:
        yield {"problem": str(error)}


def _certificate(certificate: x509.Certificate) -> dict[str, Any]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = [str(each.value) for each in extension.value]
    except (x509.ExtensionNotFound, ValueError):
        names = []
    return {
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "names": names,
        "serial": f"{certificate.serial_number:x}",
        "not before": certificate.not_valid_before_utc.isoformat(),
        "not after": certificate.not_valid_after_utc.isoformat(),
        "sha256": certificate.fingerprint(hashes.SHA256()).hex(),
    }


def _log_file(case: Case) -> Iterator[Piece]:
    settings = case.context.settings
    if settings.log_path is None:
        return
    with case.context.path(settings.log_file).open("rb") as file:
        file.seek(max(file.seek(0, 2) - _LOG_TAIL, 0))
        if file.tell():
            # half of a line may be half of a secret, which nobody would recognize
            file.readline()
        yield Piece("log-file.txt", file.read().decode(errors="replace"))


COLLECTORS: Final = (
    Collector("settings", "the settings in force, where they stand, and what is wrong with them", _settings),
    Collector("files", "owners, modes and sizes of the files that settings name", _files),
    Collector("certificates", "names and validity of certificates", _certificates),
    Collector("log-file", f"the last {_LOG_TAIL // 1_000_000} MB of the log file, if there is one", _log_file),
)
