// Keys of every page: "/" searches, "g" and a letter opens a page, "?" lists the keys, Ctrl-K finds a page.
(() => {
  const PAGES = [
    ["n", "/", "Now"], ["h", "/history", "History"], ["r", "/review", "Review"], ["b", "/batches", "Batches"],
    ["m", "/models", "Models"], ["s", "/savings", "Savings"], ["c", "/context", "Context"],
    ["d", "/digests", "Digests"], ["p", "/policy", "Policy"], [",", "/settings", "Settings"], ["w", "/welcome", "First steps"],
  ];
  const CHORD_MS = 1200, MOST_FOUND = 40;
  let chordUntil = 0;

  const element = (tag, properties, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };

  const OFFLOADS = 'main :is(a.ts-offload, a.ts-job-task)[href^="/offload/"]';

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
    const own = [...document.querySelectorAll(".ts-review-keys li")].map(each => row(...[...each.children].map(part => part.textContent)));
    const rows = [
      ...own,
      row("Ctrl K", "Find a page, command, setting, model or task"), row("/", "Search on this page"), row("?", "Show these keys"),
      ...(own.length ? [] : [row("j / k", "Next, previous row of a list; or offload of the list that this one is from"), row("Enter", "Open the row")]),
      row("] / [", "Next, previous section of the page"),
      ...PAGES.map(([key, , name]) => row(`g ${key}`, name)),
    ];
    const close = element("button", { type: "button", className: "ts-keys-close", textContent: "Close" });
    const dialog = show("help", "Keys", element("h2", { textContent: "Keys" }), element("ul", {}, ...rows), close);
    close.addEventListener("click", () => dialog.close());
    dialog.tabIndex = -1;
    dialog.focus();
    dialog.scrollTop = 0; // the browser first focuses the button at the end, and scrolls to it
  };

  // The page of an offload: j and k open the next or previous one of the list that it was opened from. The page
  // takes the place of the last one, so Back leads to the list with its filters.
  const LIST = "ts-list";
  document.addEventListener("click", event => {
    if (!event.target.closest(OFFLOADS)) return;
    const rows = [...document.querySelectorAll(OFFLOADS)].map(row => row.getAttribute("href"));
    sessionStorage.setItem(LIST, JSON.stringify({ from: location.pathname + location.search, rows }));
  }, true);
  const openNeighbour = by => {
    const list = JSON.parse(sessionStorage.getItem(LIST) || '{"rows":[]}');
    const at = list.rows.indexOf(location.pathname);
    const next = at < 0 ? undefined : list.rows[at + by];
    if (!next) return false;
    sessionStorage.setItem(`ts-opened ${list.from}`, next); // the row that gets the focus, see focus.js
    location.replace(next);
    return true;
  };

  // Rows of a list: j and k move the focus, Enter opens the row as any link. Review has keys of its own.
  const step = by => {
    const rows = [...document.querySelectorAll("main a.ts-offload, main summary.ts-offload, main a.ts-job-task")].filter(row => row.checkVisibility());
    if (document.querySelector(".ts-review")) return false;
    if (location.pathname.startsWith("/offload/")) return openNeighbour(by);
    if (!rows.length) return false;
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

  // Sections: "]" and "[" move the focus to the next or previous heading.
  const jump = by => {
    const headings = [...document.querySelectorAll("main h2")].filter(each => each.checkVisibility());
    const here = document.activeElement;
    const before = headings.filter(each => each === here || each.compareDocumentPosition(here) & Node.DOCUMENT_POSITION_FOLLOWING);
    const target = headings[Math.max(0, before.length - 1 + by + (by < 0 && before.at(-1) !== here ? 1 : 0))];
    if (!target) return;
    target.tabIndex = -1;
    target.focus({ preventScroll: true });
    target.scrollIntoView({ block: "start" });
  };

  const entries = () => [
    ...PAGES.map(([key, path, name]) => ({ name, hint: `g ${key}`, run: () => location.assign(path) })),
    ...[...document.querySelectorAll(".ts-commands > [data-command]")]
      .filter(command => !command.classList.contains("hidden"))
      .map(command => ({ name: command.dataset.command, hint: "", run: () => command.click() })),
    { name: "Search the history", hint: "", run: () => location.assign("/history#search") },
    { name: "Show the keyboard shortcuts", hint: "?", run: help },
  ];

  const palette = () => {
    let all = entries();
    let found = all, chosen = 0;
    const list = element("ul", { id: "ts-palette-list", role: "listbox", ariaLabel: "Matches" });
    const input = element("input", { type: "text", placeholder: "Go to…", ariaLabel: "Find a page, command, setting, model or task", autocomplete: "off" });
    input.setAttribute("role", "combobox");
    input.setAttribute("aria-expanded", "true");
    input.setAttribute("aria-controls", list.id);
    const none = element("p", { className: "ts-keys-none", role: "status" });
    const dialog = show("palette", "Command palette", input, list, none);
    const draw = () => {
      none.textContent = found.length ? "" : `Nothing matches “${input.value}”.`;
      list.replaceChildren(...found.map((entry, index) => {
        const kind = entry.path ? ["span", "ts-sub"] : ["kbd", "ts-key"];
        const hint = entry.hint ? [element(kind[0], { className: kind[1], textContent: entry.hint })] : [];
        const item = element("li", { id: `ts-palette-${index}`, role: "option" }, entry.name, ...hint);
        item.setAttribute("aria-selected", index === chosen);
        item.addEventListener("click", () => run(entry));
        return item;
      }));
      input.setAttribute("aria-activedescendant", found.length ? `ts-palette-${chosen}` : "");
      list.children[chosen]?.scrollIntoView({ block: "nearest" });
    };
    const run = entry => {
      dialog.close();
      if (entry?.path) location.assign(entry.path);
      else entry?.run();
    };
    const search = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      const fits = text => words.every(word => text.toLowerCase().includes(word));
      // Without words, the palette lists pages and commands. Names count before other words.
      const named = all.filter(entry => (words.length || !entry.path) && fits(entry.name));
      const others = words.length ? all.filter(entry => entry.words && !named.includes(entry) && fits(`${entry.name} ${entry.words}`)) : [];
      found = [...named, ...others].slice(0, MOST_FOUND);
      draw();
    };
    input.addEventListener("input", () => { chosen = 0; search(); });
    fetch("/palette.json").then(answer => (answer.ok ? answer.json() : [])).catch(() => []).then(more => {
      if (!dialog.isConnected) return;
      all = [...all, ...more];
      search();
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
    else if (event.key === "]" || event.key === "[") { event.preventDefault(); jump(event.key === "]" ? 1 : -1); }
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
