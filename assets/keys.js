// Keys of every page: "/" searches, "g" and a letter opens a page, "?" lists the keys, Ctrl-K finds a page.
(() => {
  const PAGES = [
    ["n", "/", "Now"], ["h", "/history", "History"], ["r", "/review", "Review"], ["b", "/batches", "Batches"],
    ["m", "/models", "Models"], ["s", "/savings", "Savings"], ["c", "/context", "Context"],
    ["d", "/digests", "Digests"], ["p", "/policy", "Policy"], [",", "/settings", "Settings"], ["w", "/welcome", "First steps"],
  ];
  const CHORD_MS = 1200;
  let chordUntil = 0;

  const element = (tag, properties, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };

  const typing = target => target.closest("input, textarea, select, [contenteditable], [role=combobox]");

  const show = (name, label, ...children) => {
    document.querySelector("dialog.ts-keys")?.remove();
    const dialog = element("dialog", { className: `ts-keys ts-keys-${name}`, ariaLabel: label }, ...children);
    dialog.addEventListener("close", () => dialog.remove());
    dialog.addEventListener("click", event => { if (event.target === dialog) dialog.close(); });
    document.body.append(dialog);
    dialog.showModal();
    return dialog;
  };

  const help = () => {
    const row = (keys, meaning) => element("li", {}, element("kbd", { className: "ts-key", textContent: keys }), meaning);
    const rows = [
      row("Ctrl K", "Find a page or a command"), row("/", "Search on this page"), row("?", "Show these keys"),
      row("j / k", "Next, previous row of a list"), row("Enter", "Open the row"),
      ...PAGES.map(([key, , name]) => row(`g ${key}`, name)),
    ];
    const close = element("button", { type: "button", className: "ts-keys-close", textContent: "Close" });
    const dialog = show("help", "Keys", element("h2", { textContent: "Keys" }), element("ul", {}, ...rows), close);
    close.addEventListener("click", () => dialog.close());
    dialog.tabIndex = -1;
    dialog.focus();
    dialog.scrollTop = 0; // the browser first focuses the button at the end, and scrolls to it
  };

  // Rows of a list: j and k move the focus, Enter opens the row as any link. Review has keys of its own.
  const step = by => {
    const rows = [...document.querySelectorAll("main a.ts-offload, main summary.ts-offload, main a.ts-job-task")].filter(row => row.checkVisibility());
    if (!rows.length || document.querySelector(".ts-review")) return false;
    const at = rows.indexOf(document.activeElement);
    const next = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.max(0, Math.min(rows.length - 1, at + by))];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
    return true;
  };

  document.addEventListener("click", event => { if (event.target.closest(".ts-rail-keys")) help(); });

  const searchField = () => ["main :is(search, [role=search]) input", "main .ts-load input", "main input[type=text]"]
    .map(each => document.querySelector(each)).find(Boolean);

  // In Review, a press greys its file at once. Until the hub has answered, another press does nothing.
  const markBusy = () => {
    const row = document.querySelector(".ts-review-chosen");
    if (!row || row.classList.contains("ts-busy")) return false;
    row.classList.add("ts-busy");
    return true;
  };
  // The focus follows the chosen file, so that a screen reader names it.
  const focusNext = (before, tries = 150) => {
    const row = document.querySelector(".ts-review-chosen");
    if (row && row !== before) row.focus();
    else if (tries) setTimeout(focusNext, 100, before, tries - 1);
  };
  document.addEventListener("click", event => {
    if (event.target.closest(".ts-review-actions button") && !markBusy()) { event.preventDefault(); event.stopImmediatePropagation(); }
  }, true);

  const entries = () => [
    ...PAGES.map(([key, path, name]) => ({ name, hint: `g ${key}`, run: () => location.assign(path) })),
    ...[...document.querySelectorAll(".ts-commands > [data-command]")]
      .filter(command => !command.classList.contains("hidden"))
      .map(command => ({ name: command.dataset.command, hint: "", run: () => command.click() })),
    { name: "Search the history", hint: "", run: () => location.assign("/history#search") },
    { name: "Show the keys", hint: "?", run: help },
  ];

  const palette = () => {
    const all = entries();
    let found = all, chosen = 0;
    const list = element("ul", { id: "ts-palette-list", role: "listbox", ariaLabel: "Pages and commands" });
    const input = element("input", { type: "text", placeholder: "Go to…", ariaLabel: "Find a page or a command", autocomplete: "off" });
    input.setAttribute("role", "combobox");
    input.setAttribute("aria-expanded", "true");
    input.setAttribute("aria-controls", list.id);
    const none = element("p", { className: "ts-keys-none", role: "status" });
    const dialog = show("palette", "Command palette", input, list, none);
    const draw = () => {
      none.textContent = found.length ? "" : "No page or command matches.";
      list.replaceChildren(...found.map((entry, index) => {
        const hint = entry.hint ? [element("kbd", { className: "ts-key", textContent: entry.hint })] : [];
        const item = element("li", { id: `ts-palette-${index}`, role: "option" }, entry.name, ...hint);
        item.setAttribute("aria-selected", index === chosen);
        item.addEventListener("click", () => run(entry));
        return item;
      }));
      input.setAttribute("aria-activedescendant", found.length ? `ts-palette-${chosen}` : "");
      list.children[chosen]?.scrollIntoView({ block: "nearest" });
    };
    const run = entry => { dialog.close(); entry?.run(); };
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/);
      found = all.filter(entry => words.every(word => entry.name.toLowerCase().includes(word)));
      chosen = 0;
      draw();
    });
    input.addEventListener("keydown", event => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && found.length) chosen = (chosen + step + found.length) % found.length;
      else if (event.key === "Enter") run(found[chosen]);
      else return;
      event.preventDefault();
      draw();
    });
    draw();
    input.focus();
  };

  const search = (tries = 100) => {
    const field = searchField();
    if (field) field.focus();
    else if (tries) setTimeout(search, 50, tries - 1);
  };
  const searchIfAsked = () => { if (location.hash === "#search") search(); };
  searchIfAsked();
  addEventListener("hashchange", searchIfAsked);

  document.addEventListener("keydown", event => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      palette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
    if (performance.now() < chordUntil) {
      chordUntil = 0;
      const page = PAGES.find(([key]) => key === event.key);
      // Other keys of the page, such as those of Review, must not act on the second key.
      if (page) { event.stopImmediatePropagation(); event.preventDefault(); location.assign(page[1]); }
      return;
    }
    if (document.querySelector(".ts-review") && ["a", "u", "r", "j", "k", "z"].includes(event.key)) {
      const before = document.querySelector(".ts-review-chosen");
      if (!["j", "k", "z"].includes(event.key) && !markBusy()) event.stopImmediatePropagation();
      else focusNext(before);
    }
    else if (event.key === "g") chordUntil = performance.now() + CHORD_MS;
    else if (event.key === "?") { event.preventDefault(); help(); }
    else if (event.key === "j" || event.key === "k") {
      if (step(event.key === "j" ? 1 : -1)) event.preventDefault();
    }
    else if (event.key === "/") {
      const search = searchField();
      if (search) { event.preventDefault(); search.focus(); }
    }
  }, true);
})();
