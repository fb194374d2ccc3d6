"""Numbers, money, sizes and times as text, formatted consistently throughout the dashboard.

Signed numbers carry a plus sign or a true minus sign, so that gains and losses never look alike.
"""

import datetime
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePath

from server.common.outcome_words import outcome_word
from server.common.sizes import gigabytes
from server.common.stage_names import STAGE_NAMES
from server.config.sections import LedgerSettings
from server.ledger.savings import share_of_quota
from server.offload.run.reply import hand_back_reason
from server.store.records import DASHBOARD, SHELL

MINUTE, HOUR, DAY = 60, 3600, 86_400
MINUS = "−"
LICENCES = {name.lower(): name for name in ("Apache-2.0", "MIT", "BSD-3-Clause", "CC-BY-4.0", "CC-BY-NC-4.0")}
"""Licences that model files name in any case, as SPDX spells them."""
TRIAL = "token-saver-trial-"
"""Prefix of the temporary folder in which the task of the first steps runs."""
LEAST_DOLLARS = 99_500
"""Smaller amounts are shown as cents (micro-dollars)."""


def number(value: int) -> str:
    """Format a number with thousands separators: ``12345`` → ``12,345``."""
    return f"{value:,}".replace("-", MINUS)


def short(value: int) -> str:
    """Format a number with three significant figures: ``950``, ``12.3k``, ``4.56M``, ``1.20G``."""
    magnitude = abs(value)
    sign = MINUS if value < 0 else ""
    if magnitude < 1000:
        return f"{sign}{magnitude}"
    for unit, size in (("k", 1e3), ("M", 1e6), ("G", 1e9)):
        scaled = magnitude / size
        if scaled < 999.5 or unit == "G":
            break
    digits = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
    return f"{sign}{scaled:.{digits}f}{unit}"


def signed(value: int) -> str:
    """Format like ``short``, with a sign: ``+12.3k``, ``−310``, ``0``."""
    return f"+{short(value)}" if value > 0 else short(value)


def signed_exact(value: int) -> str:
    """Format like ``number``, with a sign: ``+12,345``."""
    return f"+{number(value)}" if value > 0 else number(value)


def money(microusd: int) -> str:
    """Format micro-dollars as dollars with two decimals, or as cents below ten cents: ``$12.34``, ``2.1¢``,
    ``0.21¢``.
    """
    cents = abs(microusd) / 1e4
    sign = MINUS if microusd < 0 else ""
    if not microusd:
        return "$0.00"
    if cents < 0.005:
        return f"{sign}<0.01¢"
    if abs(microusd) < LEAST_DOLLARS:
        return f"{sign}{cents:.{2 if cents < 0.995 else 1}f}¢"
    return f"{sign}${cents / 100:,.2f}"


def signed_money(microusd: int) -> str:
    """Format like ``money``, with a sign: ``+$1.23``."""
    return f"+{money(microusd)}" if microusd > 0 else money(microusd)


def alike(amounts: Sequence[int], *, signs: bool = False) -> list[str]:
    """Format amounts that stand next to each other in one unit: micro-dollars as dollars if any is ten cents
    or more, otherwise as cents. ``signs`` adds a plus to gains. With a weekly quota, all are shares of it.
    """
    if Unit.quota_dollars or all(abs(each) < LEAST_DOLLARS for each in amounts):
        texts = [worth(each) for each in amounts]
    else:
        texts = [_dollars(each) for each in amounts]
    return [f"+{text}" if signs and each > 0 else text for each, text in zip(amounts, texts, strict=True)]


def _dollars(microusd: int) -> str:
    sign = MINUS if microusd < 0 else ""
    small = 0 < abs(microusd) < 5_000
    return f"{sign}<$0.01" if small else f"{sign}${abs(microusd) / 1e6:,.2f}"


class Unit:
    """The unit for money: dollars, or the share of a weekly quota if the user prefers."""

    quota_dollars = 0.0

    @classmethod
    def prefer(cls, settings: LedgerSettings) -> None:
        """Use the unit from these settings from now on."""
        cls.quota_dollars = settings.quota_dollars if settings.unit == "quota" else 0.0


def worth(microusd: int) -> str:
    """Format money in the user's preferred unit: ``$12.34``, ``0.42% of a week``."""
    if Unit.quota_dollars:
        return share_of_quota(microusd, Unit.quota_dollars).lstrip("+").replace("-", MINUS)
    return money(microusd)


def signed_worth(microusd: int) -> str:
    """Format like ``worth``, with a sign."""
    return f"+{worth(microusd)}" if microusd > 0 else worth(microusd)


def size(count: int) -> str:
    """Format a number of bytes in decimal units, as engines and registries do: ``812 B``, ``1.4 kB``,
    ``986 MB``, ``4.7 GB``.
    """
    if count < 1000:
        return f"{count} B"
    if count < 999_950:
        return f"{count / 1e3:.1f} kB"
    return f"{round(count / 1e6)} MB" if count < 999.5e6 else gigabytes(count)


def licence(name: str) -> str:
    """Return a model's licence as SPDX spells it: ``Apache-2.0``, ``MIT``. Other names stay as they are."""
    return LICENCES.get(name.lower(), name)


def model_name(name: str) -> str:
    """Return the short name of a model: ``hf.co/unsloth/Devstral-Small-2-24B-GGUF:Q4_K_M`` →
    ``Devstral-Small-2-24B Q4_K_M``. Names without a ``/`` are already short.
    """
    if "/" not in name:
        return name
    repository, _, version = name.rpartition("/")[2].partition(":")
    return f"{repository.removesuffix('-GGUF')} {version}".rstrip()


def client_name(client: str) -> str:
    """Return the name of a client as users know it; the app's own clients are the shell and the dashboard."""
    return {SHELL: "from the shell", DASHBOARD: "from the dashboard"}.get(client, client)


def is_trial(project: str) -> bool:
    """Return whether a project is the folder of a first task, which does not count as a project."""
    return PurePath(project).name.startswith(TRIAL)


def project_name(project: str) -> str:
    """Return the name of a project's folder: ``/home/kim/harbour`` → ``harbour``."""
    return "first steps" if is_trial(project) else PurePath(project).name or project


def target(output: str, files: Collection[str] = ()) -> str:
    """Return what an offload writes: ``→ fees.md``, or ``edits fees.py`` if it also reads the file."""
    if not output:
        return ""
    return f"{'edits' if output in files else '→'} {PurePath(output).name}"


def duration(seconds: float) -> str:
    """Format a duration in seconds: ``0.4 s``, ``15.5 s``, ``2 min 05 s``, ``1 h 04 min``."""
    if seconds < 0.05:
        return "0 s" if seconds <= 0 else "<0.1 s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE:02d} s"
    minutes = round(seconds / MINUTE)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def roughly(seconds: float) -> str:
    """Format an estimated duration: ``about 12 s``, ``about 2 min``, ``about 1 h 10 min``."""
    if seconds < 59.5:
        return f"about {max(1, round(seconds))} s"
    minutes = round(seconds / MINUTE)
    if minutes < 60:
        return f"about {minutes} min"
    tens = round(minutes, -1)
    return f"about {tens // 60} h" + (f" {tens % 60} min" if tens % 60 else "")


def countdown(seconds: float) -> str:
    """Format the seconds remaining: ``0:07``, ``9:41``, ``1:02:03``."""
    whole = max(0, math.ceil(seconds))
    hours, rest = divmod(whole, HOUR)
    minutes, last = divmod(rest, MINUTE)
    return f"{hours}:{minutes:02d}:{last:02d}" if hours else f"{minutes}:{last:02d}"


def speed(tokens_per_second: float) -> str:
    """Format a speed as ``35 tokens/s``, with one decimal below ten."""
    return f"{tokens_per_second:.{1 if tokens_per_second < 9.95 else 0}f} tokens/s"


def ago(at: float, now: float) -> str:
    """Format the moment ``at`` as seen from ``now`` (seconds since the epoch): ``just now``, ``3 min ago``,
    ``today 08:30``, ``yesterday 14:02``, ``Sat 14:02``, ``12 Nov``.
    """
    seconds = now - at
    if seconds < 5:
        return "just now"
    if seconds < MINUTE:
        return f"{int(seconds)} s ago"
    if seconds < HOUR:
        return f"{int(seconds // MINUTE)} min ago"
    then = _local(at)
    days = (_local(now).date() - then.date()).days
    if days < 7:
        day = {0: "today", 1: "yesterday"}.get(days, f"{then:%a}")
        return f"{day} {then:%H:%M}"
    return f"{then.day} {then:%b}" if then.year == _local(now).year else f"{then.day} {then:%b %Y}"


def exact(at: float) -> str:
    """Format the local date and time: ``Sat 21 Nov 2026, 08:23:11``."""
    then = _local(at)
    return f"{then:%a} {then.day} {then:%b %Y, %H:%M:%S}"


def iso(at: float) -> str:
    """Format the local time in ISO 8601, for the HTML ``datetime`` attribute."""
    return _local(at).isoformat(timespec="seconds")


def clock_time(at: float) -> str:
    """Format the local time of day: ``14:05``."""
    return f"{_local(at):%H:%M}"


def day_name(day: str) -> str:
    """Format a date with its weekday: ``2026-11-21`` → ``Sat 21 Nov``."""
    date = datetime.date.fromisoformat(day)
    return f"{date:%a} {date.day} {date:%b}"


def day_short(day: str) -> str:
    """Format a date without its weekday: ``2026-11-21`` → ``21 Nov``."""
    date = datetime.date.fromisoformat(day)
    return f"{date.day} {date:%b}"


def count(value: int, one: str, many: str = "") -> str:
    """Format a count with its noun: ``1 offload``, ``2 offloads``."""
    return f"{number(value)} {one if value == 1 else many or one + 's'}"


def would_have(net: int) -> str:
    """Return what a call would have done, in words: ``saved 1.23k tokens``, ``cost 462 tokens more than it
    saved``.
    """
    tokens = f"{short(abs(net))} tokens"
    return f"saved {tokens}" if net >= 0 else f"cost {tokens} more than it saved"


def one_line(text: str, limit: int = 200) -> str:
    """Return the text on one line of at most ``limit`` characters, truncated with an ellipsis."""
    line = " ".join(text[: 4 * limit].split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def reason(summary: str, code: str = "") -> str:
    """Return why an offload ended without a result, for a user who sees the outcome and code elsewhere."""
    return hand_back_reason(summary).removeprefix(f"{code}: ")


def capitalised(words: str) -> str:
    """Return the words with a capital at the start; the rest stays as it is."""
    return f"{words[:1].upper()}{words[1:]}"


def without_markup(words: str) -> str:
    """Return the text without the backticks around names, which Claude reads and people need not see."""
    return words.replace("`", "")


def stage(name: str) -> str:
    """Return the stage as text. An unknown stage is returned as is."""
    return STAGE_NAMES.get(name, name.replace("_", " ").capitalize())


OUTCOME_ICONS: Mapping[str, str] = {
    "delivered": "check_circle",
    "returned": "reply",
    "handed_back": "assignment_return",
    "failed": "error",
    "cancelled": "cancel",
    "denied": "block",
    "interrupted": "power_off",
    "running": "pending",
}
"""Icon name for each offload outcome; other states have ``schedule``."""


def outcome(name: str) -> str:
    """Return the outcome as text."""
    return outcome_word(name).capitalize()


def _local(at: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(at).astimezone()
