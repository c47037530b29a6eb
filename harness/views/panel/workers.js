// The number of workers: the browser's own slider and its number, with a label that belongs to them. What is dragged
// counts when it is let go; what is typed, when it is entered.

function element(tag, className, parent) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  parent.append(made);
  return made;
}

let made = 0;

function render({ model, el }) {
  el.classList.add("hx");
  // JupyterLab would take arrows and letters for its own: keys typed here end here.
  el.addEventListener("keydown", (event) => event.stopPropagation());
  const row = element("div", "hx-slider", el);
  const label = element("label", "", row);
  label.textContent = "Workers";
  const slider = element("input", "", row);
  slider.type = "range";
  slider.id = label.htmlFor = `hx-workers-${(made += 1)}`;
  const number = element("input", "", row);
  number.type = "number";
  number.setAttribute("aria-label", "Number of workers");
  for (const input of [slider, number]) {
    input.min = 1;
    input.max = input === slider ? model.get("most") : 1000;
    input.addEventListener("change", () => {
      const value = Math.round(Number(input.value));
      if (value >= 1 && value <= 1000) model.set("value", value);
      model.save_changes();
      put();
    });
  }
  slider.addEventListener("input", () => {
    number.value = slider.value;
  });

  function put() {
    slider.value = number.value = model.get("value");
    slider.disabled = number.disabled = model.get("disabled");
  }

  model.on("change", put);
  put();
  return () => model.off("change", put);
}

export default { render };
