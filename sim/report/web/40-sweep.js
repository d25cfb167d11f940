// What the points of a sweep say together.
const sweep = (() => {
  if (data.kind !== "sweep") return null;
  const numeric = data.axes.map(
    (axis) =>
      new Set(points[axis]).size > 1 &&
      points[axis].every(
        (value) => value !== "" && isFinite(parseFloat(value)) && /^[-0-9.]/.test(value),
      ),
  );
  const distinct = data.axes.map((axis) => new Set(points[axis]).size);
  // The axis with the most numbers goes across; without numbers, the one with the most values.
  let across = -1;
  data.axes.forEach((axis, i) => {
    if (numeric[i] && (across < 0 || distinct[i] > distinct[across])) across = i;
  });
  if (across < 0) across = distinct.indexOf(Math.max(...distinct));
  const x_axis = data.axes[across];
  const positions = [...new Set(points[x_axis])];
  if (numeric[across]) positions.sort((a, b) => parseFloat(a) - parseFloat(b));
  const others = data.axes.filter((axis, i) => i !== across && distinct[i] > 1);
  const name_of = (i) => others.map((axis) => words.setting(points[axis][i])).join(", ");
  const lines = new Map();
  for (let i = 0; i < point_count; ++i) {
    if (points.request_throughput[i] === null) continue;
    const name = name_of(i);
    if (!lines.has(name)) lines.set(name, Array(positions.length).fill(null));
    lines.get(name)[positions.indexOf(points[x_axis][i])] = i;
  }
  const peak = (rows) =>
    Math.max(...rows.map((i) => (i === null ? 0 : points.request_throughput[i])));
  const ranked = [...lines].sort((a, b) => peak(b[1]) - peak(a[1]));
  const shown = new Set(ranked.slice(0, 8).map(([name]) => name));
  const drawn = [...lines].filter(([name]) => shown.has(name));
  function best_row() {
    let best = null;
    for (let i = 0; i < point_count; ++i)
      if (
        points.request_throughput[i] !== null &&
        (best === null || points.request_throughput[i] > points.request_throughput[best])
      )
        best = i;
    return best;
  }
  function label(i) {
    return (
      data.axes
        .filter((axis, k) => distinct[k] > 1)
        .map((axis) => words.axis(axis) + " " + words.setting(points[axis][i]))
        .join(", ") || "point " + points.point[i]
    );
  }
  return {
    x_axis,
    positions,
    lines: drawn,
    all_lines: lines,
    best: best_row(),
    label,
    left_out: lines.size - drawn.length,
  };
})();

function sweep_series(column, dashes = 0) {
  return sweep.lines.map(([name, rows], k) => ({
    label: name || words.axis(column),
    values: rows.map((i) => (i === null ? null : points[column][i])),
    colour: line_colour(k),
    dash: DASHES[dashes],
  }));
}
function across_options() {
  return {
    x: sweep.positions.map((value, i) => i),
    x_label: words.axis(sweep.x_axis),
    x_space: 34,
    x_splits: () =>
      sweep.positions
        .map((value, i) => i)
        .filter((value, i) => i % Math.ceil(sweep.positions.length / 10) === 0),
    x_values: (u, splits) => splits.map((i) => shorten(words.setting(sweep.positions[i] || ""))),
    show_x: (i) => words.setting(sweep.positions[i]),
    x_range: () => [-0.25, sweep.positions.length - 0.75],
  };
}
function shorten(text) {
  return text.length > 14 ? text.slice(0, 13) + "\u2026" : text;
}

function throughput_title() {
  const [first, ...rest] = [...sweep.all_lines]
    .map(([name, rows]) => {
      const used = rows.filter((i) => i !== null);
      const at = used.reduce((a, b) =>
        points.request_throughput[b] > points.request_throughput[a] ? b : a,
      );
      return {name, at, rate: points.request_throughput[at]};
    })
    .sort((a, b) => b.rate - a.rate);
  const where = words.axis(sweep.x_axis) + " " + words.setting(points[sweep.x_axis][first.at]);
  if (!rest.length)
    return `Throughput peaks at ${words.significant(first.rate)} requests/s with ${where}`;
  const last = rest[rest.length - 1];
  if (!(last.rate > 0))
    return `${first.name} serves ${words.significant(first.rate)} requests/s with ${where}; ${last.name} none`;
  return first.rate / last.rate >= 1.05
    ? `${first.name} serves ${words.times(first.rate / last.rate)} the requests of ${last.name} at their best`
    : `Every setting serves about ${words.significant(first.rate)} requests/s at its best`;
}
function range_of(column, rows) {
  const values = rows
    .filter((i) => i !== null && points[column][i] !== null)
    .map((i) => points[column][i]);
  return values.length ? [Math.min(...values), Math.max(...values)] : null;
}
function percent_range([low, high]) {
  const a = words.percent(low),
    b = words.percent(high);
  return a === b ? a : a.replace(words.TIE + "%", "") + "\u2013" + b;
}
function waste_title() {
  const parts = [];
  for (const [name, rows] of sweep.lines) {
    const range = range_of("kv_waste_of_reserved", rows);
    if (range) parts.push((name ? name + " wastes " : "") + percent_range(range));
  }
  return parts.slice(0, 3).join("; ") + " of the KV memory it reserves";
}

function draw_sweep() {
  if (!sweep) return;
  const parent = place("sweep");
  const left_out = sweep.left_out
    ? ` The ${sweep.left_out} slowest lines are in the table only.`
    : "";
  card(
    parent,
    throughput_title(),
    "Finished requests a second of each point; below, how often sequences were preempted." +
      left_out,
    (chart) => {
      line_chart(chart, {
        ...across_options(),
        y_label: "requests/s",
        series: sweep_series("request_throughput"),
        height: 270,
      });
      line_chart(chart, {
        ...across_options(),
        y_label: "preemptions",
        series: sweep_series("num_preemptions"),
        height: 150,
        show_value: (v) => v.toLocaleString("en-US"),
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
        sweep_series(column, dash).map((line) => ({
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
  const made = card(
    parent,
    "What throughput costs in latency",
    "Each dot is a point of the sweep; to the right and down is better.",
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
      const dots = [];
      sweep.lines.forEach(([name, rows], k) =>
        rows.forEach((i) => {
          if (i !== null && points[chosen] && points[chosen][i] !== null)
            dots.push([points.request_throughput[i], k, points[chosen][i] / 1000, i]);
        }),
      );
      dots.sort((a, b) => a[0] - b[0]);
      const series = sweep.lines.map(([name], k) => ({
        label: name || measures[chosen],
        values: dots.map((dot) => (dot[1] === k ? dot[2] : null)),
      }));
      const highest = Math.max(0, ...dots.map((dot) => dot[2])),
        lowest = Math.min(Infinity, ...dots.map((dot) => dot[2]));
      const log = highest > 30 * lowest;
      line_chart(chart, {
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
                v !== null && Math.abs(Math.log10(v) % 1) < 1e-6
                  ? String(Number(v.toPrecision(1)))
                  : "",
              )
          : undefined,
        show_value: words.seconds,
        x_range: (u, low, high) => [0, high * 1.06],
      });
    },
  );
  return made;
}

// The KV pool by class, a bar a point.
function draw_classes_card(parent) {
  const used = KV_CLASSES.filter((name) =>
    (points[name + "_mean_bytes"] || []).some((value) => value > 0),
  );
  if (!used.length) return;
  const rows = [];
  for (const [, line] of sweep.lines) for (const i of line) if (i !== null) rows.push(i);
  const step = Math.ceil(rows.length / 16);
  const shown = rows.filter((row, k) => k % step === 0 || row === sweep.best);
  card(
    parent,
    "Where the KV memory went",
    "Mean bytes of the KV pool over each point's run" +
      (step > 1 ? `, every ${step}th point and the best.` : "."),
    (chart) => {
      const stack = element("div", {className: "stack"});
      for (const i of shown) {
        const total = used.reduce((sum, name) => sum + (points[name + "_mean_bytes"][i] || 0), 0);
        const track = element("div", {className: "track", role: "img"});
        const said = [];
        for (const name of used) {
          const share = (points[name + "_mean_bytes"][i] || 0) / total;
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
        track.setAttribute("aria-label", sweep.label(i) + ": " + said.join(", "));
        stack.append(element("div", {className: "label", textContent: sweep.label(i)}), track);
      }
      chart.append(stack, keys(used.map((name) => [name, LEDGER[name]])));
    },
  );
}
