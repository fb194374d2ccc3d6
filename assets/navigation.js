// The bar of pages in a narrow window: "More" shows the other pages. Arrow keys move, Escape closes.
(() => {
  const button = () => document.querySelector(".ts-nav-more");
  const isOpen = () => button()?.getAttribute("aria-expanded") === "true";

  const set = open => {
    button().setAttribute("aria-expanded", open);
    button().closest(".ts-rail").classList.toggle("ts-rail-open", open);
  };

  const entries = () => [...document.querySelectorAll(".ts-rail .ts-nav-item")].filter(entry => entry.checkVisibility());

  document.addEventListener("click", event => {
    const more = event.target.closest(".ts-nav-more");
    if (!more) {
      if (isOpen() && !event.target.closest(".ts-rail")) set(false);
      return;
    }
    set(!isOpen());
    // A click by keyboard has no position. Its user continues at the first page that was hidden.
    if (isOpen() && event.detail === 0) entries().find(entry => entry.classList.contains("ts-nav-later"))?.focus();
  });

  document.addEventListener("keydown", event => {
    if (!isOpen()) return;
    if (event.key === "Escape") {
      set(false);
      button().focus();
      return;
    }
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const all = entries(), at = all.indexOf(document.activeElement);
    if (!step || at < 0) return;
    event.preventDefault();
    all[(at + step + all.length) % all.length].focus();
  });
})();
