// What the settings of a sweep say together.
let view = settings ? make_view() : null;

function view_series(column, dashes = 0) {
  const values = settings.column(column);
  return view.shown.map(([name, line], k) => ({
    label: name || words.axis(column),
    values: line.map((s) => (s === null ? null : values[s])),
    colour: line_colour(k),
    dash: DASHES[dashes],
  }));
}
function across_options() {
  return {
    x: view.positions.map((value, i) => i),
    x_label: words.axis(view.x_axis),
    x_space: 34,
    x_splits: () =>
      view.positions
        .map((value, i) => i)
        .filter((value, i) => i % Math.ceil(view.positions.length / 10) === 0),
    x_values: (u, splits) => splits.map((i) => shorten(words.setting(view.positions[i] || ""))),
    show_x: (i) => words.setting(view.positions[i]),
    x_range: () => [-0.25, view.positions.length - 0.75],
  };
}
function shorten(text) {
  return text.length > 14 ? text.slice(0, 13) + "\u2026" : text;
}

function throughput_title() {
  const rates = settings.column("request_throughput");
  if (view.along)
    return `Throughput peaks at ${words.significant(rates[settings.best])} requests/s with ${label_of(settings.best)}`;
  const [first, ...rest] = view.lines
    .map(([name, line]) => {
      const used = line.filter((s) => s !== null);
      const at = used.reduce((a, b) => (rates[b] > rates[a] ? b : a));
      return {name, at, rate: rates[at]};
    })
    .sort((a, b) => b.rate - a.rate);
  const where = words.axis(view.x_axis) + " " + words.setting(settings.text(view.x_axis, first.at));
  if (!rest.length)
    return `Throughput peaks at ${words.significant(first.rate)} requests/s with ${where}`;
  const last = rest[rest.length - 1];
  if (!(last.rate > 0))
    return `${first.name} serves ${words.significant(first.rate)} requests/s with ${where}; ${last.name} none`;
  return first.rate / last.rate >= 1.05
    ? `${first.name} serves ${words.times(first.rate / last.rate)} the requests of ${last.name} at their best`
    : `Every setting serves about ${words.significant(first.rate)} requests/s at its best`;
}
function range_of(column, line) {
  const values = settings.column(column);
  const known = line.filter((s) => s !== null && values[s] !== null).map((s) => values[s]);
  return known.length ? [least(known), greatest(known)] : null;
}
function percent_range([low, high]) {
  const a = words.percent(low),
    b = words.percent(high);
  return a === b ? a : a.replace(words.TIE + "%", "") + "\u2013" + b;
}
function waste_title() {
  const column = "kv_waste_of_reserved";
  if (view.along || view.lines.length === 1) {
    const range = range_of(column, view.shown.map(([, line]) => line).flat());
    return range
      ? percent_range(range) + " of the KV memory that requests reserve is wasted"
      : "No KV memory is reserved";
  }
  const parts = [];
  for (const [name, line] of view.lines) {
    const range = range_of(column, line);
    if (range) parts.push(name + " wastes " + percent_range(range));
  }
  const more = parts.length > 3 ? "; and so on" : "";
  return parts.slice(0, 3).join("; ") + " of the KV memory it reserves" + more;
}
function view_note() {
  const seeds = settings.num_seeds ? ` Means of ${settings.num_seeds} seeds.` : "";
  if (!view.along) return seeds;
  const fixed = view.fixed.map(
    (axis) => words.axis(axis) + " " + words.setting(settings.text(axis, settings.best)),
  );
  return (fixed.length ? ` With ${fixed.join(", ")}, as the best setting has.` : "") + seeds;
}

// Which axis goes across, and which one the lines are of, where there is a choice.
function view_pickers(parent) {
  if (settings.axes.length < 2) return;
  const pick = (id, text, axes, chosen, make) => {
    const picker = element(
      "select",
      {id},
      ...axes.map((axis) =>
        element("option", {value: axis, textContent: words.axis(axis), selected: axis === chosen}),
      ),
    );
    picker.addEventListener("change", () => {
      view = make(picker.value);
      draw_sweep();
      place(id).focus();
    });
    return element("label", {}, text + " ", picker);
  };
  parent.append(
    element(
      "div",
      {className: "tools view"},
      pick("across", "Across:", settings.axes, view.x_axis, (axis) => make_view(axis, view.along)),
      view.along
        ? pick("along", "Lines:", view.others, view.along, (axis) => make_view(view.x_axis, axis))
        : null,
    ),
  );
}

function draw_sweep() {
  const parent = place("sweep");
  forget_drawings_in(parent);
  parent.replaceChildren();
  view_pickers(parent);
  card(
    parent,
    throughput_title(),
    "Finished requests a second; below, how often sequences were preempted." + view_note(),
    (chart) => {
      line_chart(chart, {
        ...across_options(),
        y_label: "requests/s",
        series: view_series("request_throughput"),
        height: 270,
      });
      line_chart(chart, {
        ...across_options(),
        y_label: "preemptions",
        series: view_series("num_preemptions"),
        height: 150,
        show_value: (v) => v.toLocaleString("en-US", {maximumFractionDigits: 1}),
      });
    },
  );
  draw_latency_card(parent);
  card(
    parent,
    waste_title(),
    "Time-weighted. Solid: of what is reserved. Dashed: of the whole KV pool.",
    (chart) => {
      const named = (column, ending, dash) =>
        view_series(column, dash).map((line) => ({
          ...line,
          label: (line.label.startsWith("kv_") ? "" : line.label + " ") + ending,
        }));
      line_chart(chart, {
        ...across_options(),
        y_label: "wasted",
        series: [
          ...named("kv_waste_of_reserved", "of reserved", 0),
          ...named("kv_waste_of_pool", "of pool", 1),
        ],
        y_values: (u, splits) => splits.map((v) => Math.round(100 * v) + "%"),
        show_value: words.percent,
        y_range: (u, low, high) => [0, Math.max(0.1, high * 1.08)],
      });
    },
  );
  draw_classes_card(parent);
}

// The settings that no line goes through, as many as can be told apart.
function other_settings() {
  if (!view.along) return [];
  const on_lines = new Set(view.shown.map(([, line]) => line).flat());
  const others = [...settings.rows.keys()].filter((s) => !on_lines.has(s));
  const step = Math.ceil(others.length / 2000);
  return others.filter((s, i) => i % step === 0);
}

// Throughput against a latency that the reader picks.
function draw_latency_card(parent) {
  const measures = {
    mean_ttft_ms: "mean TTFT",
    p99_ttft_ms: "p99 TTFT",
    mean_tpot_ms: "mean TPOT",
    p99_tpot_ms: "p99 TPOT",
    mean_e2el_ms: "mean E2EL",
    p99_e2el_ms: "p99 E2EL",
  };
  let chosen = "p99_ttft_ms";
  const others = other_settings();
  const which = others.length ? "Grey: the other settings. To" : "Each dot is a setting; to";
  card(
    parent,
    "What throughput costs in latency",
    `${which} the right and down is better.`,
    (chart) => {
      const picker = element(
        "select",
        {ariaLabel: "latency"},
        ...Object.entries(measures).map(([value, text]) =>
          element("option", {value, textContent: text, selected: value === chosen}),
        ),
      );
      picker.addEventListener("change", () => {
        chosen = picker.value;
        chart.redraw();
        chart.querySelector("select").focus();
      });
      chart.append(element("div", {className: "tools"}, element("label", {}, "Latency: ", picker)));
      line_chart(chart, latency_options(measures, chosen, others));
    },
  );
}
function latency_options(measures, chosen, others) {
  const rates = settings.column("request_throughput"),
    latencies = settings.column(chosen);
  const dots = [];
  const add = (s, k) => {
    if (s !== null && rates[s] !== null && latencies[s] !== null)
      dots.push([rates[s], k, latencies[s] / 1000]);
  };
  others.forEach((s) => add(s, -1));
  view.shown.forEach(([, line], k) => line.forEach((s) => add(s, k)));
  dots.sort((a, b) => a[0] - b[0]);
  const of = (k) => dots.map((dot) => (dot[1] === k ? dot[2] : null));
  const series = view.shown.map(([name], k) => ({
    label: name || measures[chosen],
    values: of(k),
    colour: line_colour(k),
  }));
  if (others.length)
    series.unshift({
      label: "other settings",
      values: of(-1),
      colour: colour("queued"),
      paths: () => null,
      point_size: 4,
    });
  const highest = greatest([0, ...dots.map((dot) => dot[2])]),
    lowest = least(dots.map((dot) => dot[2]));
  const log = highest > 30 * lowest;
  return {
    x: dots.map((dot) => dot[0]),
    x_label: "requests/s",
    y_label: measures[chosen] + " (s)",
    series,
    height: 330,
    y_log: log,
    y_range: log ? (u, low, high) => [low / 1.5, high * 1.5] : undefined,
    y_values: log
      ? (u, splits) =>
          splits.map((v) =>
            v !== null && Math.abs(Math.log10(v) % 1) < 1e-6 ? String(Number(v.toPrecision(1))) : "",
          )
      : undefined,
    show_value: words.seconds,
    x_range: (u, low, high) => [0, high * 1.06],
  };
}

// The KV pool by class, a bar a setting.
function draw_classes_card(parent) {
  const used = KV_CLASSES.filter((name) =>
    settings.column(name + "_mean_bytes").some((value) => value > 0),
  );
  if (!used.length) return;
  const all = view.shown
    .map(([, line]) => line)
    .flat()
    .filter((s) => s !== null);
  const step = Math.ceil(all.length / 16);
  const shown = all.filter((s, k) => k % step === 0 || s === settings.best);
  const named = view.along ? [view.along, view.x_axis] : undefined;
  card(
    parent,
    "Where the KV memory went",
    "Mean bytes of the KV pool over each run" +
      (step > 1 ? `; ${shown.length} of ${all.length} settings, the best among them.` : "."),
    (chart) => {
      const stack = element("div", {className: "stack"});
      for (const s of shown) {
        const of = (name) => settings.column(name + "_mean_bytes")[s] || 0;
        const total = used.reduce((sum, name) => sum + of(name), 0);
        const track = element("div", {className: "track", role: "img"});
        const said = [];
        for (const name of used) {
          const share = of(name) / total;
          if (!(share > 0.0005)) continue;
          const piece = element("span");
          piece.style.width = 100 * share + "%";
          piece.style.background = colour(name);
          const text = LEDGER[name] + ": " + words.percent(share) + " of the pool";
          said.push(text);
          piece.addEventListener("mousemove", (event) => show_tip(text, event));
          piece.addEventListener("mouseleave", hide_tip);
          track.append(piece);
        }
        const label = label_of(s, named) + (s === settings.best && named ? " \u2605" : "");
        track.setAttribute("aria-label", label + ": " + said.join(", "));
        stack.append(element("div", {className: "label", textContent: label}), track);
      }
      chart.append(stack, keys(used.map((name) => [name, LEDGER[name]])));
    },
  );
}
