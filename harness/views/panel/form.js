// The drawer with the settings of a new import. Fields and what stands in them come from Python (form.py); what is typed
// goes there at once, because a choice may change what another field means.

let formsMade = 0;

function formIn(model, place, act) {
  const form = element("form", "hx-form", place);
  form.setAttribute("aria-label", "New import");
  form.noValidate = true;
  const inputs = {};
  const rows = {};
  const id = `hx-form-${(formsMade += 1)}`;

  const from = element("fieldset", "hx-from", form);
  element("legend", "", from, "Source");
  const radios = ["test API", "URL"].map((name) => {
    const label = element("label", "", from);
    const radio = element("input", "", label);
    radio.type = "radio";
    radio.name = id;
    radio.value = name;
    label.append(` ${name}`);
    radio.addEventListener("change", () => tell("source_of", name));
    return radio;
  });

  const places = element("div", "hx-places", form);
  const grids = { "": element("div", "hx-fields", places) };
  function make(field) {
    if (!grids[field.group]) {
      const fold = element("details", "hx-fold", places);
      element("summary", "", fold, field.group);
      grids[field.group] = element("div", "hx-fields", fold);
    }
    const row = (rows[field.name] = element("div", "hx-field", grids[field.group]));
    const label = element("label", "", row, field.label);
    const input = (inputs[field.name] = element(field.options.length ? "select" : "input", "", row));
    input.id = label.htmlFor = `${id}-${field.name}`;
    if (!field.options.length) {
      input.type = "text";
      input.autocomplete = "off";
      input.spellcheck = false;
    }
    input.addEventListener("change", () => tell(field.name, input.value));
  }

  const also = element("p", "hx-dim", form);
  const buttons = element("div", "hx-toolbar", form);
  const start = element("button", "hx-button hx-main", buttons, "Start");
  start.type = "submit";
  start.title = "Import with these settings";
  button(buttons, "Empty the form", "Begin with the defaults again", () => act({ do: "clear" }));
  const busy = element("span", "hx-dim", buttons, "An import is running in this kernel: the next can start when it is over.");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (start.hidden || start.disabled) return;
    start.disabled = true; // until Python has answered, one way or the other
    start.textContent = "Starting…";
    const typed = Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.value]));
    act({ do: "start", typed: { ...typed, source_of: radios.find((radio) => radio.checked)?.value ?? "test API" } });
  });

  // What was typed stays until Python has heard of it: what it says of the fields meanwhile is of before.
  const unheard = {};
  const isHeard = (name) => !(unheard[name] > model.get("answers"));
  function tell(name, value) {
    unheard[name] = act({ do: "type", name, value });
  }

  function options() {
    for (const field of model.get("fields")) {
      if (!inputs[field.name]) make(field);
      if (!field.options.length) continue;
      const select = inputs[field.name];
      select.replaceChildren(...field.options.map(([value, text]) => new Option(text, value)));
    }
    put();
  }

  function put() {
    const [typed, hints] = [model.get("typed"), model.get("hints")];
    const source = typed.source_of;
    if (isHeard("source_of")) for (const radio of radios) radio.checked = radio.value === source;
    for (const field of model.get("fields")) {
      const input = inputs[field.name];
      rows[field.name].hidden = Boolean(field.of) && field.of !== source;
      const free = input !== document.activeElement || field.options.length;
      if (free && isHeard(field.name)) input.value = typed[field.name] ?? "";
      if (!field.options.length) input.placeholder = hints[field.name] ?? "";
    }
    for (const [name, grid] of Object.entries(grids)) {
      if (name) grid.parentElement.hidden = ![...grid.children].some((row) => !row.hidden);
    }
    also.textContent = model.get("also");
    also.hidden = !model.get("also");
  }

  function answered() {
    start.disabled = false;
    start.textContent = "Start";
    mayStart();
    put();
  }

  function mayStart() {
    start.hidden = !model.get("enabled").includes("start");
    busy.hidden = !start.hidden;
  }

  options();
  answered();
  return { form, put, options, answered, mayStart, first: () => radios.find((radio) => radio.checked) ?? radios[0] };
}
