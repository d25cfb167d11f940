// All runs in one table, and the files' own words.
const table_view = (() => {
  const ROWS_A_PAGE = 200;
  let sorted = null,
    down = true,
    page = 0,
    wanted = "",
    texts = null;

  function shown_columns() {
    const used = (name) => (points[name] || []).some((value) => value !== null && value !== 0);
    return [
      ...(points.point ? ["point"] : []),
      ...data.axes,
      ...data.columns.filter(used),
      ...((points.reason || []).some((value) => value) && data.kind === "sweep" ? ["reason"] : []),
    ];
  }
  // What the filter looks into: a row's point, its settings by name, its status and reason.
  function row_text(i) {
    if (!texts)
      texts = Array.from({length: point_count}, (none, row) =>
        [
          points.point[row],
          ...data.axes.map((axis) => words.axis(axis) + "=" + points[axis][row]),
          points.status ? points.status[row] : "",
          points.reason ? points.reason[row] : "",
        ]
          .join(" ")
          .toLowerCase(),
      );
    return texts[i];
  }
  // "=32" is exact: "max_num_seqs=3" does not find 32.
  function matches(text, term) {
    for (let at = text.indexOf(term); at >= 0; at = text.indexOf(term, at + 1)) {
      const next = text[at + term.length];
      if (!term.includes("=") || next === undefined || next === " ") return true;
    }
    return false;
  }
  function order() {
    const terms = wanted.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = [...Array(point_count).keys()].filter((i) =>
      terms.every((term) => matches(row_text(i), term)),
    );
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
  const is_word = (name) =>
    name === "point" ||
    name === "reason" ||
    data.axes.includes(name) ||
    ["limited_by", "bound"].includes(name);
  function head_row(columns, refill) {
    return element(
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
          page = 0;
          refill();
          [...place("table").querySelectorAll("th button")][columns.indexOf(name)].focus();
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
  }
  function body_row(i, columns, choose, chosen, with_run) {
    const id = points.point[i];
    const row = element(
      "tr",
      {className: (i === best_point ? "best " : "") + (id === chosen ? "chosen" : "")},
      ...columns.map((name) => {
        const value = points[name] ? points[name][i] : null;
        const text = data.axes.includes(name) ? words.setting(value) : words.cell(name, value);
        return element("td", {
          className: is_word(name) ? "word" : "",
          textContent: text,
          title: is_word(name) && value !== null ? String(value) : "",
        });
      }),
    );
    if (with_run.has(id)) {
      row.dataset.run = id;
      row.addEventListener("click", () => choose(id));
    }
    return row;
  }
  function turn_pages(found, refill) {
    const last = Math.ceil(found / ROWS_A_PAGE) - 1;
    if (last < 1) return [];
    const button = (text, to) => {
      const made = element("button", {type: "button", textContent: text, disabled: to === page});
      made.addEventListener("click", () => {
        page = to;
        refill();
        const same = [...place("table").querySelectorAll(".pages button")];
        (same.find((one) => one.textContent === text && !one.disabled) || same[0]).focus();
      });
      return made;
    };
    const from = page * ROWS_A_PAGE;
    const count = (n) => n.toLocaleString("en-US");
    return [
      button("First", 0),
      button("Back", Math.max(0, page - 1)),
      element("span", {
        className: "caption",
        textContent: `${count(from + 1)}\u2013${count(Math.min(found, from + ROWS_A_PAGE))} of ${count(found)}`,
      }),
      button("Next", Math.min(last, page + 1)),
      button("Last", last),
    ];
  }
  const best_point = (() => {
    let best = null;
    const rates = points.request_throughput || [];
    for (let i = 0; i < point_count; ++i)
      if (rates[i] !== null && (best === null || rates[i] > rates[best])) best = i;
    return best;
  })();
  let refill = null;
  function draw(parent, choose, chosen) {
    if (data.kind !== "sweep") return;
    const first_time = !refill;
    const with_run = new Set(data.runs.map((run) => run.id));
    refill = () => {
      const rows = order();
      const columns = shown_columns();
      const scroll = parent.querySelector(".scroll");
      const left = scroll.scrollLeft;
      scroll.replaceChildren(
        element(
          "table",
          {className: "runs"},
          element("thead", {}, head_row(columns, refill)),
          element(
            "tbody",
            {},
            ...rows
              .slice(page * ROWS_A_PAGE, (page + 1) * ROWS_A_PAGE)
              .map((i) => body_row(i, columns, choose, chosen, with_run)),
          ),
        ),
      );
      scroll.scrollLeft = left;
      parent.querySelector(".pages").replaceChildren(...turn_pages(rows.length, refill));
    };
    if (first_time) parent.replaceChildren(...skeleton());
    refill();
  }
  function skeleton() {
    const filter = element("input", {
      type: "search",
      id: "filter",
      placeholder: data.axes.length ? words.axis(data.axes[0]) + "=" + points[data.axes[0]][0] : "",
    });
    filter.addEventListener("input", () => {
      wanted = filter.value;
      page = 0;
      refill();
    });
    return [
      element("h2", {textContent: `All ${point_count.toLocaleString("en-US")} points`}),
      element("p", {
        className: "caption",
        textContent:
          "\u2605 most requests a second. A column's name sorts; a row with a run shows it above.",
      }),
      ...(point_count > 20
        ? [element("div", {className: "tools"}, element("label", {}, "Filter: ", filter))]
        : []),
      element("div", {className: "scroll", tabIndex: 0, role: "region", ariaLabel: "All points"}),
      element("div", {className: "tools pages", role: "group", ariaLabel: "Pages of the table"}),
    ];
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
  return {draw, sources, best_point};
})();
