// Copies a text. If the browser does not allow it, shows the text selected, so that Ctrl-C copies it.
(() => {
  const showSelected = words => {
    document.querySelector("dialog.ts-keys")?.remove();
    const dialog = document.createElement("dialog");
    dialog.className = "ts-keys ts-keys-copy";
    dialog.ariaLabel = "Copy by hand";
    const heading = Object.assign(document.createElement("h2"), { textContent: "Copy by hand" });
    const keys = navigator.platform.startsWith("Mac") ? "\u2318C" : "Ctrl-C";
    const about = Object.assign(document.createElement("p"), { textContent: `This browser did not allow copying. The text is selected: press ${keys}, then Escape.` });
    const field = Object.assign(document.createElement("textarea"), { readOnly: true, value: words, ariaLabel: "Text to copy", rows: 6 });
    const close = Object.assign(document.createElement("button"), { type: "button", className: "ts-keys-close", textContent: "Close" });
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => dialog.remove());
    dialog.append(heading, about, field, close);
    document.body.append(dialog);
    dialog.showModal();
    field.focus();
    field.select();
  };

  // Resolves to whether the text is on the clipboard.
  window.tsCopy = async words => {
    try {
      await navigator.clipboard.writeText(words);
      return true;
    } catch {
      showSelected(words);
      return false;
    }
  };
})();
