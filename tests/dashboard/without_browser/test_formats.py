"""Numbers, money, sizes and times as text."""

import datetime

import pytest

from dashboard import formats
from server.config.sections import LedgerSettings
from server.offload.run.reply import handed_back
from server.offload.values import Check

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.00k"),
        (12_345, "12.3k"),
        (99_950, "100k"),
        (999_499, "999k"),
        (999_500, "1.00M"),
        (4_560_000, "4.56M"),
        (1_200_000_000, "1.20G"),
        (3_500_000_000_000, "3500G"),
        (-310, "−310"),
    ],
    ids=[
        "zero",
        "below-thousand",
        "thousand",
        "thousands",
        "hundred-thousand",
        "below-million",
        "rounded-up-to-million",
        "millions",
        "billions",
        "beyond-the-largest-unit",
        "negative",
    ],
)
def test_short_numbers_have_three_significant_figures(value: int, words: str) -> None:
    assert formats.short(value) == words


def test_gains_and_losses_have_signs() -> None:
    assert [formats.signed(value) for value in (12_345, 0, -12_345)] == ["+12.3k", "0", "−12.3k"]
    assert formats.signed_exact(12_345) == "+12,345"
    assert formats.signed_exact(-1) == "−1"
    assert formats.signed_exact(0) == "0"


def test_money_is_shown_in_the_users_unit() -> None:
    assert formats.signed_worth(-2_100) == "−0.21¢"
    formats.Unit.prefer(LedgerSettings(unit="quota", quota_dollars=50))
    try:
        shown = [formats.signed_worth(value) for value in (2_500_000, -2_500_000, -7_000, 0)]
    finally:
        formats.Unit.prefer(LedgerSettings())
    assert shown == ["+5.00% of a week", "−5.00% of a week", "−0.0140% of a week", "0.00% of a week"]


@pytest.mark.parametrize(
    ("microusd", "words"),
    [
        (0, "$0.00"),
        (12_345_678, "$12.35"),
        (999_000_000_000, "$999,000.00"),
        (979_000, "$0.98"),
        (123_456, "$0.12"),
        (99_500, "$0.10"),
        (99_400, "9.9¢"),
        (9_949, "0.99¢"),
        (2_100, "0.21¢"),
        (1, "<0.01¢"),
        (-4_900, "−0.49¢"),
        (-979_000, "−$0.98"),
        (-2_100, "−0.21¢"),
        (-1, "−<0.01¢"),
    ],
    ids=[
        "zero",
        "dollars",
        "thousands-of-dollars",
        "below-a-dollar",
        "tenth-of-a-dollar",
        "rounded-up-to-ten-cents",
        "cents",
        "below-a-cent",
        "fractions-of-a-cent",
        "almost-nothing",
        "half-a-cent-lost",
        "below-a-dollar-lost",
        "fractions-of-a-cent-lost",
        "almost-nothing-lost",
    ],
)
def test_money_has_two_decimals_or_is_in_cents(microusd: int, words: str) -> None:
    assert formats.money(microusd) == words


def test_amounts_next_to_each_other_have_one_unit() -> None:
    assert formats.alike([-104_000, 70_000, 174_000]) == ["−$0.10", "$0.07", "$0.17"]
    assert formats.alike([70_000, -2_100, 0], signs=True) == ["+7.0¢", "−0.21¢", "$0.00"]
    assert formats.alike([2_000_000, -1_000, 0], signs=True) == ["+$2.00", "−<$0.01", "$0.00"]


def test_signed_money() -> None:
    assert formats.signed_money(1_230_000) == "+$1.23"
    assert formats.signed_money(0) == "$0.00"


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1400, "1.4 kB"),
        (491_400_218, "491 MB"),
        (999_600_000, "1.0 GB"),
        (5 * 2**30, "5.4 GB"),
        (3 * 10**12, "3000.0 GB"),
    ],
    ids=[
        "zero",
        "bytes",
        "kilobytes",
        "megabytes",
        "rounded-up-to-gigabytes",
        "gigabytes",
        "beyond-the-largest-unit",
    ],
)
def test_sizes(count: int, words: str) -> None:
    assert formats.size(count) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.01, "<0.1 s"),
        (0.44, "0.4 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3599.6, "1 h 00 min"),
        (3840, "1 h 04 min"),
    ],
    ids=[
        "zero",
        "almost-zero",
        "tenths",
        "seconds",
        "rounded-up-to-a-minute",
        "minutes",
        "rounded-up-to-an-hour",
        "hours",
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert formats.duration(seconds) == words


def test_countdowns_never_go_below_zero() -> None:
    assert [formats.countdown(s) for s in (-3, 0, 6.2, 581, 3723)] == [
        "0:00",
        "0:00",
        "0:07",
        "9:41",
        "1:02:03",
    ]


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (-2, "just now"),
        (4, "just now"),
        (5, "5 s ago"),
        (59.9, "59 s ago"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
    ],
    ids=[
        "future",
        "now",
        "seconds",
        "almost-a-minute",
        "minute",
        "almost-an-hour",
    ],
)
def test_times_ago(before: float, words: str) -> None:
    now = 1_790_000_000.0
    assert formats.ago(now - before, now) == words


def test_days_of_the_last_week_have_names() -> None:
    now = at(2026, 11, 21, 12)
    assert formats.ago(at(2026, 11, 21, 8), now) == "today 08:00"
    assert formats.ago(at(2026, 11, 20, 14), now) == "yesterday 14:00"
    assert formats.ago(at(2026, 11, 15, 0), now) == "Sun 00:00"
    assert formats.ago(at(2026, 11, 14, 23), now) == "14 Nov"


def test_old_times_are_dates_with_the_year_if_it_differs() -> None:
    now = at(2026, 11, 21, 12)
    assert formats.ago(at(2026, 11, 2, 9), now) == "2 Nov"
    assert formats.ago(at(2025, 3, 2, 9), now) == "2 Mar 2025"


def test_the_exact_time() -> None:
    then = at(2026, 11, 1, 8, 3, 11)
    assert formats.exact(then) == "Sun 1 Nov 2026, 08:03:11"
    assert formats.iso(then).startswith("2026-11-01T08:03:11")
    assert formats.clock_time(then) == "08:03"
    assert formats.day_name("2026-11-01") == "Sun 1 Nov"


def test_one_line_cuts_long_texts_and_folds_breaks() -> None:
    assert formats.one_line("a\n  b\tc") == "a b c"
    assert formats.one_line("x" * 300, 10) == "x" * 9 + "…"


def test_counts_and_names() -> None:
    assert formats.count(1, "offload") == "1 offload"
    assert formats.count(1200, "offload") == "1,200 offloads"
    assert formats.count(2, "try", "tries") == "2 tries"
    assert formats.stage("prompt") == "Reading the prompt"
    assert formats.stage("new_stage") == "New stage"
    assert formats.outcome("handed_back") == "Handed back"
    assert formats.speed(9.94) == "9.9 tokens/s"
    assert formats.speed(35.4) == "35 tokens/s"


def test_every_outcome_of_the_app_has_a_word() -> None:
    from server.common.outcome_words import OUTCOME_WORDS
    from server.offload.values import OUTCOMES

    assert {*OUTCOMES, "running", "waiting", "interrupted"} == set(OUTCOME_WORDS)


def test_model_files_have_decimal_sizes_and_short_names() -> None:
    assert formats.size(986_061_892) == "986 MB"
    assert formats.size(1_117_320_736) == "1.1 GB"
    assert formats.size(300) == "300 B"
    long = "hf.co/unsloth/Devstral-Small-2-24B-Instruct-2512-GGUF:Q4_K_M"
    assert formats.model_name(long) == "Devstral-Small-2-24B-Instruct-2512 Q4_K_M"
    assert formats.model_name("qwen2.5-coder:7b") == "qwen2.5-coder:7b"


def test_clients_and_targets_read_as_words() -> None:
    assert formats.client_name("token-saver") == "from the shell"
    assert formats.client_name("claude-code") == "claude-code"
    assert formats.target("src/fees.py", ("src/fees.py",)) == "edits fees.py"
    assert formats.target("src/fees.py", ("src/berths.py",)) == "→ fees.py"
    assert formats.target("") == ""


def test_a_reason_leaves_out_what_the_page_shows_elsewhere() -> None:
    check = Check("parses", False, "Line 1: expected ':': def f()", "does_not_parse")
    for by_user in (False, True):
        text = handed_back("af69c1d2", check, (), by_user=by_user)
        assert formats.reason(text, "does_not_parse") == "Line 1: expected ':': def f()."
    assert formats.reason("backend_failed: Ollama broke off.", "backend_failed") == "Ollama broke off."
    assert formats.reason("Wrote it.") == "Wrote it."


def at(*moment: int) -> float:
    """Return a local time as seconds since the epoch."""
    year, month, day, *time = moment
    return datetime.datetime(year, month, day, *time).astimezone().timestamp()
