"""The words for the progress of a review."""

from dashboard.review_progress import ReviewProgress


def test_counts_what_no_longer_waits() -> None:
    progress = ReviewProgress()
    assert progress.line(["a", "b", "c"]) == "3 files to review"
    assert progress.end() == ("", "")
    progress.add(["a", "b"], "kept")
    progress.add(["c"], "undone")
    assert progress.line(["d"]) == "3 of 4 files reviewed"
    # An undo left one file as it is.
    assert progress.line(["c", "d"]) == "2 of 4 files reviewed"
    progress.take_back(["a"])
    assert progress.line(["a", "d"]) == "2 of 4 files reviewed"
    progress.add(["a"], "rerun")
    assert progress.end() == ("All 3 files are reviewed", "1 kept, 1 undone, 1 run again.")
