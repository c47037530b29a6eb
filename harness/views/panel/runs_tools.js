// Above the rows: filters, the search and the choice of columns; what can be done to the chosen runs; and one drawer for
// what a button asks further: which columns, which tags, which file, and whether to delete.

const COLUMNS_KEPT = "harness.runs.columns";

function drawers(parent) {
  const drawer = element("div", "hx-drawer", parent);
  drawer.hidden = true;
  let opener = null;

  function close() {
    if (opener) opener.setAttribute("aria-expanded", "false");
    if (drawer.contains(document.activeElement)) opener?.focus();
    drawer.hidden = true;
    drawer.replaceChildren();
    opener = null;
  }
  // `fill` gets the empty drawer and answers what is to have the focus.
  function open(by, label, fill, role = "group") {
    const again = opener === by;
    close();
    if (again) return;
    opener = by;
    by.setAttribute("aria-expanded", "true");
    drawer.setAttribute("role", role);
    drawer.setAttribute("aria-label", label);
    drawer.hidden = false;
    fill(drawer)?.focus();
  }
  drawer.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
  });
  return { open, close, isOpen: (by) => opener === by };
}

function whichRuns(model, parent, set, drawer) {
  const tools = element("div", "hx-tools", parent);
  tools.setAttribute("role", "group");
  tools.setAttribute("aria-label", "Which runs");
  const filters = {};
  for (const name of model.get("filters")) filters[name] = button(tools, name, "", () => set("wanted", name));
  const search = element("input", "", tools);
  search.type = "search";
  search.placeholder = "name, source, limit, tag …";
  search.setAttribute("aria-label", "Search in all runs");
  search.value = model.get("text");
  search.addEventListener("input", () => set("text", search.value));
  const columns = button(tools, "Columns ▾", "Choose what the table shows", () =>
    drawer.open(columns, "Columns", (inside) => chooseColumns(model, inside, set))
  );
  columns.setAttribute("aria-expanded", "false");

  return function mark() {
    const tally = model.get("tally");
    for (const [name, chip] of Object.entries(filters)) {
      chip.setAttribute("aria-pressed", String(model.get("wanted") === name));
      chip.textContent = `${name} ${tally[name] ?? ""}`;
    }
    if (search.value !== model.get("text") && document.activeElement !== search) search.value = model.get("text");
  };
}

function chooseColumns(model, inside, set) {
  const all = model.get("columns");
  let first = null;
  for (const [name, head] of all) {
    const box = tick(inside, head, model.get("shown").includes(name), (on) => {
      const wanted = new Set(model.get("shown"));
      if (on) wanted.add(name);
      else wanted.delete(name);
      const shown = all.map(([other]) => other).filter((other) => other === "run" || wanted.has(other));
      set("shown", shown);
      try {
        localStorage.setItem(COLUMNS_KEPT, JSON.stringify(shown));
      } catch {} // a browser that keeps nothing shows the same as ever
    });
    box.disabled = name === "run"; // without its name a row is nobody's
    if (!box.disabled) first ??= box;
  }
  return first;
}

// What was chosen on this page before.
function columnsKept(model) {
  try {
    const kept = JSON.parse(localStorage.getItem(COLUMNS_KEPT));
    const names = model.get("columns").map(([name]) => name);
    return Array.isArray(kept) && kept.includes("run") ? names.filter((name) => kept.includes(name)) : null;
  } catch {
    return null;
  }
}

function whatToDo(model, parent, drawer, rowsChosen, say) {
  const tools = element("div", "hx-tools hx-doing", parent);
  tools.setAttribute("role", "group");
  tools.setAttribute("aria-label", "Chosen runs");
  const ask = (what, more) => model.send({ do: what, names: model.get("chosen"), ...more });
  const opens = {
    tag: (by) => drawer.open(by, "Tags", (inside) => tags(inside, rowsChosen, ask, drawer)),
    download: (by) => drawer.open(by, "Download", (inside) => downloads(model, inside, ask)),
    delete: (by) => {
      const open = rowsChosen().filter((row) => row.open);
      const [are, them] = open.length > 1 ? ["are", "them"] : ["is", "it"];
      const why = `${open.map((row) => row.name).join(", ")} ${are} under way: stop ${them} first. Nothing was deleted.`;
      if (open.length) say(why, true);
      else drawer.open(by, "Delete", (inside) => question(model, inside, ask, drawer), "alertdialog");
    },
  };
  const buttons = {};
  for (const [name, words, title] of model.get("actions")) {
    buttons[name] = button(tools, words, title, () => (opens[name] ? opens[name](buttons[name]) : ask(name)));
    if (opens[name]) buttons[name].setAttribute("aria-expanded", "false");
  }
  return function mark() {
    const enabled = new Set(model.get("enabled"));
    for (const [name, made] of Object.entries(buttons)) {
      made.disabled = !enabled.has(name);
      if (made.disabled && drawer.isOpen(made)) drawer.close();
    }
  };
}

function tags(inside, rowsChosen, ask, drawer) {
  const have = new Map();
  for (const row of rowsChosen()) for (const tag of row.tags) have.set(tag, (have.get(tag) || 0) + 1);
  const number = rowsChosen().length;
  for (const [tag, on] of have) {
    const words = on === number ? tag : `${tag} (${on} of ${number})`;
    const made = button(inside, `${words} ×`, `Take the tag ${tag} away`, () => {
      ask("tag", { remove: [tag] });
      made.remove();
      field.focus();
    });
    made.setAttribute("aria-label", `take away the tag ${tag}`);
  }
  const form = element("form", "hx-tags", inside);
  const field = element("input", "", form);
  field.setAttribute("aria-label", "New tags, with commas between them");
  field.placeholder = "nightly, slow";
  element("button", "hx-button", form, "Add").type = "submit";
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const add = field.value.split(",").map((tag) => tag.trim()).filter((tag) => tag);
    if (add.length) ask("tag", { add });
    drawer.close();
  });
  return field;
}

function downloads(model, inside, ask) {
  let first = null;
  for (const [what, words, title] of model.get("downloads")) {
    const made = button(inside, words, title, () => ask("download", { what, safe: safe.checked }));
    first ??= made;
  }
  const safe = tick(inside, "CSV for spreadsheets: text that would run as a formula gets a ' in front", false, () => {});
  return first;
}

function question(model, inside, ask, drawer) {
  const names = [...model.get("chosen")];
  const shown = names.slice(0, 5).join(", ") + (names.length > 5 ? ` and ${names.length - 5} more` : "");
  const what = names.length === 1 ? "the run" : `${names.length} runs`;
  element("p", "", inside, `Delete ${what} ${shown} with all data? This cannot be undone.`).setAttribute("role", "alert");
  button(inside, "Delete for good", "", () => {
    ask("delete", { names });
    drawer.close();
  }).classList.add("hx-danger");
  return button(inside, "Keep", "", () => drawer.close());
}
