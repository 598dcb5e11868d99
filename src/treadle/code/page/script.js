"use strict";
// Files with their chunks: found, narrowed by language, state and kind, and shown fifty at a time.
// What is shown is set as text, never as markup.
(() => {
  const PAGE = 50;
  const FIRST = 30;  // chunks of a file that are drawn before somebody asks for the others
  const LONG = 400;  // letters of a line that is broken instead of scrolled
  const entries = document.getElementById("entries");
  const files = JSON.parse(entries.textContent);
  const unit = entries.dataset.unit === "characters" ? "character" : "token";
  const view = { text: "", language: "", status: "", kind: "", page: 0, found: [] };

  function make(tag, className, text) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  }

  function draw(tag, attributes, parent) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (parent) parent.append(element);
    return element;
  }

  // Line ends alike, control characters as pictures of them, and by name what turns or hides text:
  // none is lost, none acts.
  function visible(text) {
    return String(text)
      .replace(/\r\n?/g, "\n")
      .replace(/[\u0000-\u0008\u000b-\u001f]/g, (letter) => String.fromCharCode(0x2400 + letter.charCodeAt(0)))
      .replace(/[\u007f-\u009f]/g, "\ufffd")
      .replace(/[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/g,
        (letter) => `[U+${letter.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}]`);
  }

  function put(element, text) {
    const shown = visible(text);
    const wanted = view.text;
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

  const whole = (number) => number.toLocaleString("en");
  const counted = (number, what) => `${whole(number)} ${what}${number === 1 ? "" : "s"}`;
  const bytes = (count) => count >= 1e6 ? `${(count / 1e6).toFixed(1)} MB`
    : count >= 1e3 ? `${(count / 1e3).toFixed(1)} kB` : `${count} B`;
  const holds = (text) => text !== undefined && text.toLowerCase().includes(view.text);

  // What is to be seen of a file: all of it where its path is what was looked for.
  function seen(file) {
    if (view.language && file.l !== view.language) return null;
    if (view.status && file.s !== view.status) return null;
    let chunks = file.c || [];
    if (view.kind) chunks = chunks.filter((chunk) => chunk.k === view.kind);
    if (view.text && !holds(file.p)) {
      chunks = chunks.filter((one) => holds(one.t) || holds(one.name) || holds(one.sig) || one.id === view.text);
    } else if (!view.kind) {
      return { file, chunks };
    }
    return chunks.length ? { file, chunks } : null;
  }

  function find() {
    view.found = files.map(seen).filter((one) => one);
    view.page = 0;
    show();
  }

  function strip(file) {
    const svg = draw("svg", { class: "strip", role: "img", "aria-label": counted(file.n, "chunk") });
    const total = file.c.reduce((sum, chunk) => sum + (chunk.b || 0), 0) || 1;
    let at = 0;
    for (const chunk of file.c) {
      const share = 100 * (chunk.b || 0) / total;
      const rect = draw("rect", { class: chunk.f, x: `${at}%`, width: `${share}%`, height: "100%" }, svg);
      draw("title", {}, rect).textContent = visible(`${chunk.k} ${chunk.name || ""}`);
      at += share;
    }
    return svg;
  }

  function drawChunk(chunk) {
    const box = make("div", `chunk ${chunk.f}`);
    const head = make("header");
    head.append(make("span", "kind", visible(chunk.k)));
    if (chunk.name) head.append(put(make("span", "name"), chunk.name));
    const facts = make("span", "facts");
    const [first, last] = chunk.at;
    const told = [
      chunk.part && `part ${chunk.part[0]} of ${chunk.part[1]}`, chunk.how,
      first === last ? `line ${whole(first)}` : `lines ${whole(first)}–${whole(last)}`,
      counted(chunk.tok || 0, unit),
    ];
    for (const fact of told) if (fact) facts.append(make("span", "", visible(fact)));
    if (chunk.bad) facts.append(make("span", "bad", counted(chunk.bad, "syntax error")));
    head.append(facts);
    head.title = visible([chunk.sig, chunk.id].filter((one) => one).join("\n"));
    box.append(head, body(chunk));
    if (chunk.length) {
      box.append(make("p", "detail", `the first ${whole(chunk.t.length)} of ${whole(chunk.length)} letters`));
    }
    return box;
  }

  function body(chunk) {
    const all = visible((chunk.o || "") + (chunk.t || ""));
    const lines = all.split("\n");
    if (lines.length > 1 && lines[lines.length - 1] === "") lines.pop();
    const wide = lines.some((line) => line.length > LONG);
    const box = make("div", wide ? "body wrapped" : "body");
    // Broken lines have more rows than numbers.
    const numbers = wide ? [chunk.at[0]] : lines.map((_, number) => chunk.at[0] + number);
    const said = make("pre", "said");
    if (chunk.o) said.append(make("span", "before", visible(chunk.o)));
    box.append(make("pre", "lines", numbers.join("\n")), put(said, chunk.t || ""));
    return box;
  }

  function drawFile({ file, chunks }, open) {
    const box = make("details", "file");
    const head = make("summary");
    head.append(put(make("b"), file.p));
    const facts = make("span", "facts");
    facts.append(make("span", `status ${file.s}`, file.s));
    const told = [file.why, file.l, bytes(file.size || 0), file.n && counted(file.n, "chunk"), file.code];
    for (const fact of told) if (fact) facts.append(make("span", "", visible(fact)));
    if (file.errors) facts.append(make("span", "bad", counted(file.errors, "syntax error")));
    head.append(facts);
    if (file.c) head.append(strip(file));
    box.append(head);
    box.ontoggle = () => {  // drawn when it is looked at: most never are
      if (box.open && box.childElementCount === 1) fill(box, file, chunks);
    };
    box.open = open;
    return box;
  }

  function fill(box, file, chunks) {
    for (const words of [file.detail, file.by && `parsed by ${file.by}`]) {
      if (words) box.append(make("p", "detail", visible(words)));
    }
    more(box, file, chunks, 0);
  }

  function more(box, file, chunks, from) {
    box.append(...chunks.slice(from, from + FIRST).map(drawChunk));
    const shown = Math.min(from + FIRST, chunks.length);
    if (shown < chunks.length) {
      const button = make("button", "more", `${whole(chunks.length - shown)} more of this file`);
      button.onclick = () => {
        button.remove();
        more(box, file, chunks, shown);
      };
      box.append(button);
    } else if (file.n > (file.c || []).length) {
      box.append(make("p", "detail", `${counted(file.n - file.c.length, "chunk")} of this file left out here`));
    }
  }

  function show() {
    const pages = Math.max(1, Math.ceil(view.found.length / PAGE));
    const from = view.page * PAGE;
    const narrowed = view.text || view.kind;
    const open = narrowed ? 10 : view.found.length <= 3 ? 3 : 0;
    list.replaceChildren(...view.found.slice(from, from + PAGE).map((one, place) => drawFile(one, place < open)));
    const chunks = view.found.reduce((sum, one) => sum + one.chunks.length, 0);
    count.textContent = `${counted(view.found.length, "file")}, ${counted(chunks, "chunk")}` +
      (pages > 1 ? ` · page ${view.page + 1} of ${pages}` : "");
    before.disabled = view.page === 0;
    after.disabled = view.page >= pages - 1;
  }

  function choice(name, title, values) {
    const select = make("select");
    select.setAttribute("aria-label", title);
    select.append(new Option(title, ""));
    for (const value of values) select.append(new Option(visible(value), value));
    select.onchange = () => {
      view[name] = select.value;
      find();
    };
    return select;
  }

  const distinct = (values) => [...new Set(values)].sort();
  const tools = make("div", "tools");
  const search = make("input");
  search.type = "search";
  search.placeholder = "find in paths, names and text";
  search.setAttribute("aria-label", "find");
  let timer = 0;
  search.oninput = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      view.text = search.value.toLowerCase();
      find();
    }, 150);
  };
  const count = make("span", "count");
  const before = make("button", "", "‹ back");
  const after = make("button", "", "next ›");
  const turn = (by) => () => {
    view.page += by;
    show();
    tools.scrollIntoView();
  };
  before.onclick = turn(-1);
  after.onclick = turn(1);
  tools.append(
    search,
    choice("language", "all languages", distinct(files.map((file) => file.l))),
    choice("status", "all states", distinct(files.map((file) => file.s))),
    choice("kind", "all kinds", distinct(files.flatMap((file) => (file.c || []).map((chunk) => chunk.k)))),
    count, before, after,
  );
  const list = make("div");
  document.getElementById("files").append(tools, list);
  find();
})();
