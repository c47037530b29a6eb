// What the scripts of the board share. They are joined to one module, in the order of run_widget.py.

function element(tag, className, parent, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  if (parent) parent.append(made);
  return made;
}

function button(parent, label, title, press) {
  const made = element("button", "hx-button", parent, label);
  made.type = "button";
  if (title) made.title = title;
  made.addEventListener("click", press);
  return made;
}

// Hide what is of no use; the focus goes on to `next` where it would be lost.
function show(what, visible, next) {
  const lost = !visible && what.contains(document.activeElement);
  what.hidden = !visible;
  if (lost && next) next.focus();
}

// Put the children for `items` into `parent`, by their keys: one that stays keeps its focus, and what is typed in it.
function keyed(parent, known, items, keyOf, make, fill) {
  const kept = new Set(items.map(keyOf));
  for (const [key, made] of known) {
    if (kept.has(key)) continue;
    made.row.remove();
    known.delete(key);
  }
  items.forEach((item, at) => {
    const key = keyOf(item);
    if (!known.has(key)) known.set(key, make(item));
    const made = known.get(key);
    fill(made, item);
    if (parent.children[at] !== made.row) parent.insertBefore(made.row, parent.children[at] || null);
  });
}
