// The panel: pieces of HTML in their places, a chart on a canvas, and a line that screen readers speak.
// What is shown is made in Python (sections.py); here it is put where it belongs, and the chart is drawn.

const PLACES = ["head", "now", "totals", "quality", "limits", "chart", "workers", "failures", "learned"];
const SPOKEN_EVERY_MS = 10000; // more often would drown everything else that is spoken
const STALE_MS = 3000;

function element(tag, className, parent) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (parent) parent.append(made);
  return made;
}

function render({ model, el }) {
  el.classList.add("hx");
  const panel = element("div", "hx-panel", el);
  const stale = element("p", "hx-stale", panel);
  stale.hidden = true;
  const places = {};
  for (const name of PLACES) places[name] = element("div", `hx-place hx-at-${name}`, panel);
  const said = element("div", "hx-spoken", panel);
  said.setAttribute("role", "status");
  said.setAttribute("aria-live", "polite");
  const chart = chartIn(places.chart);
  const shown = {};

  function put() {
    const parts = model.get("parts");
    for (const name of PLACES) {
      if (name === "chart" || parts[name] === shown[name]) continue;
      shown[name] = parts[name];
      places[name].innerHTML = parts[name] || "";
      places[name].hidden = !parts[name];
    }
  }

  function draw() {
    chart.draw(model.get("timeline"));
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

  let beatAt = Date.now();
  function beat() {
    beatAt = Date.now();
    stale.hidden = true;
  }
  const watch = setInterval(() => {
    if (!model.get("going") || Date.now() - beatAt < STALE_MS) return;
    const at = new Date(beatAt).toLocaleTimeString();
    stale.textContent = `Figures as of ${at}: the kernel is busy with another cell, or was restarted. An import goes on`
      + " while its kernel lives; after a restart, what was recorded is safe: run the cell again.";
    stale.hidden = false;
  }, 1000);

  const events = { "change:parts": put, "change:timeline": draw, "change:said": speak, "change:beat": beat };
  for (const [event, action] of Object.entries(events)) model.on(event, action);
  const resized = new ResizeObserver(draw);
  resized.observe(places.chart);
  const themed = new MutationObserver(draw);
  themed.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });
  put();
  draw();
  speak();
  return () => {
    clearInterval(watch);
    resized.disconnect();
    themed.disconnect();
    for (const [event, action] of Object.entries(events)) model.off(event, action);
  };
}

// --- the chart ------------------------------------------------------------------------------------------------------

const MARGIN = { left: 40, right: 8, top: 20, bottom: 20 };
const HEIGHT = 170;

function chartIn(place) {
  const card = element("section", "hx-card hx-wide", place);
  const title = element("h4", "", card);
  title.textContent = "Requests per second";
  const legend = element("p", "hx-legend", card);
  legend.innerHTML = '<span><i class="hx-key hx-key-sent"></i>let through</span>'
    + '<span><i class="hx-key hx-key-refused"></i>refused</span>'
    + '<span><i class="hx-key hx-key-wait"></i>waiting, with the limit it waits for</span>';
  const canvas = element("canvas", "", card);
  canvas.setAttribute("role", "img");
  place.hidden = true;
  return {
    draw(timeline) {
      place.hidden = !timeline.sent || timeline.sent.length === 0;
      if (place.hidden) return;
      canvas.setAttribute("aria-label", describe(timeline));
      paint(canvas, card.clientWidth - 26, timeline);
    },
  };
}

function describe(timeline) {
  const sent = timeline.sent.reduce((a, b) => a + b, 0);
  const refused = timeline.refused.reduce((a, b) => a + b, 0);
  const most = Math.max(...timeline.sent) / timeline.bin_s;
  const resumed = timeline.sessions || [];
  const sessions = resumed.length ? `, in ${resumed.length + 1} sessions` : "";
  return `Requests per second over ${seconds(timeline.until_s)}: ${sent} requests, at most ${most.toFixed(0)} a second, `
    + `${refused} refused; it waited ${timeline.waits.length} times${sessions}.`;
}

function seconds(s) {
  if (s < 120) return `${Math.round(s)} s`;
  return s < 7200 ? `${Math.round(s / 60)} min` : `${(s / 3600).toFixed(1)} h`;
}

// 1, 2 or 5 times a power of ten: about `marks` of them up to `most`.
function step(most, marks) {
  const rough = most / marks || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
}

function paint(canvas, width, timeline) {
  if (width < 60) return;
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(HEIGHT * scale);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${HEIGHT}px`;
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.font = "11px sans-serif";
  const style = getComputedStyle(canvas);
  const ink = (name) => style.getPropertyValue(name).trim();
  const span = Math.max(timeline.until_s, 10);
  // What lies in the last, unfinished bin is drawn as if it were whole: it grows, and never overshoots.
  const rates = timeline.sent.map((sent) => sent / timeline.bin_s);
  const most = Math.max(1, ...rates);
  const right = width - MARGIN.right;
  const bottom = HEIGHT - MARGIN.bottom;
  const x = (t) => MARGIN.left + (t / span) * (right - MARGIN.left);
  const y = (rate) => bottom - (rate / most) * (bottom - MARGIN.top);
  waits(pen, timeline.waits, x, MARGIN.top, bottom, ink);
  axes(pen, { x, y, most, span, right, bottom, ink });
  rates.forEach((rate, at) => {
    const left = x(at * timeline.bin_s);
    const wide = Math.max(1, x((at + 1) * timeline.bin_s) - left - (right - left > 400 ? 0 : 0.5));
    const refused = timeline.refused[at] / timeline.bin_s;
    pen.fillStyle = ink("--hx-sent");
    pen.fillRect(left, y(rate), wide, y(refused) - y(rate));
    if (refused > 0) {
      pen.fillStyle = ink("--hx-refused");
      pen.fillRect(left, y(refused), wide, bottom - y(refused));
    }
  });
  sessions(pen, timeline.sessions || [], x, MARGIN.top, bottom, ink);
}

// Where a session began: a dotted line, and the word where there is room.
function sessions(pen, starts, x, top, bottom, ink) {
  let free = 0;
  for (const start of starts) {
    pen.save();
    pen.setLineDash([2, 2]);
    pen.strokeStyle = ink("--hx-text");
    pen.beginPath();
    pen.moveTo(Math.round(x(start)) + 0.5, top);
    pen.lineTo(Math.round(x(start)) + 0.5, bottom);
    pen.stroke();
    pen.restore();
    if (x(start) < free) continue;
    pen.fillStyle = ink("--hx-text");
    pen.fillText("resumed", x(start) + 3, top + 10);
    free = x(start) + pen.measureText("resumed").width + 8;
  }
}

// Shaded with strokes, so that it needs no colour to be told apart, and labelled where there is room.
function waits(pen, intervals, x, top, bottom, ink) {
  let free = 0;
  for (const [from, to, what] of intervals) {
    const left = x(from);
    const wide = Math.max(1, x(to) - left);
    pen.save();
    pen.beginPath();
    pen.rect(left, top, wide, bottom - top);
    pen.clip();
    pen.fillStyle = ink("--hx-wait");
    pen.fillRect(left, top, wide, bottom - top);
    pen.strokeStyle = ink("--hx-wait-line");
    pen.lineWidth = 1;
    pen.beginPath();
    for (let at = left - (bottom - top) - (left % 8); at < left + wide; at += 8) {
      pen.moveTo(at, bottom);
      pen.lineTo(at + bottom - top, top);
    }
    pen.stroke();
    pen.restore();
    const room = pen.measureText(what).width;
    if (wide > room + 6 && left > free) {
      pen.fillStyle = ink("--hx-text");
      pen.fillText(what, left + 3, top - 6);
      free = left + room + 10;
    }
  }
}

function axes(pen, { x, y, most, span, right, bottom, ink }) {
  pen.strokeStyle = ink("--hx-line");
  pen.fillStyle = ink("--hx-dim");
  pen.lineWidth = 1;
  pen.textAlign = "right";
  const up = step(most, 4);
  for (let rate = 0; rate <= most; rate += up) {
    pen.beginPath();
    pen.moveTo(MARGIN.left, Math.round(y(rate)) + 0.5);
    pen.lineTo(right, Math.round(y(rate)) + 0.5);
    pen.stroke();
    pen.fillText(String(Number(rate.toPrecision(3))), MARGIN.left - 5, y(rate) + 4);
  }
  pen.textAlign = "center";
  const along = step(span, 6);
  for (let t = 0; t <= span; t += along) {
    if (x(t) < right - 10) pen.fillText(seconds(t), Math.max(MARGIN.left + 6, x(t)), bottom + 15);
  }
  pen.textAlign = "left";
}

export default { render };
