// The table of runs. Rows come ready from Python (runs.py) and are put in place by name, so that focus and scrolling
// stay where they are; `fresh` holds those that read otherwise since all were sent.

function rowsOf(model) {
  const fresh = model.get("fresh");
  return model.get("rows").map((row) => fresh[row.name] ?? row);
}

function chooser(model, set) {
  const is = (name) => model.get("chosen").includes(name);
  return {
    is,
    alone(name) {
      const chosen = model.get("chosen");
      set("chosen", chosen.length === 1 && chosen[0] === name ? [] : [name]);
    },
    beside(name, on = !is(name)) {
      const others = model.get("chosen").filter((other) => other !== name);
      set("chosen", on ? [...others, name] : others);
    },
  };
}

function heads(model, parent, set) {
  const row = element("tr", "", parent);
  const all = element("input", "", element("th", "", row));
  all.type = "checkbox";
  all.setAttribute("aria-label", "choose all runs that are shown");
  all.addEventListener("change", () => set("chosen", all.checked ? rowsOf(model).map((data) => data.name) : []));
  const made = {};
  for (const [name, text, right] of model.get("columns")) {
    if (!model.get("shown").includes(name)) continue;
    const cell = element("th", right ? "hx-right" : "", row);
    cell.scope = "col";
    cell.dataset.column = name;
    button(cell, text, `Sort by ${text}`, () => {
      const [column, descending] = model.get("sort");
      // Numbers are most wanted largest first, names in order; a third click is newest first again.
      if (column !== name) set("sort", [name, right]);
      else set("sort", descending === right ? [name, !right] : ["", true]);
    });
    made[name] = { cell, text };
  }
  return function mark() {
    const [column, descending] = model.get("sort");
    for (const [name, { cell, text }] of Object.entries(made)) {
      cell.setAttribute("aria-sort", name !== column ? "none" : descending ? "descending" : "ascending");
      cell.firstChild.textContent = name !== column ? text : `${text} ${descending ? "▼" : "▲"}`;
    }
    const rows = rowsOf(model), chosen = model.get("chosen").length;
    all.checked = rows.length > 0 && chosen === rows.length;
    all.indeterminate = chosen > 0 && !all.checked;
  };
}

function line(model, name, choose) {
  const row = element("tr");
  const box = element("input", "", element("td", "", row));
  box.type = "checkbox";
  box.setAttribute("aria-label", `choose ${name}`);
  box.addEventListener("change", () => choose.beside(name, box.checked));
  row.addEventListener("click", (event) => {
    if (event.target === box) return;
    if (event.target.closest("a")) {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // another tab, as of any link
      event.preventDefault();
    }
    if (event.ctrlKey || event.metaKey) choose.beside(name);
    else choose.alone(name);
  });
  const cells = {};
  for (const [column, , right] of model.get("columns")) {
    if (!model.get("shown").includes(column)) continue;
    const cell = element("td", right ? "hx-right" : "", row);
    cell.dataset.column = column;
    if (column === "items") {
      const mini = element("span", "hx-mini", cell);
      mini.setAttribute("aria-hidden", "true");
      cells.fill = element("i", "", mini);
    }
    cells[column] = element(column === "run" ? "a" : "span", "", cell);
    if (column !== "run") continue;
    cells.run.href = addressOf(name);
    cells.run.tabIndex = -1; // the box is the row's stop, and Enter there does the same
  }
  return { row, box, cells, shown: "" };
}

function fill(made, data) {
  const key = JSON.stringify(data);
  if (made.shown === key) return;
  made.shown = key;
  for (const [column, cell] of Object.entries(made.cells)) if (column !== "fill") cell.textContent = data.cells[column];
  if (made.cells.status) {
    made.cells.status.className = `hx-badge hx-${data.tone}`;
    made.cells.status.textContent = "";
    element("span", "", made.cells.status, data.glyph).setAttribute("aria-hidden", "true");
    made.cells.status.append(` ${data.cells.status}`);
  }
  if (made.cells.fill) {
    made.cells.fill.parentElement.style.visibility = data.share === null ? "hidden" : "visible";
    made.cells.fill.style.width = `${100 * (data.share ?? 0)}%`;
  }
}

// Arrows go from row to row, Enter chooses one alone.
function keys(body, choose) {
  body.addEventListener("keydown", (event) => {
    const row = event.target.closest("tr");
    const to = { ArrowDown: row?.nextSibling, ArrowUp: row?.previousSibling, Home: body.firstChild, End: body.lastChild };
    if (event.key === "Enter") choose.alone(row.dataset.run);
    else if (event.key in to) to[event.key]?.querySelector("input").focus();
    else return;
    event.preventDefault();
  });
}

// The address of the page names the run that is chosen, so that it can be passed on and a reload comes back to it.
function keepAddress(model) {
  const chosen = model.get("chosen");
  const address = new URL(location.href);
  address.hash = chosen.length === 1 ? new URL(addressOf(chosen[0])).hash : "";
  if (chosen.length !== 1 && !runIn(location.href)) return;
  history.replaceState(history.state, "", address.href);
}

function render({ model, el }) {
  el.classList.add("hx", "hx-root", "hx-runs");
  // JupyterLab would take arrows and letters for its own: keys typed here end here.
  el.addEventListener("keydown", (event) => event.stopPropagation());
  const set = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };
  const choose = chooser(model, set);
  const chosenRows = () => rowsOf(model).filter((data) => choose.is(data.name));
  const lost = element("p", "hx-stale", el);
  lost.setAttribute("role", "alert");
  lost.hidden = true;
  const above = element("div", "", el);
  const drawer = drawers(el);
  const note = element("p", "");
  const say = (text, bad) => {
    note.setAttribute("role", bad ? "alert" : "status");
    note.className = bad ? "hx-bad" : "hx-dim";
    note.textContent = text && bad ? `✗ ${text}` : text;
  };
  const marks = [whichRuns(model, above, set, drawer)];
  if (model.get("controls")) marks.push(whatToDo(model, above, drawer, chosenRows, say));
  above.lastChild.append(note); // beside the buttons, so that no row moves when there is something to say

  const scroll = element("div", "hx-rows hx-scroll", el);
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", "All runs");
  const table = element("table", "hx-table", scroll);
  const head = element("thead", "", table);
  const body = element("tbody", "", table);
  keys(body, choose);
  const below = element("p", "hx-dim", el);
  const compared = element("div", "hx-compared", el);
  const lines = new Map();
  let markHeads = () => {};

  function build() {
    lines.clear();
    body.replaceChildren();
    head.replaceChildren();
    markHeads = heads(model, head, set);
    put();
  }

  function put() {
    const rows = rowsOf(model);
    const kept = new Set(rows.map((data) => data.name));
    for (const [name, made] of lines) {
      if (kept.has(name)) continue;
      made.row.remove();
      lines.delete(name);
    }
    rows.forEach((data, at) => {
      if (!lines.has(data.name)) lines.set(data.name, line(model, data.name, choose));
      const made = lines.get(data.name);
      made.row.dataset.run = data.name;
      fill(made, data);
      if (body.children[at] !== made.row) body.insertBefore(made.row, body.children[at] || null);
    });
    const hidden = model.get("hidden_rows");
    below.textContent = rows.length === 0 ? model.get("empty") : "";
    if (hidden) {
      below.textContent = `and ${hidden.toLocaleString("en")} more, which filters and the search find as well `;
      button(below, "Show more", "", () => set("most", model.get("most") + 300));
    }
    mark();
  }

  function mark() {
    const chosen = new Set(model.get("chosen"));
    for (const [name, made] of lines) {
      made.box.checked = chosen.has(name);
      made.row.setAttribute("aria-selected", String(chosen.has(name)));
    }
    for (const each of [...marks, markHeads]) each();
  }

  function chosenChanged() {
    drawer.close();
    mark();
    keepAddress(model);
    const chosen = model.get("chosen");
    if (chosen.length === 1) lines.get(chosen[0])?.row.scrollIntoView({ block: "nearest" });
  }

  const showCompared = () => (compared.innerHTML = model.get("compared"));
  const showSaid = () => say(...model.get("said"));
  const heard = {
    "change:rows change:fresh change:hidden_rows change:empty": put,
    "change:wanted change:text change:sort change:tally change:enabled": mark,
    "change:chosen": chosenChanged,
    "change:shown": build,
    "change:said": showSaid,
    "change:compared": showCompared,
  };
  for (const [events, doing] of Object.entries(heard)) model.on(events, doing);
  build();
  showSaid();
  showCompared();
  const stop = watchConnection(model, el, (words) => {
    // The board of these runs, where there is one, has said it already.
    const board = document.querySelector(`.hx-board[data-folder="${CSS.escape(model.get("folder"))}"]`);
    lost.textContent = words;
    lost.hidden = !words || Boolean(board);
    el.classList.toggle("hx-lost", Boolean(words));
    for (const each of [above, scroll, below]) each.inert = Boolean(words);
    if (words) drawer.close();
  });
  return () => {
    stop();
    for (const [events, doing] of Object.entries(heard)) model.off(events, doing);
  };
}

function initialize({ model }) {
  const follow = (name) => {
    if (!name) return;
    model.set("linked", name);
    model.save_changes();
  };
  const moved = () => follow(runIn(location.href));
  const columns = columnsKept(model);
  if (columns) model.set("shown", columns);
  follow(linkedRun());
  model.save_changes();
  window.addEventListener("hashchange", moved);
  const leave = receive(model);
  return () => {
    window.removeEventListener("hashchange", moved);
    leave();
  };
}

export default { initialize, render };
