// All runs in one table, and the files' own words.
const table_view = (() => {
  const COLUMNS = [
    "request_throughput",
    "output_throughput",
    "request_goodput",
    "mean_ttft_ms",
    "p99_ttft_ms",
    "mean_tpot_ms",
    "p99_tpot_ms",
    "mean_e2el_ms",
    "p99_e2el_ms",
    "num_finished",
    "num_rejected",
    "num_preemptions",
    "kv_waste_of_reserved",
    "kv_waste_of_pool",
    "kv_live_of_pool",
    "external_fragmentation",
    "mean_batch_size",
    "limited_by",
    "bound",
  ];
  const MOST_ROWS = 500;
  let sorted = null,
    down = true,
    rows_shown = MOST_ROWS;

  function shown_columns() {
    const used = (name) => (points[name] || []).some((value) => value !== null && value !== 0);
    return [
      ...(points.point ? ["point"] : []),
      ...data.axes,
      ...COLUMNS.filter(used),
      ...((points.reason || []).some((value) => value) && data.kind === "sweep" ? ["reason"] : []),
    ];
  }
  function order() {
    const rows = [...Array(point_count).keys()];
    if (!sorted) return rows;
    const value = (i) => {
      const raw = points[sorted][i];
      return raw === null ? NaN : isFinite(raw) ? Number(raw) : raw;
    };
    return rows.sort((a, b) => {
      const x = value(a),
        y = value(b);
      if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
      return (x < y ? -1 : x > y ? 1 : a - b) * (down ? -1 : 1);
    });
  }
  function draw(parent, choose, chosen) {
    if (data.kind !== "sweep") return;
    const columns = shown_columns();
    const is_word = (name) =>
      name === "point" ||
      name === "reason" ||
      data.axes.includes(name) ||
      ["limited_by", "bound"].includes(name);
    const head = element(
      "tr",
      {},
      ...columns.map((name) => {
        const button = element("button", {
          type: "button",
          textContent: words.axis(name) + (sorted === name ? (down ? " \u2193" : " \u2191") : ""),
        });
        button.addEventListener("click", () => {
          down = sorted === name ? !down : true;
          sorted = name;
          draw(parent, choose, chosen);
          [...parent.querySelectorAll("th button")][columns.indexOf(name)].focus();
        });
        return element(
          "th",
          {
            scope: "col",
            className: is_word(name) ? "word" : "",
            ariaSort: sorted === name ? (down ? "descending" : "ascending") : "none",
          },
          button,
        );
      }),
    );
    const has_run = new Set(data.runs.map((run) => run.id));
    const body = order()
      .slice(0, rows_shown)
      .map((i) => {
        const id = points.point[i];
        const row = element(
          "tr",
          {className: (i === sweep.best ? "best " : "") + (id === chosen ? "chosen" : "")},
          ...columns.map((name) => {
            const value = points[name] ? points[name][i] : null;
            const text = data.axes.includes(name) ? words.setting(value) : words.cell(name, value);
            return element("td", {
              className: is_word(name) ? "word" : "",
              textContent: text,
              title: is_word(name) ? String(value) : "",
            });
          }),
        );
        if (has_run.has(id)) {
          row.dataset.run = id;
          row.addEventListener("click", () => choose(id));
        }
        return row;
      });
    const more =
      point_count > rows_shown
        ? element("button", {
            type: "button",
            textContent: `Show all ${point_count.toLocaleString("en-US")} rows`,
          })
        : null;
    if (more)
      more.addEventListener("click", () => {
        rows_shown = point_count;
        draw(parent, choose, chosen);
      });
    parent.replaceChildren(
      element("h2", {textContent: `All ${point_count.toLocaleString("en-US")} points`}),
      element("p", {
        className: "caption",
        textContent:
          "\u2605 most requests a second. A column's name sorts; a row shows that run above.",
      }),
      element(
        "div",
        {className: "scroll", tabIndex: 0, role: "region", ariaLabel: "All points"},
        element(
          "table",
          {className: "runs"},
          element("thead", {}, head),
          element("tbody", {}, ...body),
        ),
      ),
      ...(more ? [element("div", {className: "tools"}, more)] : []),
    );
  }
  function sources(parent, run) {
    parent.replaceChildren();
    for (const [name, title] of [
      ["scenario", "The scenario, with every default"],
      ["manifest", "The manifest"],
    ]) {
      if (run && run[name])
        parent.append(
          element(
            "details",
            {},
            element("summary", {textContent: title}),
            element("pre", {textContent: run[name], tabIndex: 0}),
          ),
        );
    }
  }
  return {draw, sources};
})();
