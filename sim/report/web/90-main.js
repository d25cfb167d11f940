// Puts the page together: the finding first.
function yaml_value(text, path) {
  // The resolved scenario is regular: two blanks an indent, or a mapping on one line.
  let at = 0,
    indent = 0;
  const lines = text.split("\n");
  for (const [depth, key] of path.entries()) {
    for (; at < lines.length; ++at) {
      const match = /^( *)([a-z_]+):(.*)$/.exec(lines[at]);
      if (match && match[1].length === indent && match[2] === key) {
        if (depth === path.length - 1) return match[3].trim().replace(/^"|"$/g, "");
        indent += 2;
        ++at;
        break;
      }
    }
  }
  return "";
}

function card_number(name, value, note) {
  return element(
    "div",
    {className: "number"},
    element("div", {className: "name", textContent: name}),
    element("div", {className: "value", textContent: value}),
    element("div", {className: "note", textContent: note || ""}),
  );
}

// A number of what the page is about: the best setting of a sweep, or the run.
function headline(name) {
  if (settings) return settings.column(name)[settings.best];
  return points[name] ? points[name][0] : null;
}

function findings() {
  const at = headline;
  const said = [];
  if (settings) {
    said.push(throughput_title() + ".");
    said.push(
      `Best: ${label_of(settings.best)}, with ${words.significant(at("request_throughput"))} requests/s, p99 TTFT ${at("p99_ttft_ms") === null ? "none" : words.milliseconds(at("p99_ttft_ms"))}, p99 TPOT ${at("p99_tpot_ms") === null ? "none" : words.milliseconds(at("p99_tpot_ms"))}. ${waste_title().replace(/^./, (c) => c.toUpperCase())}.`,
    );
    const failed = (points.status || []).filter((status) => status !== "done").length;
    if (failed) said.push(`${failed} of ${point_count} points failed; the table says why.`);
  } else {
    const why = {
      admission: "requests waited for KV memory or for room in a step",
      batch_limit: "requests waited for a place in the batch",
      arrivals: "nothing waited: it could serve more",
      idle: "it was idle for most of the time",
    }[at("limited_by")];
    said.push(
      `${words.significant(at("request_throughput"))} requests/s and ${words.significant(at("output_throughput"))} output tokens/s` +
        (why ? `; ${why}.` : "."),
    );
    const waste = at("kv_waste_of_reserved");
    said.push(
      `${at("num_finished").toLocaleString("en-US")} of ${at("num_requests").toLocaleString("en-US")} requests finished.` +
        (waste === null
          ? ""
          : ` Of the KV memory that sequences held, ${words.percent(waste)} was wasted; ${words.percent(at("kv_live_of_pool"))} of the pool held live tokens.`) +
        (at("num_preemptions")
          ? ` ${at("num_preemptions").toLocaleString("en-US")} preemptions.`
          : ""),
    );
    if (at("slo_met") !== null)
      said.push(
        `SLO ${String(at("slo_met")) === "true" ? "met" : "missed"}: ${words.percent(at("slo_attainment"))} of the requests kept it.`,
      );
  }
  return said;
}

function draw_numbers() {
  const at = headline;
  const shown = (name, column, note) =>
    at(column) === null ? null : card_number(name, words.cell(column, at(column)), note);
  place("numbers").replaceChildren(
    ...[
      shown("Requests/s", "request_throughput", settings ? "of the best setting" : ""),
      shown("Output tokens/s", "output_throughput"),
      shown(
        "Median TTFT",
        "median_ttft_ms",
        at("p99_ttft_ms") === null ? "" : "p99 " + words.milliseconds(at("p99_ttft_ms")),
      ),
      shown(
        "Median TPOT",
        "median_tpot_ms",
        at("p99_tpot_ms") === null ? "" : "p99 " + words.milliseconds(at("p99_tpot_ms")),
      ),
      shown("KV waste", "kv_waste_of_reserved", "of what is reserved"),
      shown("Live KV", "kv_live_of_pool", "of the pool"),
      shown("Preemptions", "num_preemptions"),
    ].filter((made) => made),
  );
}

function draw_subtitle() {
  const scenario = data.runs.length && data.runs[0].scenario ? data.runs[0].scenario : "";
  const varied = new Set(data.axes.map(words.axis));
  const bits = [
    yaml_value(scenario, ["name"]) && data.kind === "sweep"
      ? `a sweep of ${point_count.toLocaleString("en-US")} points over ${data.axes.map(words.axis).join(" and ")}`
      : "one run",
  ];
  for (const [path, name] of [
    [["engine", "policy", "kind"], "policy"],
    [["engine", "kv_cache", "kind"], "kv_cache"],
  ]) {
    const value = yaml_value(scenario, path);
    if (value && !varied.has(name)) bits.push(value);
  }
  place("title").textContent = data.name;
  place("subtitle").textContent = bits.join(" \u00b7 ");
  place("footer").textContent =
    `Made by tessera ${data.version} from the files of this ${data.kind}. Everything on this page is in them.`;
}

function point_label(i) {
  const varying = data.axes.filter((axis) => new Set(points[axis]).size > 1);
  return varying.map((axis) => words.axis(axis) + " " + words.setting(points[axis][i])).join(", ");
}

function start() {
  const saved = matchMedia("(prefers-color-scheme: dark)");
  const theme = place("theme");
  const paint = (dark) => {
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    theme.textContent = dark ? "Light" : "Dark";
    theme.setAttribute("aria-pressed", String(dark));
    run_view.forget_charts();
    for (const drawing of [...drawings]) drawing.redraw();
  };
  paint(saved.matches);
  theme.addEventListener("click", () => paint(document.documentElement.dataset.theme !== "dark"));
  saved.addEventListener("change", (event) => paint(event.matches));

  draw_subtitle();
  const nothing = !point_count || (settings && settings.best === null);
  if (nothing) {
    place("finding").append(element("p", {textContent: "No point of this sweep has finished."}));
  } else {
    place("finding").append(...findings().map((text) => element("p", {textContent: text})));
    draw_numbers();
    if (settings) draw_sweep();
  }
  draw_runs();
}

// The run to show first: one of the best setting, else of the best point, else any.
function first_run() {
  if (!settings || settings.best === null) return data.runs[0].id;
  const wanted = [...settings.rows[settings.best], table_view.best_point].map((i) => points.point[i]);
  return (data.runs.find((run) => wanted.includes(run.id)) || data.runs[0]).id;
}

function draw_runs() {
  const parent = place("detail"),
    table = place("table"),
    sources = place("sources");
  const body = element("div");
  const runs = data.runs;
  let picker = null;
  const named = element("span", {className: "only-print"});
  const show = (id) => {
    const run = runs.find((candidate) => candidate.id === id) || runs[0];
    if (picker) {
      picker.value = run.id;
      named.textContent = picker.selectedOptions[0].textContent;
    }
    run_view.show(body, run);
    table_view.draw(table, choose, run.id);
    table_view.sources(sources, run);
  };
  const choose = (id) => {
    show(id);
    parent.scrollIntoView({block: "start"});
  };
  if (!runs.length) {
    table_view.draw(table, choose, null);
    return;
  }
  if (settings && runs.length > 1) {
    const row_of = new Map(points.point.map((id, i) => [id, i]));
    picker = element(
      "select",
      {id: "run", ariaLabel: "Run"},
      ...runs.map((run) =>
        element("option", {
          value: run.id,
          textContent: run.id + ": " + point_label(row_of.get(run.id)),
        }),
      ),
    );
    picker.addEventListener("change", () => show(picker.value));
    const some =
      runs.length < point_count
        ? element("span", {
            className: "caption",
            textContent: `${runs.length} of ${point_count.toLocaleString("en-US")} points have their series here.`,
          })
        : null;
    parent.append(
      element("div", {className: "bar"}, element("h2", {textContent: "One run:"}), picker, named, some),
    );
  }
  parent.append(body);
  show(first_run());
}

start();
