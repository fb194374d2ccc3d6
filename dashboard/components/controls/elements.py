"""Plain HTML elements: text, box, link, icon. All components are built from these and NiceGUI's controls.

The stylesheet's classes start with ``ts-``, so that they cannot clash with those of NiceGUI or Quasar.
"""

from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement


def text(words: str = "", classes: str = "", tag: str = "span", title: str = "") -> TextElement:
    """Show text; ``title`` appears on hover."""
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
    """Open a link to a dashboard page. It may contain other elements."""
    element = TextElement(tag="a", text=words).classes(classes)
    element.props["href"] = href
    return element


def icon(name: str, classes: str = "") -> TextElement:
    """Show an icon from the bundled icon font. Screen readers skip it."""
    element = TextElement(tag="i", text=name).classes(f"ts-icon material-icons {classes}")
    element.props["aria-hidden"] = "true"
    return element


def set_prop(element: Element, name: str, value: object) -> None:
    """Set an attribute. Nothing is sent if the value is unchanged."""
    if element.props.get(name) != value:
        element.props[name] = value


def set_title(element: Element, title: str) -> None:
    """Set the text shown on hover."""
    set_prop(element, "title", title)


def set_classes(element: Element, classes: str) -> None:
    """Set an element's classes. Nothing is sent if they are unchanged."""
    if element.classes != classes.split():
        element.classes(replace=classes)
