"use strict";
// Rows with the answers of all models side by side: found, sorted, and shown fifty at a time.
// What is shown is set as text, never as markup.
(() => {
  const PAGE = 50;
  const STATUSES = ["ok", "truncated", "filtered", "empty", "error", "skipped"];
  const WORDS = { truncated: "cut off", error: "failed" };
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const variants = read("variants");
  const rows = grouped(read("entries"));
  const severalPrompts = new Set(variants.map((one) => one.prompt)).size > 1;
  const view = {
    text: "", statuses: new Set(STATUSES), hidden: new Set(), sort: "row", down: false,
    differing: false, page: 0, found: rows,
  };

  function grouped(entries) {
    const byNumber = new Map();
    const sent = new Map();
    for (const entry of entries) {
      let row = byNumber.get(entry.r);
      if (!row) byNumber.set(entry.r, (row = { number: entry.r, cells: [], entries: [] }));
      if (entry.cells) row.cells = entry.cells;
      // Models of a row are mostly asked the same; it stands with the first of them.
      const key = entry.r + " " + variants[entry.v].prompt;
      if (entry.sent) sent.set(key, entry.sent);
      else entry.sent = sent.get(key) || [];
      row.entries.push(entry);
    }
    return [...byNumber.values()];
  }

  function make(tag, className, text) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  }

  // Control characters as pictures of them, and by name what turns the direction of text: none is
  // lost, none acts.
  function visible(text) {
    return String(text)
      .replace(/[\u0000-\u0008\u000b-\u001f]/g, (letter) => String.fromCharCode(0x2400 + letter.charCodeAt(0)))
      .replace(/[\u007f-\u009f]/g, "\ufffd")
      .replace(/[\u202a-\u202e\u2066-\u2069]/g, (letter) => `[U+${letter.charCodeAt(0).toString(16).toUpperCase()}]`);
  }

  function put(element, text) {
    const shown = visible(text);
    const wanted = view.text.toLowerCase();
    const lower = shown.toLowerCase();
    let from = 0;
    // Letters whose small form is longer would shift the marks.
    if (wanted && lower.length === shown.length) {
      for (let at = lower.indexOf(wanted), marks = 0; at >= 0 && marks < 200; marks++) {
        element.append(shown.slice(from, at), make("mark", "", shown.slice(at, at + wanted.length)));
        from = at + wanted.length;
        at = lower.indexOf(wanted, from);
      }
    }
    element.append(shown.slice(from));
    return element;
  }

  const nameOf = (one) => `${one.lane}/${one.model}` + (severalPrompts ? ` · ${one.prompt}` : "");
  const word = (status) => WORDS[status] || status;
  const whole = (number) => number.toLocaleString("en");
  const seconds = (time) => time < 0.0995 ? `${Math.round(time * 1000)} ms`
    : time < 60 ? `${time < 0.995 ? time.toFixed(2) : time.toFixed(1)} s`
    : `${Math.floor(Math.round(time) / 60)}:${String(Math.round(time) % 60).padStart(2, "0")}`;

  function money(text) {
    const cost = Number(text);
    if (cost === 0) return "$0";
    if (cost >= 1) return `$${cost.toFixed(2)}`;
    return `$${cost.toFixed(cost >= 0.01 ? 4 : Math.min(1 - Math.floor(Math.log10(cost)), 20))}`;
  }

  const shownEntries = (row) => row.entries.filter(
    (entry) => !view.hidden.has(entry.v) && view.statuses.has(entry.s));

  function holds(row, wanted) {
    return row.cells.some(([, value]) => value.toLowerCase().includes(wanted)) ||
      shownEntries(row).some((entry) =>
        [entry.t, entry.error, entry.kind, entry.id, entry.finish, ...(entry.warnings || [])]
          .some((text) => text && text.toLowerCase().includes(wanted)));
  }

  const SORTS = {
    row: ["row", (row) => row.number],
    slow: ["latency", (row) => most(row, (entry) => entry.sec)],
    dear: ["cost", (row) => most(row, (entry) => entry.cost && Number(entry.cost))],
    long: ["length of answer", (row) => most(row, (entry) => entry.length || (entry.t || "").length)],
    out: ["tokens out", (row) => most(row, (entry) => entry.out)],
  };
  for (const row of rows) for (const entry of row.entries) {
    for (const [name, value] of Object.entries(entry.scores || {})) {
      if (typeof value === "number" || typeof value === "boolean") {
        SORTS[`score ${name}`] ||= [`score: ${name}`, (one) => mean(one, name)];
      }
    }
  }

  function most(row, measure) {
    return Math.max(-1, ...shownEntries(row).map((entry) => measure(entry) || 0));
  }

  function mean(row, name) {
    const found = shownEntries(row).map((entry) => (entry.scores || {})[name])
      .filter((value) => typeof value === "number" || typeof value === "boolean");
    return found.length ? found.reduce((sum, value) => sum + Number(value), 0) / found.length : -Infinity;
  }

  function find() {
    const wanted = view.text.toLowerCase();
    const measure = SORTS[view.sort][1];
    view.found = rows.filter((row) => {
      const entries = shownEntries(row);
      return entries.length && (!wanted || holds(row, wanted)) &&
        (!view.differing || new Set(entries.map((entry) => (entry.t || "").trim())).size > 1);
    }).map((row) => [measure(row), row])
      .sort(([a, one], [b, other]) => (a === b ? one.number - other.number : (a < b) !== view.down ? -1 : 1))
      .map(([, row]) => row);
    view.page = 0;
    draw();
  }

  function answer(entry) {
    const box = make("div", "answer");
    const name = nameOf(variants[entry.v]) + (entry.i ? ` · repeat ${entry.i}` : "");
    box.append(make("div", "who", visible(name)));
    const facts = make("div", "facts");
    facts.append(make("span", `status ${entry.s}`, word(entry.s)));
    const figures = [
      entry.kind, entry.http && entry.s === "error" && `HTTP ${entry.http}`,
      entry.sec !== undefined && seconds(entry.sec),
      entry.out !== undefined && `${whole(entry.in || 0)} → ${whole(entry.out)} tokens${entry.guess ? " (estimated)" : ""}`,
      entry.cost !== undefined && money(entry.cost),
      entry.attempts && `${entry.attempts} attempts`,
      ...Object.entries(entry.scores || {}).map(([score, value]) => `${score}: ${value}`),
    ];
    for (const fact of figures) if (fact) facts.append(make("span", "", visible(fact)));
    box.append(facts);
    if (entry.error) box.append(put(make("p", "error-text"), entry.error));
    for (const warning of entry.warnings || []) box.append(put(make("p", "warning"), warning));
    if (entry.t !== undefined) box.append(...said(entry));
    box.append(more(entry));
    return box;
  }

  function said(entry) {
    const text = put(make("pre", "said"), entry.t);
    text.dir = "auto";
    const here = entry.length ? ` (${whole(entry.t.length)} of them here)` : "";
    const all = `show all ${whole(entry.length || entry.t.length)} letters${here}`;
    const button = make("button", "more", all);
    button.hidden = true;
    button.onclick = () => {
      button.textContent = text.classList.toggle("open") ? "show less" : all;
    };
    return [text, button];
  }

  // Whether an answer is too long for its place is only known once it is there.
  function fold() {
    const texts = [...list.querySelectorAll(".said")];
    for (const text of texts.filter((one) => one.scrollHeight > one.clientHeight + 4)) {
      text.classList.add("long");
      text.nextSibling.hidden = false;
    }
  }

  function more(entry) {
    const details = make("details");
    details.append(make("summary", "", "what was sent"));
    details.ontoggle = () => {  // made when it is looked at: most never are
      if (details.childElementCount > 1) return;
      for (const [role, text] of entry.sent) {
        details.append(make("b", "", visible(role)), make("pre", "", visible(text)));
      }
      const facts = { key: entry.id, request: entry.request, "model used": entry.model, finish: entry.finish,
        ttft: entry.ttft && seconds(entry.ttft), waited: entry.waited && seconds(entry.waited),
        "cached tokens": entry.cached, "reasoning tokens": entry.reasoning,
        params: entry.params && JSON.stringify(entry.params) };
      for (const [name, value] of Object.entries(facts)) {
        if (value) details.append(make("div", "", visible(`${name}: ${value}`)));
      }
    };
    return details;
  }

  function drawRow(row) {
    const box = make("article", "row");
    const grid = make("div");
    const inputs = make("div", "inputs");
    inputs.append(make("b", "", `row ${whole(row.number)}`));
    const list = make("dl");
    for (const [name, value] of row.cells) {
      list.append(make("dt", "", visible(name)), put(make("dd"), value));
    }
    inputs.append(list);
    grid.append(inputs);
    const entries = shownEntries(row);
    // Side by side over all rows, unless a table names another model in every row.
    const own = new Set(entries.map((entry) => entry.v));
    const columns = [...(used.size > 8 ? own : used)].sort((one, other) => one - other);
    for (const number of columns) {
      const column = make("div");
      column.append(...entries.filter((entry) => entry.v === number).map(answer));
      grid.append(column);
    }
    grid.style.setProperty("--columns", Math.max(columns.length, 1));
    box.append(grid);
    return box;
  }

  const used = new Set();
  const list = make("div");
  const count = make("span", "count");
  const pages = make("span", "count");
  const back = make("button", "", "‹ back");
  const on = make("button", "", "on ›");

  function draw() {
    const last = Math.max(Math.ceil(view.found.length / PAGE) - 1, 0);
    const page = view.found.slice(view.page * PAGE, (view.page + 1) * PAGE);
    // A model that no row of this page asks takes no room: tables may name one for each row.
    used.clear();
    for (const row of page) for (const entry of shownEntries(row)) used.add(entry.v);
    list.replaceChildren(...page.map(drawRow));
    fold();
    count.textContent = view.found.length === rows.length ? `${whole(rows.length)} rows`
      : `${whole(view.found.length)} of ${whole(rows.length)} rows`;
    pages.textContent = `page ${view.page + 1} of ${last + 1}`;
    back.disabled = view.page === 0;
    on.disabled = view.page >= last;
  }

  function turn(step) {
    view.page += step;
    draw();
    tools.scrollIntoView();
  }
  back.onclick = () => turn(-1);
  on.onclick = () => turn(1);

  function chip(label, isOn, toggle) {
    const button = make("button", "", label);
    button.setAttribute("aria-pressed", isOn());
    button.onclick = () => {
      toggle();
      button.setAttribute("aria-pressed", isOn());
      find();
    };
    return button;
  }

  const flip = (set, value) => set.delete(value) || set.add(value);
  const tools = make("div", "tools");
  const search = make("input");
  search.type = "search";
  search.placeholder = "find in inputs and answers";
  search.setAttribute("aria-label", search.placeholder);
  let typing;
  search.oninput = () => {
    clearTimeout(typing);
    typing = setTimeout(() => { view.text = search.value; find(); }, 150);
  };
  const sort = make("select");
  sort.setAttribute("aria-label", "sort by");
  for (const [name, [label]] of Object.entries(SORTS)) {
    const option = make("option", "", `by ${visible(label)}`);
    option.value = name;
    sort.append(option);
  }
  const direction = make("button", "", "↑");
  direction.title = "the other way round";
  const pointed = () => { direction.textContent = view.down ? "↓" : "↑"; };
  sort.onchange = () => {
    view.sort = sort.value;
    view.down = sort.value !== "row" && !sort.value.startsWith("score ");  // the most, and the worst, first
    pointed();
    find();
  };
  direction.onclick = () => { view.down = !view.down; pointed(); find(); };
  const statuses = make("span", "chips");
  for (const status of STATUSES) {
    const number = rows.reduce((sum, row) => sum + row.entries.filter((entry) => entry.s === status).length, 0);
    if (number) {
      statuses.append(chip(`${word(status)} ${whole(number)}`, () => view.statuses.has(status),
        () => flip(view.statuses, status)));
    }
  }
  const models = make("span", "chips");
  if (variants.length > 1) {
    variants.forEach((one, number) => models.append(
      chip(visible(nameOf(one)), () => !view.hidden.has(number), () => flip(view.hidden, number))));
    models.append(chip("only where answers differ", () => view.differing,
      () => { view.differing = !view.differing; }));
    models.lastChild.classList.add("option");
  }
  tools.append(search, sort, direction, statuses, models, count, back, pages, on);

  for (const button of document.querySelectorAll(".find")) {
    button.onclick = () => {
      search.value = view.text = button.dataset.find.slice(0, 120);
      find();
      tools.scrollIntoView();
    };
  }
  document.getElementById("answers").append(tools, list);
  find();
})();
