"""Plain HTML elements: text, box, link, icon. All components consist of these elements and NiceGUI's
controls.

The stylesheet's classes start with ``ts-``, so that they cannot clash with classes of NiceGUI or Quasar.
"""

from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement


def text(words: str = "", classes: str = "", tag: str = "span", title: str = "") -> TextElement:
    """Show a text; ``title`` appears on hover."""
    element = TextElement(tag=tag, text=words).classes(classes)
    if title:
        element.props["title"] = title
    return element


def box(classes: str = "", tag: str = "div", label: str = "") -> Element:
    """Open a container; ``label`` is its name for screen readers."""
    element = Element(tag).classes(classes)
    if label:
        element.props["aria-label"] = label
    return element


def link(href: str, classes: str = "", words: str = "") -> TextElement:
    """Open a link to a page of the dashboard. It may contain other elements."""
    element = TextElement(tag="a", text=words).classes(classes)
    element.props["href"] = href
    return element


def icon(name: str, classes: str = "") -> TextElement:
    """Show an icon of the local icon font. Screen readers skip it."""
    element = TextElement(tag="i", text=name).classes(f"ts-icon material-icons {classes}")
    element.props["aria-hidden"] = "true"
    return element


def set_prop(element: Element, name: str, value: object) -> None:
    """Set an attribute. An unchanged value is not sent."""
    if element.props.get(name) != value:
        element.props[name] = value


def set_title(element: Element, title: str) -> None:
    """Set the text that appears on hover."""
    set_prop(element, "title", title)


def set_classes(element: Element, classes: str) -> None:
    """Set an element's classes. Unchanged classes are not sent."""
    if element.classes != classes.split():
        element.classes(replace=classes)
