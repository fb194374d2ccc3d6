"""Compiled modules for new installations, which would compile 2,000 of them at their first start."""

import compileall
import os
import shutil
import sysconfig
import zipfile
from importlib.util import cache_from_source
from pathlib import Path
from py_compile import PycInvalidationMode

HERE = Path(sysconfig.get_path("purelib"))


def lend_compiled(environment: Path) -> None:
    """Give an environment the compiled modules of this one.

    Python compares each with the time and the size of its source file. Both environments usually have the
    same files, from uv's cache; otherwise Python compiles the module again.
    """
    for packages in environment.glob("lib/*/site-packages"):
        for folder in HERE.rglob("__pycache__"):
            target = packages / folder.relative_to(HERE)
            if target.parent.is_dir() and not target.exists():
                link_tree(folder, target)


def add_compiled(wheel: Path) -> Path:
    """Add compiled modules to a wheel. Python compares each with the content of its source file."""
    tree = wheel.parent / "compiled"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tree)
    compileall.compile_dir(tree, quiet=2, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
    with zipfile.ZipFile(wheel, "a") as archive:
        for module in tree.rglob("*.py"):
            compiled = Path(cache_from_source(str(module)))
            archive.write(compiled, compiled.relative_to(tree).as_posix())
    shutil.rmtree(tree)
    return wheel


def link_tree(source: Path, target: Path) -> None:
    """Copy a folder by hard links, or byte for byte where the file system has none."""
    shutil.copytree(source, target, symlinks=True, copy_function=_link)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
