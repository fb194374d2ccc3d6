"""Names of files that mean more than they seem to: pure functions of text, for any system on any system."""

import ntpath
import re
import unicodedata

PROTECTED_FOLDERS = frozenset({".git", ".hg", ".svn", ".ssh", ".gnupg", ".aws", ".kube", ".azure", ".docker"})
"""Never read or written, at any depth: version control's own files and folders of credentials."""
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
        "credentials.json",
        "application_default_credentials.json",
    }
)
"""Never read or written unless allowed: files that hold passwords or tokens by custom."""
_PRIVATE_KEY = re.compile(r"id_(rsa|dsa|ecdsa|ed25519)(_sk)?|.*\.(pem|key|p12|pfx|jks|keystore|ppk|kdbx)")
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE)
_SHORT_NAME = re.compile(r"(git|hg|svn|ssh|gnupg|aws|kube)~[0-9]+")


def folded(name: str) -> str:
    """Return a name as the most forgiving file system compares it: case, accents' form, invisible characters,
    and the dots, spaces and streams that Windows drops from a name's end."""
    compatible = unicodedata.normalize("NFKC", name)
    visible = "".join(each for each in compatible if unicodedata.category(each) not in ("Cf", "Cc", "Cs"))
    return visible.casefold().partition(":")[0].rstrip(" .") or visible


def is_protected_folder(name: str) -> bool:
    """Whether nothing below a folder of this name is read or written."""
    plain = folded(name)
    # NTFS gives `.git` the second name `GIT~1`.
    return plain in PROTECTED_FOLDERS or _SHORT_NAME.fullmatch(plain) is not None


def is_credential_file(name: str) -> bool:
    """Whether a file of this name holds a private key, passwords or tokens."""
    plain = folded(name)
    return plain in PROTECTED_FILES or _PRIVATE_KEY.fullmatch(plain) is not None


def windows_problem(given: str) -> str | None:
    """Say why Windows would take a path for more than a file below a folder, None if it would not."""
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
        return "holds a character that Windows reserves"
    if _RESERVED.fullmatch(part.rstrip(" .").partition(".")[0].rstrip(" ")):
        return "is a device of Windows"
    if part not in (".", "..") and part != part.rstrip(" ."):
        return "ends in a dot or space, which Windows drops"
    return None
