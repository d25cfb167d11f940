// The data, elements of the page, and its colours.
const data = JSON.parse(document.getElementById("data").textContent);
const point_count = data.count;
// A column that is the same everywhere comes as that one value.
const points = Object.fromEntries(
  Object.entries(data.points).map(([name, values]) => [
    name,
    Array.isArray(values) ? values : Array(point_count).fill(values),
  ]),
);

function element(kind, properties = {}, ...children) {
  const made = document.createElement(kind);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}
function place(id) {
  return document.getElementById(id);
}
function colour(name) {
  return getComputedStyle(document.documentElement)
    .getPropertyValue("--" + name)
    .trim();
}

// From the bottom of the stack to its top.
const LEDGER = {
  driver: "driver and context",
  weights: "weights",
  graphs: "CUDA graphs",
  workspace_used: "workspace, used",
  workspace_idle: "workspace, idle",
  kv_live: "KV: live tokens",
  kv_cached_prefix: "KV: cached prefixes",
  kv_reserved_future: "KV: reserved, used later",
  kv_reserved_never: "KV: reserved, never used",
  kv_dead: "KV: dead rows",
  kv_pad: "KV: padding",
  kv_duplicate: "KV: duplicates",
  kv_rounding: "KV: rounding",
  cached_free: "kept by the allocator",
  free_unusable: "free, too scattered",
  free_usable: "free",
  withheld: "withheld from use",
};
const KV_CLASSES = Object.keys(LEDGER).filter(
  (name) => !["driver", "weights", "graphs", "workspace_used", "workspace_idle"].includes(name),
);

// A card with a title that says what is to be seen. `draw` fills its chart and is called again when
// colours change.
const drawings = [];
function card(parent, title, caption, draw, wide) {
  const chart = element("div", {className: "chart"});
  const made = element(
    "article",
    {className: "card" + (wide ? " wide" : "")},
    element("h2", {textContent: title}),
    element("p", {className: "caption", textContent: caption}),
    chart,
  );
  parent.append(made);
  const redraw = () => {
    for (const old of chart.charts || []) old.destroy();
    chart.charts = [];
    chart.replaceChildren();
    draw(chart);
  };
  chart.redraw = redraw;
  drawings.push(chart);
  redraw();
  return made;
}
function forget_drawings_in(parent) {
  for (let i = drawings.length - 1; i >= 0; --i) {
    if (parent.contains(drawings[i])) {
      for (const old of drawings[i].charts || []) old.destroy();
      drawings.splice(i, 1);
    }
  }
}

function keys(entries) {
  return element(
    "ul",
    {className: "keys"},
    ...entries.map(([name, text]) => {
      const swatch = element("i");
      swatch.style.background = colour(name);
      return element("li", {}, swatch, text);
    }),
  );
}

const tip = place("tip");
function show_tip(text, event) {
  tip.textContent = text;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = Math.max(4, Math.min(event.clientX + 14, innerWidth - box.width - 8)) + "px";
  tip.style.top = Math.max(4, Math.min(event.clientY + 14, innerHeight - box.height - 8)) + "px";
}
function hide_tip() {
  tip.hidden = true;
}
