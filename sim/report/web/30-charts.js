// Charts of lines, drawn by uPlot.
const DASHES = [[], [7, 4], [2, 3]];

function line_colour(i) {
  return colour("line" + (i % 8));
}

function chart_axes(options) {
  const common = {
    stroke: colour("soft"),
    grid: {stroke: colour("grid"), width: 1},
    ticks: {stroke: colour("grid"), width: 1},
    font: "12px system-ui, sans-serif",
    labelFont: "12px system-ui, sans-serif",
    labelSize: 20,
  };
  const x = {...common, label: options.x_label, space: options.x_space || 60};
  if (options.x_values) x.values = options.x_values;
  if (options.x_splits) x.splits = options.x_splits;
  const y = {...common, label: options.y_label, size: 62};
  if (options.y_values) y.values = options.y_values;
  if (options.y_splits) y.splits = options.y_splits;
  return [x, y];
}

// options: x, x_label, y_label, series: [{label, values, show}], height, time (may be zoomed), …
function line_chart(parent, options) {
  const width = () => Math.max(260, parent.clientWidth);
  const series = options.series.map((line, i) => ({
    label: line.label,
    stroke: line.colour || line_colour(i),
    width: 2,
    dash: line.dash || [],
    points: {show: options.points !== false, size: line.point_size || 7, fill: line.colour || line_colour(i)},
    fill: line.fill,
    paths: line.paths,
    spanGaps: true,
    value: (u, v, si, idx) =>
      idx === null || v === null
        ? "\u2013"
        : (options.show_value || words.significant)(line.raw ? line.raw[idx] : v),
  }));
  const chart = new uPlot(
    {
      width: width(),
      height: options.height || 300,
      padding: [12, 14, 0, 0],
      cursor: {
        drag: {x: Boolean(options.time), y: false},
        sync: options.time ? {key: "time"} : undefined,
      },
      scales: {
        x: {time: false, distr: options.x_log ? 3 : 1, range: options.x_range},
        y: {
          distr: options.y_log ? 3 : 1,
          range: options.y_range || ((u, low, high) => [0, high > 0 ? high * 1.08 : 1]),
        },
      },
      axes: chart_axes(options),
      series: [
        {
          label: options.x_name || options.x_label,
          value: (u, v) => (v === null ? "\u2013" : (options.show_x || words.significant)(v)),
        },
        ...series,
      ],
      legend: {live: true},
      hooks: options.hooks,
    },
    [options.x, ...options.series.map((line) => line.values)],
    parent,
  );
  const resize = () => {
    if (Math.abs(chart.width - width()) > 2)
      chart.setSize({width: width(), height: options.height || 300});
  };
  const observer = new ResizeObserver(() => requestAnimationFrame(resize));
  observer.observe(parent);
  const destroy = chart.destroy;
  chart.destroy = () => {
    observer.disconnect();
    destroy.call(chart);
  };
  (parent.charts = parent.charts || []).push(chart);
  return chart;
}
