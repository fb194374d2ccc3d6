"""Hostile paths that an agent or a file could use to leave the project, for three systems."""

import itertools

# Each must be refused on every system, or lead to a place inside the project.
CLIMBS = [
    "..", "../", "../..", "../secret.txt", "./../secret.txt",
    "a/../../secret.txt", "a/b/../../../secret.txt",
    "a/./../../secret.txt", "a//..//../secret.txt", "../project/../secret.txt", "../project2/x",
    "link/../../secret.txt", "out", "out/secret.txt", "out/./secret.txt", "out/../secret.txt", "chain",
    "chain/secret.txt", "a/up", "a/up/secret.txt", "a/up/../secret.txt",
    "to_file", "loop", "loop/x", "dead",
    "/", "//", "/etc/passwd", "//etc/passwd", "/etc/../etc/passwd",
    "/proc/self/environ", "/proc/self/root/etc/passwd",
    "/proc/self/cwd/../secret.txt", "/dev/stdin", "/dev/fd/0", "/dev/tty",
    "/dev/zero", "/root/.ssh/id_rsa",
    "~", "~/", "~root/.ssh/id_rsa", "~/.ssh/id_rsa", "~+", "~-/x",
    "", " ", "\t", "\n", "\0", "a\0b", "a.txt\0.png", "a\nb", "a\rb", "\x7f",
    "\x1b[31m", "x" * 5000, "a/" * 3000,
    "file:///etc/passwd", "file://localhost/etc/passwd", "FILE:///etc/passwd", "http://127.0.0.1/x",
    "https://example.org/a.py", "smb://server/share", "ftp://host/x", "vscode://file/etc/passwd",
]  # fmt: skip
PROTECTED = [
    f"{prefix}{name}"
    for prefix, name in itertools.product(
        ("", "a/", "./"),
        (
            ".git/config", ".git/hooks/pre-commit", ".GIT/config", ".Git/HEAD",
            ".git./config", ".git /config",
            ".ｇｉｔ/config", ".g\u200cit/config", ".gi\u00adt/config",
            ".git\u2060/config", "git~1/config", "GIT~1/config",
            ".hg/hgrc", ".svn/entries", ".ssh/config", ".aws/credentials",
            ".kube/config", ".gnupg/x", ".docker/config.json",
            "id_rsa", "id_ed25519", "ID_RSA", "id_ecdsa_sk", "server.pem",
            "server.PEM", "tls.key", "tls.KEY", "a.p12",
            "a.pfx", "a.jks", "a.kdbx", "key.ppk", ".netrc", "_netrc",
            ".pgpass", ".pypirc", ".npmrc", ".git-credentials",
            "credentials.json", ".Netrc", "id_rsa.", "tls.key ",
            "id_rsa.bak", "tls.key~", "server.pem.old", ".my.cnf", ".dockercfg", ".boto", ".s3cfg",
            ".terraformrc", "terraform.tfstate", "terraform.tfstate.backup", "kubeconfig", "prod.kubeconfig",
            "secrets.yml", "Secrets.YAML", "secrets.toml", "credentials", "service-account.json",
            "prod-service-account.json", "service_account.key.json", "client_secret_12.json",
        ),
    )
]  # fmt: skip
WINDOWS = [
    "C:", "C:x", "c:..\\x", "C:\\..\\x:y", "Z:secret", "\\\\server\\share\\x",
    "//server/share/x", "\\\\?\\C:\\x",
    "\\\\.\\PhysicalDrive0", "//./COM1", "//?/C:/x", "\\\\?\\UNC\\server\\share", "\\\\localhost\\c$\\x",
    "\\\\127.0.0.1\\c$", "\\/server/share", "/\\server\\share",
    "a.txt:stream", "a.txt::$DATA", "a\\b:c", "a:$i30:$INDEX_ALLOCATION",
    ".git::$INDEX_ALLOCATION/config", "x/:y",
    "CON", "con", "Con.txt", "PRN", "aux.c", "AUX", "NUL", "nul.tar.gz",
    "COM1", "com9.log", "COM0", "LPT1", "lpt9.x",
    "COM¹", "com².txt", "LPT³", "CONIN$", "conout$", "a/NUL", "a\\con\\b",
    "NUL .txt", "con .", "aux.", "a/prn ",
    "dir./x", "dir /x", "x.", "x ", "x...", ".git.", ".git ", "a\\.. \\b", "a. .", "...", ".... ",
    "a|b", "a<b", "a>b", 'a"b', "a?b", "a*b", "C:\\a|b",
]  # fmt: skip
WINDOWS_FINE = [
    "a.txt",
    "src\\a.py",
    "src/a.py",
    "..\\x",
    "C:\\x\\y.py",
    "console.py",
    "com10.txt",
    "null.c",
    "a.b.c",
]
