"""Environment variables that a hub inherits from the program that starts it. Standard library only.

The hub outlives that program and serves every project. Any other variables set in a client or shell, such as
a project's secrets, do not reach the hub or its child processes.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping

INHERITED = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP",
        "TMP", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS",
        "DESKTOP_SESSION", "BROWSER", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "SSL_CERT_FILE",
        "SSL_CERT_DIR", "VISUAL", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "CLAUDE_CONFIG_DIR", "HF_ENDPOINT",
        "HF_HOME", "PYSTRAY_BACKEND", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER",
        "NVIDIA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES",
        "HSA_OVERRIDE_GFX_VERSION", "GPU_DEVICE_ORDINAL", "GGML_VK_VISIBLE_DEVICES",
        "VK_ICD_FILENAMES", "VK_DRIVER_FILES", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT",
        "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "OS", "NUMBER_OF_PROCESSORS",
        "PROCESSOR_ARCHITECTURE", "USERNAME", "USERPROFILE", "USERDOMAIN", "HOMEDRIVE", "HOMEPATH",
        "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "ALLUSERSPROFILE", "PROGRAMFILES",
        "PROGRAMFILES(X86)", "PROGRAMW6432", "COMMONPROGRAMFILES", "UV_RUN_RECURSION_DEPTH",
    }
)  # fmt: skip
PREFIXES = ("LC_", "XDG_", "OLLAMA_", "TOKEN_SAVER_")


def inherited(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a hub inherits."""
    return {
        name: value
        for name, value in environ.items()
        if name.upper() in INHERITED or name.upper().startswith(PREFIXES)
    }


@contextlib.contextmanager
def limited_environment(more: Iterable[str] = ()) -> Iterator[None]:
    """Remove all but the inherited variables and ``more`` from this process while the context is open."""
    kept = {name.upper() for name in more}
    known = inherited(os.environ)
    removed = {
        name: value for name, value in os.environ.items() if name not in known and name.upper() not in kept
    }
    for name in removed:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(removed)
