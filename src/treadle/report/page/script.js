"use strict";
// Comfort for a page that needs none of it: what lies under the pointer in words, a closer look at
// the axis of time, tables that can be sorted and filtered, light or dark.
// What is shown is set as text, never as markup.
(() => {
  function make(tag, className, text) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  }

  // ── light and dark ────────────────────────────────────────────────────────────────────────
  const root = document.documentElement;
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const toggle = make("button", "theme");
  toggle.type = "button";
  const isDark = () => (root.dataset.theme || (prefersDark.matches ? "dark" : "light")) === "dark";
  const name = () => { toggle.textContent = isDark() ? "Light colours" : "Dark colours"; };
  toggle.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    name();
  });
  prefersDark.addEventListener("change", name);
  name();
  document.querySelector("header").append(toggle);

  // ── charts in words ───────────────────────────────────────────────────────────────────────
  for (const figure of document.querySelectorAll("figure")) {
    const hits = [...figure.querySelectorAll(".hits > *")];
    if (!hits.length) continue;
    const words = new Map();
    for (const hit of hits) {
      const title = hit.querySelector("title");
      words.set(hit, title.textContent);
      title.remove(); // else it would cover what the read-out says
    }
    const idle = "Point at the chart, or move along it with the arrow keys.";
    const readout = make("output", "readout", idle);
    figure.querySelector(".chart").after(readout);
    let at = -1;
    const show = (number) => {
      if (at >= 0) hits[at].classList.remove("at");
      at = number;
      if (at >= 0) hits[at].classList.add("at");
      readout.textContent = at >= 0 ? words.get(hits[at]) : idle;
      readout.classList.toggle("on", at >= 0);
    };
    const area = figure.querySelector(".scroller");
    area.tabIndex = 0;
    area.setAttribute("role", "group");
    area.setAttribute("aria-label", "Chart; the arrow keys move along it");
    area.addEventListener("pointermove", (event) => {
      const hit = event.target.closest(".hits > *");
      if (hit) show(hits.indexOf(hit));
    });
    area.addEventListener("pointerleave", () => show(-1));
    area.addEventListener("keydown", (event) => {
      const last = hits.length - 1;
      const to = {
        ArrowRight: Math.min(at + 1, last), ArrowLeft: Math.max(at - 1, 0),
        PageDown: Math.min(at + 10, last), PageUp: Math.max(at - 10, 0),
        Home: 0, End: last, Escape: -1,
      }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      show(to);
      if (at >= 0) hits[at].scrollIntoView({ block: "nearest", inline: "nearest" });
    });
  }

  // ── a closer look at the axis of time ─────────────────────────────────────────────────────
  const overTime = ["throughput", "timeline"].map((id) => document.getElementById(id)).filter(Boolean);
  const scrollers = overTime.map((figure) => figure.querySelector(".scroller"));
  for (const scroller of scrollers) {
    const stretched = make("div", "zoomed");
    stretched.append(...scroller.children);
    scroller.append(stretched);
    scroller.addEventListener("scroll", () => {
      const share = scroller.scrollLeft / scroller.scrollWidth;
      for (const other of scrollers) {
        const to = share * other.scrollWidth;
        if (other !== scroller && Math.abs(other.scrollLeft - to) > 1) other.scrollLeft = to;
      }
    });
  }
  const zoomButtons = [];
  function zoom(level) {
    for (const [at, figure] of overTime.entries()) {
      const scroller = scrollers[at];
      const middle = (scroller.scrollLeft + scroller.clientWidth / 2) / scroller.scrollWidth;
      figure.dataset.zoom = level;
      scroller.firstChild.style.setProperty("--zoom", level);
      scroller.scrollLeft = middle * scroller.scrollWidth - scroller.clientWidth / 2;
    }
    for (const button of zoomButtons) button.setAttribute("aria-pressed", button.value === String(level));
  }
  for (const figure of overTime) {
    const tools = make("div", "tools");
    tools.setAttribute("role", "group");
    tools.setAttribute("aria-label", "Axis of time");
    for (const level of [1, 4, 16]) {
      const button = make("button", "", level === 1 ? "All" : `${level}×`);
      button.type = "button";
      button.value = level;
      button.setAttribute("aria-pressed", level === 1);
      button.addEventListener("click", () => zoom(level));
      zoomButtons.push(button);
      tools.append(button);
    }
    figure.prepend(tools);
  }

  // ── tables ────────────────────────────────────────────────────────────────────────────────
  const order = new Intl.Collator(undefined, { numeric: true });

  function filterFor(what, entries, before) {
    if (entries.length < 2) return;
    const tools = make("div", "tools");
    const label = make("label", "", `Filter ${what}`);
    const input = make("input");
    input.type = "search";
    const found = make("output");
    label.append(input);
    tools.append(label, found);
    before.before(tools);
    input.addEventListener("input", () => {
      const wanted = input.value.toLowerCase();
      let shown = 0;
      for (const entry of entries) {
        entry.hidden = !entry.textContent.toLowerCase().includes(wanted);
        shown += !entry.hidden;
      }
      found.textContent = wanted ? `${shown} of ${entries.length}` : "";
    });
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    filterFor("this table", rows, table.parentElement);
    for (const [column, head] of [...table.tHead.rows[0].cells].entries()) {
      const button = make("button", "", head.textContent);
      button.type = "button";
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const value = (row) => row.cells[column].dataset.sort;
        const compare = (a, b) =>
          value(a) === undefined
            ? order.compare(a.cells[column].textContent, b.cells[column].textContent)
            : value(a) - value(b);
        rows.sort((a, b) => (down ? -compare(a, b) : compare(a, b)));
        body.append(...rows);
      });
    }
  }

  const kinds = document.getElementById("kinds");
  if (kinds) filterFor("failures", [...kinds.children], kinds);
})();
