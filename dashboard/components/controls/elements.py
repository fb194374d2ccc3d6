"""Plain HTML: words in a tag, a box, a link. Everything else is made of these and NiceGUI's controls."""

from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement


def text(words: str = "", classes: str = "", tag: str = "span", title: str = "") -> TextElement:
    """Show words; ``title`` appears on hover."""
    element = TextElement(tag=tag, text=words).classes(classes)
    if title:
        element.props["title"] = title
    return element


def box(classes: str = "", tag: str = "div", label: str = "") -> Element:
    """Open a container; ``label`` names it to a screen reader."""
    element = Element(tag).classes(classes)
    if label:
        element.props["aria-label"] = label
    return element


def link(href: str, classes: str = "", words: str = "") -> TextElement:
    """Open a link to a page of this dashboard; it may hold other elements."""
    element = TextElement(tag="a", text=words).classes(classes)
    element.props["href"] = href
    return element


def icon(name: str, classes: str = "") -> TextElement:
    """Show an icon of the font that is served locally; a picture for the eye only."""
    element = TextElement(tag="i", text=name).classes(f"icon material-icons {classes}")
    element.props["aria-hidden"] = "true"
    return element


def set_prop(element: Element, name: str, value: object) -> None:
    """Change an attribute where it differs."""
    if element.props.get(name) != value:
        element.props[name] = value


def set_title(element: Element, title: str) -> None:
    """Change what appears on hover."""
    set_prop(element, "title", title)


def set_classes(element: Element, classes: str) -> None:
    """Change an element's classes where they differ."""
    if element.classes != classes.split():
        element.classes(replace=classes)
