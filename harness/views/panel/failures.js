// Failures by reason. A group can be opened; of what is in it some may be chosen, else an action means the whole group.

function failuresIn(model, place, act) {
  const card = element("section", "hx-card", place);
  const head = element("h4", "", card, "Failures");
  const list = element("div", "hx-groups", card);
  const rest = element("p", "hx-dim", card);
  const groups = new Map();
  let opened = [];

  // A page without controls has all of them; else they are sent for.
  function open(key) {
    opened = opened.includes(key) ? opened.filter((other) => other !== key) : [...opened, key];
    if (model.get("steers")) act({ do: "open", keys: opened });
    put();
  }

  function make(group) {
    const row = element("div", "hx-group");
    const line = element("div", "hx-group-line", row);
    const made = { row, names: new Map(), chosen: new Set() };
    made.title = element("b", "", line);
    made.words = element("span", "hx-words", line);
    made.again = element("small", "hx-dim", line);
    made.show = button(line, "show", "Which they are", () => open(group.key));
    made.retry = button(line, "retry", "Fetch them again", () => ask("retry", group.key));
    made.forget = button(line, "forget", "Accept them: they no longer count as failed", () => ask("forget", group.key));
    made.list = element("ul", "hx-names", row);
    made.more = element("p", "hx-dim", row);
    return made;
  }

  function ask(what, key) {
    const made = groups.get(key);
    act({ do: what, group: key, names: made.chosen.size ? [...made.chosen] : null });
    made.chosen.clear();
    put();
  }

  function makeName(made, acts) {
    return ([key, name]) => {
      const row = element("li");
      const label = element("label", "", row);
      const box = element("input", "", label);
      box.type = "checkbox";
      box.hidden = !acts;
      box.addEventListener("change", () => {
        if (box.checked) made.chosen.add(key);
        else made.chosen.delete(key);
        put();
      });
      element("b", "", label, name);
      return { row, box, text: element("span", "", label) };
    };
  }

  function put() {
    const enabled = new Set(model.get("steers") ? model.get("enabled") : []);
    const data = model.get("failures");
    place.hidden = data.length === 0;
    opened = opened.filter((key) => data.some((group) => group.key === key));
    keyed(list, groups, data, (group) => group.key, make, (made, group) => {
      const isOpen = opened.includes(group.key);
      made.title.textContent = group.title;
      made.words.textContent = made.words.title = group.words;
      made.again.textContent = group.again;
      made.show.textContent = isOpen ? "hide" : "show";
      made.show.setAttribute("aria-expanded", String(isOpen));
      const there = new Set(group.names.map(([key]) => key));
      if (isOpen && there.size) for (const key of made.chosen) if (!there.has(key)) made.chosen.delete(key);
      const some = made.chosen.size ? ` ${made.chosen.size} chosen` : "";
      for (const what of ["retry", "forget"]) {
        made[what].textContent = what + some;
        made[what].setAttribute("aria-label", `${what}${some || " all"}: ${group.title} ${group.words}`);
        show(made[what], group.acts && enabled.has(what), made.show);
      }
      made.show.setAttribute("aria-label", `${isOpen ? "hide" : "show"}: ${group.title} ${group.words}`);
      made.list.hidden = !isOpen;
      keyed(made.list, made.names, isOpen ? group.names : [], ([key]) => key, makeName(made, group.acts && model.get("steers")),
        (one, [key, , text]) => {
          one.text.textContent = ` ${text}`;
          one.box.checked = made.chosen.has(key);
        });
      made.more.hidden = !isOpen || !group.more;
      made.more.textContent = `and ${group.more} more, which "failed list" shows; an action on the group means them too`;
    });
    const others = model.get("other_failures");
    rest.hidden = !others;
    rest.textContent = `and ${others} for other reasons`;
    head.textContent = "Failures, by reason";
  }

  return put;
}
