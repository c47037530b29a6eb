// The chart comes drawn (chart.py). Here a pointer or the arrow keys choose a bin, and what it holds is told beside it.

function seconds(s) {
  if (s < 10) return `${Math.round(10 * s) / 10} s`;
  if (s < 120) return `${Math.round(s)} s`;
  return s < 7200 ? `${Math.round(s / 60)} min` : `${(s / 3600).toFixed(1)} h`;
}

function chartIn(model, place) {
  place.classList.add("hx-chart");
  place.tabIndex = 0;
  place.setAttribute("role", "group");
  const host = element("div", "", place);
  const cursor = element("div", "hx-cursor", place);
  const tip = element("div", "hx-tip", place);
  cursor.hidden = tip.hidden = true;
  let chosen = null;
  let shown = "";

  function told(at) {
    const timeline = model.get("timeline");
    const [from, to] = [at * timeline.bin_s, (at + 1) * timeline.bin_s];
    const sent = timeline.sent[at] ?? 0;
    const through = sent - (timeline.refused[at] ?? 0);
    const rate = Number((through / timeline.bin_s).toPrecision(3));
    const lines = [`${seconds(from)} to ${seconds(to)}`, `${through} let through (${rate} a second)`];
    for (const [status, bins] of timeline.by_status) if (bins[at]) lines.push(`${status}: ${bins[at]}`);
    const waits = new Set(timeline.waits.filter(([since, until]) => since < to && until > from).map((wait) => wait[2]));
    for (const what of waits) lines.push(what === "paused" ? "paused by hand" : `waiting for ${what}`);
    if (timeline.sessions.some((t) => t >= from && t < to)) lines.push("resumed");
    for (const [t, setting, value] of timeline.changes) {
      if (t >= from && t < to) lines.push(`${setting} ${value || "none"}`);
    }
    return lines;
  }

  function put() {
    const plot = host.querySelector(".hx-plot");
    const timeline = model.get("timeline");
    cursor.hidden = tip.hidden = chosen === null || !plot || !timeline.sent;
    if (cursor.hidden) return;
    const [box, area] = [place.getBoundingClientRect(), plot.getBoundingClientRect()];
    const share = Math.min(1, ((chosen + 0.5) * timeline.bin_s) / Math.max(timeline.until_s, 10));
    const left = area.left - box.left + share * area.width;
    cursor.style.left = `${left}px`;
    cursor.style.top = `${area.top - box.top}px`;
    cursor.style.height = `${area.height}px`;
    const lines = told(chosen);
    if (tip.textContent !== lines.join("\n")) tip.textContent = lines.join("\n");
    tip.style.top = `${area.top - box.top + 2}px`;
    const right = share > 0.5;
    tip.style.left = right ? "auto" : `${left + 8}px`;
    tip.style.right = right ? `${box.width - left + 8}px` : "auto";
  }

  // What a key chose is spoken; a pointer would have everything spoken that it passes over.
  function choose(at, spoken) {
    tip.setAttribute("aria-live", spoken ? "polite" : "off");
    const timeline = model.get("timeline");
    const last = Math.floor((timeline.until_s ?? 0) / (timeline.bin_s || 1));
    chosen = at === null ? null : Math.max(0, Math.min(last, at));
    put();
  }

  place.addEventListener("pointermove", (event) => {
    const plot = host.querySelector(".hx-plot");
    const timeline = model.get("timeline");
    if (!plot || !timeline.sent) return;
    const area = plot.getBoundingClientRect();
    const share = (event.clientX - area.left) / area.width;
    if (share < 0 || share > 1) choose(null);
    else choose(Math.floor((share * Math.max(timeline.until_s, 10)) / timeline.bin_s));
  });
  place.addEventListener("pointerleave", () => choose(null));
  place.addEventListener("blur", () => choose(null));
  place.addEventListener("keydown", (event) => {
    const [before, after] = [(chosen ?? Infinity) - 1, (chosen ?? -1) + 1];
    const to = { ArrowLeft: before, ArrowRight: after, Home: 0, End: Infinity, Escape: null }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    choose(to, true);
  });

  return {
    draw(html, sentence) {
      place.hidden = !html;
      place.setAttribute("aria-label", sentence ? `${sentence} Arrow keys tell the values.` : "");
      if (html !== shown) host.innerHTML = html || "";
      shown = html;
      put();
    },
  };
}
