"""Actual memory use from earlier loads, kept to correct the next estimate for the same model."""

import json
import logging
import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from server.bridge.own_folders import make_folder
from server.common.atomic_write import replace_file

logger = logging.getLogger(__name__)

LEAST, MOST = 0.5, 2.0
"""Plausible range for the ratio of actual to estimated memory. Anything outside it is a wrong report by the
server.
"""


class Measured(BaseModel):
    """One load: estimated and actual memory in bytes, and the context length per slot in tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    computed: int = Field(gt=0)
    taken: int = Field(gt=0)
    num_ctx: int = Field(ge=0)
    at: float

    @property
    def factor(self) -> float:
        """Correction factor for the next estimate."""
        return self.taken / self.computed


_FILE = TypeAdapter(dict[str, Measured])


class Corrections:
    """The last load of each model, stored in ``model-memory.json`` in the state folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._measured = _read(path)

    def factor(self, engine: str, model: str) -> float:
        """Return the correction factor for an estimate; 1 if the model was never loaded."""
        found = self._measured.get(f"{engine} {model}")
        return found.factor if found else 1.0

    def record(self, engine: str, model: str, computed: int, taken: int, num_ctx: int) -> bool:
        """Store the actual memory used by a load. Return False if the value is implausible."""
        if computed <= 0 or not LEAST <= taken / computed <= MOST:
            return False
        found = Measured(computed=computed, taken=taken, num_ctx=num_ctx, at=time.time())
        self._measured = {**self._measured, f"{engine} {model}": found}
        _write(self._path, self._measured)
        return True


def _read(path: Path) -> dict[str, Measured]:
    try:
        found = _FILE.validate_python(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, ValidationError) as error:
        logger.warning("%s cannot be read and is replaced: %s", path, str(error).splitlines()[0])
        return {}
    return {name: each for name, each in found.items() if LEAST <= each.factor <= MOST}


def _write(path: Path, measured: dict[str, Measured]) -> None:
    try:
        make_folder(path.parent)
        replace_file(path, _FILE.dump_json(measured, indent=1))
    except OSError as error:
        logger.warning("the memory of a load cannot be stored in %s: %s", path, error)
