// Focus rules of every page: the focus never falls back to <body>, and menus answer to the arrow keys.
(() => {
  const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex='0']";
  const ITEMS = "li, article, section, tr";
  const WATCH_MS = 15000, LOOK_MS = 100;
  let place = null; // the control that has or had the focus, and its neighbours at each level
  let byPointer = false, watching = 0;

  const shown = element => element.isConnected && element.checkVisibility({ visibilityProperty: true });

  const neighbours = (element, step) => {
    const found = [];
    for (let each = element[step]; each; each = each[step]) found.push(each);
    return found;
  };

  const remember = control => {
    place = { control, levels: [] };
    for (let each = control; each && !each.matches(".ts-main, body"); each = each.parentElement) {
      const near = each.matches(ITEMS) ? ["nextElementSibling", "previousElementSibling"].flatMap(step => neighbours(each, step)) : [];
      place.levels.push({ element: each, near: near.filter(other => other.matches(ITEMS)) });
    }
  };

  const focus = target => {
    if (!target.matches(FOCUSABLE)) target.tabIndex = -1;
    target.focus({ preventScroll: byPointer });
  };

  // The next item if the item is gone; otherwise the nearest control or heading that is left.
  const successor = () => {
    for (const { element, near } of place.levels) {
      if (!shown(element)) {
        const next = near.find(shown);
        if (next) return next.closest(".ts-review-list")?.querySelector("[aria-current=true]") || next;
        continue;
      }
      const chosen = element.closest(".ts-review")?.querySelector(".ts-review-item[aria-current=true]");
      if (chosen && shown(chosen)) return chosen;
      const card = element.closest(".ts-card");
      const control = card && !element.matches(".ts-card, .ts-card-body")
        ? [...element.querySelectorAll(FOCUSABLE)].find(each => shown(each) && !each.disabled) : null;
      const heading = card ? card.querySelector("h2") : element.matches(".ts-main *") ? [...element.querySelectorAll("h2")].find(shown) : null;
      if (control || heading) return control || heading;
    }
    return document.querySelector("h1");
  };

  const look = () => {
    if (!place || (document.activeElement && document.activeElement !== document.body)) return;
    if (shown(place.control)) return;
    const target = successor();
    place = null;
    if (target) focus(target);
  };

  // A press takes a moment to reach the hub, and its control disappears only afterwards.
  const watch = () => {
    const until = performance.now() + WATCH_MS;
    clearTimeout(watching);
    const again = () => { look(); if (place && performance.now() < until) watching = setTimeout(again, LOOK_MS); };
    watching = setTimeout(again, LOOK_MS);
  };

  document.addEventListener("focusin", event => {
    if (!event.target.closest(".q-menu, dialog, .q-dialog")) remember(event.target);
  });
  document.addEventListener("focusout", () => setTimeout(look, LOOK_MS));
  document.addEventListener("pointerdown", () => { byPointer = true; }, true);
  document.addEventListener("click", watch, true);

  // Back to a list: the focus returns to the row that was opened.
  const ROWS = "main :is(a.ts-offload, a.ts-job-task, a.ts-run-task)";
  const here = () => `ts-opened ${location.pathname}${location.search}`;
  document.addEventListener("click", event => {
    const row = event.target.closest(ROWS);
    if (row) sessionStorage.setItem(here(), row.getAttribute("href"));
  }, true);
  const opened = performance.getEntriesByType("navigation")[0]?.type === "back_forward" && sessionStorage.getItem(here());
  const openedRow = () => {
    const row = opened && [...document.querySelectorAll(ROWS)].find(each => each.getAttribute("href") === opened);
    const fold = row && row.closest("details:not([open])");
    if (fold) fold.open = true;
    return row;
  };

  // After a change of page by keyboard, the focus goes to the heading of the new page.
  let byKey = false;
  document.addEventListener("keydown", () => { byKey = true; }, true);
  document.addEventListener("pointerdown", () => { byKey = false; }, true);
  addEventListener("pagehide", () => { if (byKey) sessionStorage.setItem("ts-by-key", "1"); });
  const begin = (tries = 200) => {
    const heading = window.did_handshake && document.querySelector("h1");
    const row = heading && openedRow();
    if (row) { row.focus({ preventScroll: true }); row.scrollIntoView({ block: "nearest" }); }
    else if (heading && document.activeElement === document.body) focus(heading);
    else if (!heading && tries) setTimeout(begin, 50, tries - 1);
  };
  if (opened || (sessionStorage.getItem("ts-by-key") && !location.hash)) begin();
  sessionStorage.removeItem("ts-by-key");

  document.addEventListener("keydown", event => {
    byPointer = false;
    const menu = event.target.closest?.(".q-menu");
    const items = menu ? [...menu.querySelectorAll("[role=menuitem]")].filter(shown) : [];
    if (!items.length) return;
    const at = items.indexOf(document.activeElement);
    const next = { ArrowDown: (at + 1) % items.length, ArrowUp: at > 0 ? at - 1 : items.length - 1, Home: 0, End: items.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    items[next].focus();
  }, true);
})();
