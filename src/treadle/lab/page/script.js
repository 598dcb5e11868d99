"use strict";
// Comfort for a page that needs none of it: tables that can be sorted and filtered, and links that
// find their run though it is filtered out. What is shown is set as text, never as markup.
(() => {
  const words = new Intl.Collator(undefined, { numeric: true });
  const number = (text) => Number(text.replaceAll("−", "-"));

  function make(tag, text) {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    return element;
  }

  function filterFor(table, rows) {
    if (rows.length < 2) return;
    const said = rows.map((row) => row.textContent.toLowerCase());
    const tools = make("div");
    tools.className = "tools";
    const label = make("label", "Filter the runs");
    const input = make("input");
    input.type = "search";
    const found = make("output");
    label.append(input);
    tools.append(label, found);
    table.parentElement.before(tools);
    function filter() {
      const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const [at, row] of rows.entries()) {
        row.hidden = !wanted.every((word) => said[at].includes(word));
        shown += !row.hidden;
      }
      found.textContent = wanted.length ? `${shown} of ${rows.length}` : "";
    }
    input.addEventListener("input", filter);
    addEventListener("hashchange", () => {
      const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
      if (!target || !target.hidden) return;
      input.value = "";
      filter();
      target.scrollIntoView();
    });
  }

  function sortable(table, rows) {
    const body = table.tBodies[0];
    for (const [column, head] of [...table.tHead.rows[0].cells].entries()) {
      const button = make("button", head.textContent);
      button.type = "button";
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const cells = new Map(rows.map((row) => [row, row.cells[column].textContent]));
        const numbers = [...cells.values()].every((text) => !Number.isNaN(number(text)));
        const sorted = [...rows].sort((a, b) => {
          const [one, other] = [cells.get(a), cells.get(b)];
          if (!one || !other) return !one - !other; // what is empty stays below, either way
          const order = numbers ? number(one) - number(other) : words.compare(one, other);
          return down ? -order : order;
        });
        body.append(...sorted);
      });
    }
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    const rows = [...table.tBodies[0].rows];
    sortable(table, rows);
    if (table.closest("#history")) filterFor(table, rows);
  }
})();
