// What the table of runs needs beside pieces.js: boxes to tick, and the address of one run.

let labels = 0;

// A box to tick, with its words beside it.
function tick(parent, words, on, changed) {
  const label = element("label", "hx-tick", parent);
  const box = element("input", "", label);
  box.type = "checkbox";
  box.id = `hx-tick-${++labels}`;
  label.htmlFor = box.id;
  box.checked = on;
  box.addEventListener("change", () => changed(box.checked));
  label.append(` ${words}`);
  return box;
}

// The address that opens this page on one run. It holds no token: whoever follows it is asked for one.
function addressOf(name) {
  const address = new URL(location.href);
  for (const part of ["token", "run"]) address.searchParams.delete(part);
  address.hash = name ? new URLSearchParams({ run: name }).toString() : "";
  return address.href;
}

// The run that an address names, behind # or ?; "" where it names none.
function runIn(address) {
  const { hash, search } = new URL(address);
  return new URLSearchParams(hash.slice(1)).get("run") || new URLSearchParams(search).get("run") || "";
}

// JupyterLab writes an address of its own before any widget is shown, so the one that was followed is asked for, too.
function linkedRun() {
  return runIn(location.href) || runIn(performance.getEntriesByType("navigation")[0]?.name || location.href);
}
