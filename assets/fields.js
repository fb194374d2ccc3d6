// Fields with an error: Quasar shows the message, but does not tie it to the field for screen readers.
(() => {
  let number = 0;

  const mark = field => {
    const input = field.querySelector("input, textarea, [role=combobox]");
    if (!input) return;
    const message = field.matches(".q-field--error") ? field.querySelector(".q-field__messages") : null;
    if (message) {
      message.id ||= `ts-message-${++number}`;
      input.setAttribute("aria-invalid", "true");
      input.setAttribute("aria-describedby", message.id);
    } else if (input.getAttribute("aria-describedby")?.startsWith("ts-message-")) {
      input.removeAttribute("aria-invalid");
      input.removeAttribute("aria-describedby");
    }
  };

  new MutationObserver(changes => {
    const fields = new Set(changes.map(change => change.target).filter(each => each.matches?.(".q-field")));
    if (fields.size) requestAnimationFrame(() => fields.forEach(mark));
  }).observe(document.documentElement, { subtree: true, attributes: true, attributeFilter: ["class"] });
})();
