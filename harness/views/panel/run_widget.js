// The board: a head with the controls, pieces of HTML in their places, the chart, failures, the form in its drawer, and
// a line that screen readers speak. What is shown is made in Python; here it is put where it belongs.

const PLAIN = ["head", "bar", "now", "totals", "quality", "limits", "workers", "learned"];
const SPOKEN_EVERY_MS = 10000; // more often would drown everything else that is spoken

function controlsIn(model, place, act) {
  const bar = element("div", "hx-toolbar", place);
  bar.setAttribute("role", "group");
  bar.setAttribute("aria-label", "This import");
  // One button for both, so that the focus stays on it.
  const pause = button(bar, "Pause", "", () => act({ do: pause.dataset.means }));
  const stop = button(bar, "Stop", "Finish the requests in flight, then end; it can be resumed. Twice: end at once",
    () => act({ do: "stop" }));
  const retry = button(bar, "Retry failed", "Fetch everything again that failed for good", () => act({ do: "retry" }));
  const workers = asked("Workers", "Workers now", "number", "workers");
  const limit = asked("Limit", "Limit now", "text", "limit");
  workers.input.min = 1;
  workers.input.max = 1000;
  const fresh = button(bar, "New import", "", () => toggle());
  let toggle = () => {};

  function asked(label, name, type, setting) {
    const form = element("form", "hx-asked", bar);
    form.noValidate = true;
    const shown = element("label", "", form, label);
    const input = element("input", `hx-${setting}`, form);
    input.type = type;
    input.autocomplete = "off";
    input.setAttribute("aria-label", name);
    shown.append(" ", input);
    const set = element("button", "hx-button", form, "Set");
    set.type = "submit";
    set.title = `From now on this ${label.toLowerCase()}`;
    set.setAttribute("aria-label", `Set ${label.toLowerCase()}`);
    let stands = "";
    input.addEventListener("input", mark);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      stands = input.value;
      act({ do: "set", [setting]: input.value.trim() });
      mark();
    });
    // "Set" is there while something else stands in the field than what holds.
    function mark() {
      show(set, input.value.trim() !== String(stands), input);
    }
    function put(value) {
      const text = String(value ?? "");
      if (input === document.activeElement && input.value !== String(stands)) return; // somebody is typing
      stands = text;
      input.value = text;
      mark();
    }
    return { form, input, put };
  }

  return {
    fresh,
    onFresh(call) {
      toggle = call;
    },
    put() {
      const enabled = new Set(model.get("enabled"));
      pause.dataset.means = enabled.has("resume") ? "resume" : "pause";
      pause.textContent = enabled.has("resume") ? "Resume" : "Pause";
      pause.title = enabled.has("resume") ? "Continue, also a run that was stopped"
        : "Send no new requests until Resume; those in flight finish";
      show(pause, enabled.has("pause") || enabled.has("resume"), fresh);
      show(stop, enabled.has("stop"), fresh);
      show(retry, enabled.has("retry"), fresh);
      const now = model.get("steering");
      for (const [one, value] of [[workers, now.workers], [limit, now.limit]]) {
        show(one.form, enabled.has("set"), fresh);
        one.put(value);
      }
    },
  };
}

function render({ model, el }) {
  el.classList.add("hx", "hx-root", "hx-board");
  el.dataset.folder = model.get("folder");
  // JupyterLab would take arrows and letters for its own: keys typed here end here.
  el.addEventListener("keydown", (event) => event.stopPropagation());
  const steers = model.get("steers");
  let sent = model.get("answers");
  // Answers which number `answers` has once Python has heard this.
  const act = (message) => {
    model.send(message);
    return (sent = Math.max(sent, model.get("answers")) + 1);
  };

  const lost = element("p", "hx-stale", el);
  lost.setAttribute("role", "alert");
  lost.hidden = true;
  const top = element("div", "hx-top", el);
  const places = { head: element("div", "hx-place hx-at-head", top) };
  const controls = steers ? controlsIn(model, top, act) : null;
  const note = element("p", "hx-note", el);
  const newest = element("p", "hx-newest", el);
  const drawer = element("div", "", el);
  drawer.hidden = true;
  const form = steers ? formIn(model, drawer, act) : null;
  const panel = element("div", "hx-panel", el);
  for (const name of ["bar", "now", "totals", "quality", "limits", "chart", "failures"]) {
    places[name] = element("div", `hx-place hx-at-${name}`, panel);
  }
  const details = element("details", "hx-fold hx-details", panel);
  element("summary", "", details, "Workers and learned limits");
  for (const name of ["workers", "learned"]) places[name] = element("div", `hx-place hx-at-${name}`, details);
  const said = element("div", "hx-spoken", el);
  said.setAttribute("role", "status");
  said.setAttribute("aria-live", "polite");
  const chart = chartIn(model, places.chart);
  const failures = failuresIn(model, places.failures, act);
  const shown = {};

  function put() {
    const parts = model.get("parts");
    for (const name of PLAIN) {
      if (parts[name] === shown[name]) continue;
      shown[name] = parts[name];
      places[name].innerHTML = parts[name] || "";
      places[name].hidden = !parts[name];
    }
    details.hidden = !parts.workers && !parts.learned;
    chart.draw(parts.chart, parts.chart_said);
  }

  function enable() {
    controls?.put();
    form?.mayStart();
    failures();
  }

  let spokenAt = 0;
  let spokenStatus = "";
  function speak() {
    const [status, sentence] = model.get("said");
    const due = Date.now() - spokenAt >= SPOKEN_EVERY_MS || status !== spokenStatus;
    if (!sentence || !due) return;
    spokenAt = Date.now();
    spokenStatus = status;
    said.textContent = sentence;
  }

  function noted() {
    const [text, bad] = model.get("note");
    note.hidden = !text;
    note.setAttribute("role", bad ? "alert" : "status");
    note.className = bad ? "hx-note hx-bad" : "hx-note";
    note.textContent = bad ? `✗ ${text}` : text;
  }

  const follow = button(newest, "", "Show the newest import, and those that begin later", () => act({ do: "follow" }));
  function others() {
    const name = model.get("newest");
    newest.hidden = !name;
    follow.textContent = name ? `● ${name} is being imported: show it` : "";
  }

  function openForm(open, focus) {
    drawer.hidden = !open;
    controls.fresh.setAttribute("aria-expanded", String(open));
    controls.fresh.textContent = open ? "Close the form" : "New import";
    if (open && focus) form.first().focus();
  }
  function asked() {
    openForm(model.get("form_open") > 0, false);
  }
  if (steers) {
    controls.onFresh(() => openForm(drawer.hidden, drawer.hidden));
    asked();
  }

  const stop = watchConnection(model, el, (words) => {
    lost.textContent = words;
    lost.hidden = !words;
    el.classList.toggle("hx-lost", Boolean(words));
    for (const each of [controls?.fresh.parentElement, form?.form, newest, places.failures]) {
      if (each) each.inert = Boolean(words);
    }
  });
  const events = {
    "change:parts": put, "change:timeline": put, "change:said": speak, "change:note": noted, "change:newest": others,
    "change:enabled": enable, "change:steering": enable, "change:failures": failures, "change:other_failures": failures,
    ...(steers ? { "change:fields": form.options, "change:typed": form.put, "change:hints": form.put,
      "change:also": form.put, "change:form_open": asked, "change:answers": form.answered } : {}),
  };
  for (const [event, action] of Object.entries(events)) model.on(event, action);
  put();
  enable();
  speak();
  noted();
  others();
  return () => {
    stop();
    for (const [event, action] of Object.entries(events)) model.off(event, action);
  };
}

export default { render };
