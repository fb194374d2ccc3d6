"""How far the user is with a review, in words."""

from collections.abc import Collection, Mapping

from dashboard import formats
from server.store.reviews import Review

WORDS: Mapping[Review, str] = {"kept": "kept", "undone": "undone", "rerun": "run again"}


class ReviewProgress:
    """Counts the files that were reviewed since the page was opened."""

    def __init__(self) -> None:
        self._verdicts: dict[str, Review] = {}

    def add(self, ids: Collection[str], review: Review) -> None:
        """Count these results as reviewed."""
        self._verdicts.update(dict.fromkeys(ids, review))

    def take_back(self, ids: Collection[str]) -> None:
        """Count these results as waiting again."""
        for each in ids:
            self._verdicts.pop(each, None)

    def line(self, waiting: Collection[str]) -> str:
        """Return ``3 of 12 files reviewed``; without a reviewed file, ``12 files to review``.

        Args:
            waiting: the ids of the results that still wait. A result that waits does not count as reviewed,
                because an undo can leave a file as it is.
        """
        done = len(self._verdicts.keys() - set(waiting))
        if not done:
            return f"{formats.count(len(waiting), 'file')} to review"
        return f"{formats.number(done)} of {formats.count(done + len(waiting), 'file')} reviewed"

    def end(self) -> tuple[str, str]:
        """Return a heading and a sentence for an empty list; both are empty if nothing was reviewed."""
        if not self._verdicts:
            return "", ""
        counts = {review: list(self._verdicts.values()).count(review) for review in WORDS}
        parts = [f"{formats.number(count)} {WORDS[review]}" for review, count in counts.items() if count]
        done = len(self._verdicts)
        heading = "The file is reviewed" if done == 1 else f"All {formats.number(done)} files are reviewed"
        return heading, ", ".join(parts) + "."
