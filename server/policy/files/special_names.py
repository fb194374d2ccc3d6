"""File names with a special meaning on some system. Pure text functions that behave the same on every
system.
"""

import ntpath
import re
import unicodedata

PROTECTED_FOLDERS = frozenset({".git", ".hg", ".svn", ".ssh", ".gnupg", ".aws", ".kube", ".azure", ".docker"})
"""Never read or written, at any depth: version control and credential folders."""
PROTECTED_FILES = frozenset(
    {
        ".netrc",
        "_netrc",
        ".pgpass",
        ".pypirc",
        ".npmrc",
        ".git-credentials",
        ".htpasswd",
        ".vault-token",
        ".vault_pass",
        ".my.cnf",
        ".mylogin.cnf",
        ".dockercfg",
        ".dockerconfigjson",
        ".boto",
        ".s3cfg",
        ".terraformrc",
        "terraform.rc",
        "credentials.tfrc.json",
        "rclone.conf",
        "kubeconfig",
        "application_default_credentials.json",
    }
)
"""Never read or written unless allowed: files that usually hold passwords or tokens."""
_SECRETS = re.compile(
    r"(secrets|credentials)(\.(json|ya?ml|toml|ini|xml|csv|properties))?"
    r"|(.*[-_.])?service[-_]?account([-_.].*)?\.json|client_secrets?([-_.].*)?\.json|.*firebase-adminsdk.*\.json"
    r"|.*\.kubeconfig|kubeconfig\.ya?ml|.*\.tfstate"
)
_PRIVATE_KEY = re.compile(r"id_(rsa|dsa|ecdsa|ed25519)(_sk)?|.*\.(pem|key|p12|pfx|jks|keystore|ppk|kdbx)")
_COPY = re.compile(r"([-_.](bak|backup|old|orig|save|copy)|~|\.\d{1,3})+\Z")
"""Suffixes that tools and people add to the names of backup copies."""
_ENVIRONMENT = re.compile(r"\.env.*|.*\.env")
_PATTERN_OF_ONE = re.compile(
    r".*[-_.](example|sample|template|dist)([-_.][a-z]+)?|(example|sample|template)\.env"
)
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE)
_IGNORED = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
"""Unicode's ``Default_Ignorable_Code_Point`` (DerivedCoreProperties.txt). Linux ignores them in folders that
ignore case (``include/linux/unicode.h``).
"""
_SHORT_NAME = re.compile(r"(git|hg|svn|ssh|gnupg|aws|kube)~[0-9]+")


def folded(name: str) -> str:
    """Normalise a name as the most lenient file system would: case, accent forms, invisible characters, and
    the trailing dots, spaces and streams that Windows drops.
    """
    visible = folded_text(name)
    return visible.partition(":")[0].rstrip(" .") or visible


def folded_text(text: str) -> str:
    """Normalise case and accent forms, and remove invisible characters."""
    compatible = unicodedata.normalize("NFKC", text)
    visible = _IGNORED.sub("", compatible)
    kept = "".join(each for each in visible if unicodedata.category(each) not in ("Cf", "Cc", "Cs"))
    return unicodedata.normalize("NFKC", kept.casefold())


def is_protected_folder(name: str) -> bool:
    """Return whether files below a folder with this name must not be read or written."""
    plain = folded(name)
    # `GIT~1` is the short name of `.git` on NTFS.
    return plain in PROTECTED_FOLDERS or _SHORT_NAME.fullmatch(plain) is not None


def is_credential_file(name: str) -> bool:
    """Return whether a file with this name holds a private key, passwords or tokens."""
    plain = _as_it_was(folded(name))
    return (
        plain in PROTECTED_FILES
        or _PRIVATE_KEY.fullmatch(plain) is not None
        or _SECRETS.fullmatch(plain) is not None
    )


def is_environment_file(name: str) -> bool:
    """Return whether a file with this name sets variables such as passwords: ``.env``, ``.env.local``,
    ``.envrc``, but not ``.env.example``.
    """
    plain = folded(name)
    return _ENVIRONMENT.fullmatch(_as_it_was(plain)) is not None and not _PATTERN_OF_ONE.fullmatch(plain)


def _as_it_was(plain: str) -> str:
    """Return the name without any backup suffix: ``id_rsa`` for ``id_rsa.bak``."""
    return _COPY.sub("", plain) or plain


def windows_problem(given: str) -> str | None:
    """Return why Windows would not treat the path as a file inside a folder; None if it would."""
    drive, rest = ntpath.splitdrive(given)
    if given.replace("/", "\\").startswith("\\\\"):
        return "is a network or device path"
    if drive and not rest.startswith(("\\", "/")):
        return "depends on a drive's own folder"
    parts = re.split(r"[\\/]+", rest)
    return next((problem for part in parts if (problem := _part_problem(part)) is not None), None)


def _part_problem(part: str) -> str | None:
    if ":" in part:
        return "names a stream of a file"
    if any(character in part for character in '<>"|?*'):
        return "contains a character that Windows reserves"
    if _RESERVED.fullmatch(part.rstrip(" .").partition(".")[0].rstrip(" ")):
        return "is a Windows device"
    if part not in (".", "..") and part != part.rstrip(" ."):
        return "ends in a dot or space, which Windows drops"
    return None
