// The table of runs: filters, a search, heads to sort by, a box per row to choose it. Rows come ready from Python
// (rows.py) and are put in place by name, so that focus and scrolling stay where they are.

function element(tag, className, parent, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  if (parent) parent.append(made);
  return made;
}

function render({ model, el }) {
  el.classList.add("hx");
  // JupyterLab would take arrows and letters for its own: keys typed here end here.
  el.addEventListener("keydown", (event) => event.stopPropagation());
  const columns = model.get("columns");

  function set(name, value) {
    model.set(name, value);
    model.save_changes();
  }

  const tools = element("div", "hx-tools", el);
  tools.setAttribute("role", "group");
  tools.setAttribute("aria-label", "Which runs");
  const filters = {};
  for (const name of model.get("filters")) {
    filters[name] = element("button", "", tools, name);
    filters[name].type = "button";
    filters[name].addEventListener("click", () => set("wanted", name));
  }
  const search = element("input", "", tools);
  search.type = "search";
  search.placeholder = "name";
  search.setAttribute("aria-label", "Runs whose name holds");
  search.value = model.get("text");
  search.addEventListener("input", () => set("text", search.value));

  const scroll = element("div", "hx-rows hx-scroll", el);
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", "All runs");
  const table = element("table", "hx-table", scroll);
  const head = element("tr", "", element("thead", "", table));
  element("th", "", head, "").innerHTML = '<span class="hx-spoken">choose</span>';
  const heads = {};
  for (const [name, text, right] of columns) {
    const cell = element("th", right ? "hx-right" : "", head);
    cell.scope = "col";
    heads[name] = cell;
    const button = element("button", "", cell, text);
    button.type = "button";
    button.addEventListener("click", () => {
      const [column, descending] = model.get("sort");
      // Numbers are most wanted largest first, names in order; a third click is newest first again.
      if (column !== name) set("sort", [name, right]);
      else set("sort", descending === right ? [name, !right] : ["", true]);
    });
  }
  const body = element("tbody", "", table);
  const below = element("p", "hx-dim", el);
  const lines = new Map();

  function choose(name, on) {
    const others = model.get("chosen").filter((other) => other !== name);
    set("chosen", on ? [...others, name] : others);
  }

  function line(name) {
    const row = element("tr");
    const box = element("input", "", element("td", "", row));
    box.type = "checkbox";
    box.setAttribute("aria-label", `choose ${name}`);
    box.addEventListener("change", () => choose(name, box.checked));
    row.addEventListener("click", (event) => {
      if (event.target !== box) choose(name, !box.checked);
    });
    const cells = {};
    for (const [column, , right] of columns) {
      const cell = element("td", right ? "hx-right" : "", row);
      if (column === "items") {
        const mini = element("span", "hx-mini", cell);
        mini.setAttribute("aria-hidden", "true");
        cells.fill = element("i", "", mini);
      }
      cells[column] = element("span", "", cell);
    }
    return { row, box, cells, shown: "" };
  }

  function fill(made, data) {
    const key = JSON.stringify(data);
    if (made.shown === key) return;
    made.shown = key;
    for (const [column] of columns) made.cells[column].textContent = data.cells[column];
    made.cells.status.className = `hx-badge hx-${data.tone}`;
    made.cells.status.innerHTML = "";
    element("span", "", made.cells.status, data.glyph).setAttribute("aria-hidden", "true");
    made.cells.status.append(` ${data.cells.status}`);
    made.cells.fill.parentElement.style.visibility = data.share === null ? "hidden" : "visible";
    made.cells.fill.style.width = `${100 * (data.share ?? 0)}%`;
  }

  function put() {
    const rows = model.get("rows");
    const kept = new Set(rows.map((data) => data.name));
    for (const [name, made] of lines) {
      if (kept.has(name)) continue;
      made.row.remove();
      lines.delete(name);
    }
    rows.forEach((data, at) => {
      if (!lines.has(data.name)) lines.set(data.name, line(data.name));
      const made = lines.get(data.name);
      fill(made, data);
      if (body.children[at] !== made.row) body.insertBefore(made.row, body.children[at] || null);
    });
    const hidden = model.get("hidden_rows");
    below.textContent = rows.length === 0 ? model.get("empty") : hidden ? `and ${hidden} more: search by name` : "";
    mark();
  }

  function mark() {
    const chosen = new Set(model.get("chosen"));
    for (const [name, made] of lines) {
      made.box.checked = chosen.has(name);
      made.row.setAttribute("aria-selected", String(chosen.has(name)));
    }
    const tally = model.get("tally");
    for (const [name, button] of Object.entries(filters)) {
      button.setAttribute("aria-pressed", String(model.get("wanted") === name));
      button.textContent = `${name} ${tally[name] ?? ""}`;
    }
    const [column, descending] = model.get("sort");
    for (const [name, cell] of Object.entries(heads)) {
      cell.setAttribute("aria-sort", name !== column ? "none" : descending ? "descending" : "ascending");
      const text = columns.find(([other]) => other === name)[1];
      cell.firstChild.textContent = name !== column ? text : `${text} ${descending ? "▼" : "▲"}`;
    }
  }

  const events = ["change:rows", "change:hidden_rows", "change:empty"];
  const marks = ["change:chosen", "change:wanted", "change:sort", "change:tally"];
  for (const event of events) model.on(event, put);
  for (const event of marks) model.on(event, mark);
  put();
  return () => {
    for (const event of events) model.off(event, put);
    for (const event of marks) model.off(event, mark);
  };
}

export default { render };
