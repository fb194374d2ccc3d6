"""Ids of batches: recognised by their first letter, and found by a unique prefix."""

from sqlalchemy import Connection, select

from server.common.errors import NotFound
from server.store.database import Database
from server.store.job_tables import job
from server.store.tables import offload

SHORTEST_PREFIX = 4
"""Minimum length of a prefix that can identify a batch (characters)."""


def is_job_id(given: str) -> bool:
    """Return whether an id belongs to a batch. Ids of offloads are hexadecimal."""
    return given.startswith("j")


async def find_job_id(database: Database, given: str) -> str:
    """Return the id of the batch with this id, or of the only one whose id starts with the given text.

    Raises:
        NotFound: no batch matches, or more than one does.
    """

    def read(connection: Connection) -> tuple[str, ...]:
        like = job.c.id.startswith(given, autoescape=True)
        return tuple(connection.scalars(select(job.c.id).where(like).limit(2)))

    found = await database.read(read) if len(given) >= SHORTEST_PREFIX else ()
    if len(found) > 1:
        raise NotFound(f"Several batches start with {given!r}.", "Give more characters of the id.")
    if not found:
        raise NotFound(f"There is no batch {given!r}.", "`token-saver jobs` lists all batches.")
    return found[0]


async def offload_ids(database: Database, job_id: str, limit: int) -> tuple[str, ...]:
    """Return the ids of a batch's offloads, newest first."""

    def read(connection: Connection) -> tuple[str, ...]:
        of_job = select(offload.c.id).where(offload.c.job_id == job_id)
        return tuple(connection.scalars(of_job.order_by(offload.c.seq.desc()).limit(limit)))

    return await database.read(read)
