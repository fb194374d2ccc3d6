"""Categories of work for which models are ranked."""

from typing import Literal, get_args

Category = Literal[
    "coding",
    "coding-agent",
    "japanese-text",
    "japanese-coding",
    "translation",
    "summarization",
    "general",
]
CATEGORIES: tuple[Category, ...] = get_args(Category)
