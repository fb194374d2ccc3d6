"""The values of a chart as a table: for keyboards, screen readers, and exact figures."""

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.components.controls.elements import box, link, text


@dataclass(frozen=True)
class ValueRow:
    """One period: its name, its figures, and the address of its calls (empty if there is none)."""

    name: str
    figures: tuple[str, ...]
    url: str = ""


def value_table(heads: Sequence[str], rows: Sequence[ValueRow]) -> None:
    """Show the rows in a fold. ``heads`` names the first column and the figures."""
    with box("ts-fold", "details"):
        text("Show as table", tag="summary")
        with box("ts-chart-table") as scroll:
            scroll.props.update({"tabindex": "0", "role": "region", "aria-label": "The values of the chart"})
            with box("", "table"):
                with box("", "thead"), box("", "tr"):
                    for head in heads:
                        text(head, tag="th").props["scope"] = "col"
                with box("", "tbody"):
                    for row in rows:
                        _row(row)


def _row(row: ValueRow) -> None:
    with box("", "tr"):
        with box("", "th") as head:
            head.props["scope"] = "row"
            if row.url:
                link(row.url, "", row.name)
            else:
                text(row.name)
        for figure in row.figures:
            text(figure, "ts-num", "td")
