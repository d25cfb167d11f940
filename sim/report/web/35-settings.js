// The points of a sweep as settings: points that differ in nothing but their seed are one, with the
// mean of what they give.
const settings = (() => {
  if (data.kind !== "sweep") return null;
  const varying = data.axes.filter((axis) => new Set(points[axis]).size > 1);
  const has_seeds = varying.includes("seed") && varying.length > 1;
  const axes = has_seeds ? varying.filter((axis) => axis !== "seed") : varying;
  const groups = new Map();
  for (let i = 0; i < point_count; ++i) {
    const key = has_seeds ? axes.map((axis) => points[axis][i]).join("\n") : i;
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(i);
  }
  const rows = [...groups.values()];
  const made = new Map();
  function mean(values) {
    const known = values.filter((value) => typeof value === "number");
    if (!known.length) return values.find((value) => value !== null && value !== "") ?? null;
    return known.reduce((sum, value) => sum + value, 0) / known.length;
  }
  // A value a setting: the mean over its seeds, null where no seed has one.
  function column(name) {
    if (!has_seeds) return points[name] || Array(rows.length).fill(null);
    if (!made.has(name)) {
      const all = points[name] || [];
      made.set(
        name,
        rows.map((group) => mean(group.map((i) => all[i] ?? null))),
      );
    }
    return made.get(name);
  }
  const text = (axis, s) => points[axis][rows[s][0]];
  const is_numeric = (axis) =>
    points[axis].every(
      (value) => value !== "" && isFinite(parseFloat(value)) && /^[-0-9.]/.test(value),
    );
  let best = null;
  const rates = column("request_throughput");
  for (let s = 0; s < rows.length; ++s)
    if (rates[s] !== null && (best === null || rates[s] > rates[best])) best = s;
  return {
    axes,
    rows,
    column,
    text,
    is_numeric,
    best,
    count: rows.length,
    num_seeds: has_seeds ? Math.max(...rows.map((group) => group.length)) : 0,
    values: (axis) => {
      const found = [...new Set(points[axis])];
      return is_numeric(axis) ? found.sort((a, b) => parseFloat(a) - parseFloat(b)) : found;
    },
  };
})();

// What a chart shows of a sweep: one axis across, a line for each setting of the others. Where those
// are too many, the lines go through the best setting: one other axis varies, the rest stay as there.
const MOST_LINES = 8;
function make_view(across, along) {
  const {axes, best} = settings;
  const x_axis = across || default_across();
  const others = axes.filter((axis) => axis !== x_axis);
  const lines_of = (chosen, named) => {
    const positions = settings.values(x_axis);
    const slot = new Map(positions.map((value, i) => [value, i]));
    const found = new Map();
    for (const s of chosen) {
      if (settings.column("request_throughput")[s] === null) continue;
      const name = named.map((axis) => words.named(axis, settings.text(axis, s))).join(", ");
      if (!found.has(name)) found.set(name, Array(positions.length).fill(null));
      found.get(name)[slot.get(settings.text(x_axis, s))] = s;
    }
    return {positions, lines: [...found]};
  };
  const all = lines_of([...settings.rows.keys()], others);
  const whole = {x_axis, others, along: null, fixed: [], ...all, shown: all.lines};
  if (all.lines.length <= MOST_LINES || best === null) return whole;
  const line_axis = others.includes(along) ? along : most_telling(others);
  const fixed = others.filter((axis) => axis !== line_axis);
  const values = spread_over(settings.values(line_axis), settings.text(line_axis, best));
  const chosen = [...settings.rows.keys()].filter(
    (s) =>
      fixed.every((axis) => settings.text(axis, s) === settings.text(axis, best)) &&
      values.includes(settings.text(line_axis, s)),
  );
  const slice = lines_of(chosen, [line_axis]);
  return {...whole, along: line_axis, fixed, positions: slice.positions, shown: slice.lines};
}
function default_across() {
  const {axes} = settings;
  const count = (axis) => settings.values(axis).length;
  const preference = (axis) => [
    axis.endsWith("max_num_seqs") ? 1 : 0,
    settings.is_numeric(axis) ? 1 : 0,
    count(axis),
  ];
  const better = (a, b) => {
    const first = preference(a),
      second = preference(b),
      place = first.findIndex((value, i) => value !== second[i]);
    return place >= 0 && first[place] > second[place];
  };
  return axes.reduce((a, b) => (better(b, a) ? b : a), axes[0] || data.axes[0] || "point");
}
// The axis that changes throughput most while the others stay as they are in the best setting.
function most_telling(axes) {
  const rates = settings.column("request_throughput");
  const spread = (axis) => {
    const seen = [...settings.rows.keys()].filter(
      (s) =>
        rates[s] !== null &&
        settings.axes.every(
          (other) =>
            other === axis || settings.text(other, s) === settings.text(other, settings.best),
        ),
    );
    const low = least(seen.map((s) => rates[s]));
    return low > 0 ? greatest(seen.map((s) => rates[s])) / low : Infinity;
  };
  return axes.reduce((a, b) => (spread(b) > spread(a) ? b : a));
}
// At most so many of the values, evenly, with the best setting's among them.
function spread_over(values, must) {
  if (values.length <= MOST_LINES) return values;
  const chosen = new Set([must]);
  for (let i = 0; i < MOST_LINES && chosen.size < MOST_LINES; ++i)
    chosen.add(values[Math.round((i * (values.length - 1)) / (MOST_LINES - 1))]);
  return values.filter((value) => chosen.has(value));
}
// A call with many thousands of arguments would run out of stack.
function greatest(values) {
  return values.reduce((a, b) => (b > a ? b : a), -Infinity);
}
function least(values) {
  return values.reduce((a, b) => (b < a ? b : a), Infinity);
}
function label_of(s, axes = settings.axes) {
  return (
    axes
      .map((axis) => words.axis(axis) + " " + words.setting(settings.text(axis, s)))
      .join(", ") || "point " + points.point[settings.rows[s][0]]
  );
}
