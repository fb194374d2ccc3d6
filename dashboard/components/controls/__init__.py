"""Plain building blocks: elements, buttons, cards, lists, bars, notices."""
