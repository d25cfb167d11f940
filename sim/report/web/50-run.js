// One run over time: memory, load, latencies, requests.
const run_view = (() => {
  let window_s = null; // what the time charts show, if not all
  let time_charts = [];
  let setting_scale = false;

  function end_of(run) {
    const ends = [];
    for (const part of run.memory || []) ends.push(part.time_s[part.time_s.length - 1]);
    for (const part of run.series || [])
      ends.push(part.columns.time_s[part.columns.time_s.length - 1]);
    if (run.requests) for (const t of run.requests.timeline.finished) if (t !== null) ends.push(t);
    return Math.max(1e-9, ...ends.filter((end) => end !== undefined));
  }

  function zoom(run, low, high) {
    const end = end_of(run);
    const whole = high - low >= end * 0.999;
    window_s = whole ? null : [Math.max(0, low), Math.min(end, high)];
    setting_scale = true;
    for (const chart of time_charts)
      if (chart.setScale)
        chart.setScale("x", {min: window_s ? window_s[0] : 0, max: window_s ? window_s[1] : end});
      else chart.draw();
    setting_scale = false;
  }
  function time_tools(run) {
    const shown = () => window_s || [0, end_of(run)];
    const button = (text, act) => {
      const made = element("button", {type: "button", textContent: text});
      made.addEventListener("click", act);
      return made;
    };
    const scale = (factor) => () => {
      const [a, b] = shown(),
        middle = (a + b) / 2,
        half = ((b - a) / 2) * factor;
      zoom(run, middle - half, middle + half);
    };
    const shift = (share) => () => {
      const [a, b] = shown(),
        by = (b - a) * share,
        end = end_of(run);
      const from = Math.max(0, Math.min(a + by, end - (b - a)));
      zoom(run, from, from + b - a);
    };
    return element(
      "div",
      {className: "tools", role: "group", ariaLabel: "Zoom in time"},
      button("Zoom in", scale(0.5)),
      button("Zoom out", scale(2)),
      button("Earlier", shift(-0.5)),
      button("Later", shift(0.5)),
      button("Whole run", () => zoom(run, 0, end_of(run))),
    );
  }
  function time_options(run) {
    return {
      time: true,
      x_label: "time (s)",
      show_x: words.seconds,
      points: false,
      // uPlot asks first with the ends of the data; the whole run is longer.
      x_range: (u, low, high) => {
        const times = u.data[0];
        const is_first = low === times[0] && high === times[times.length - 1];
        return is_first || !isFinite(low) ? [0, end_of(run)] : [low, high];
      },
      hooks: {
        setScale: [
          (u, key) => {
            if (key === "x" && !setting_scale && u.scales.x.min !== null)
              zoom(run, u.scales.x.min, u.scales.x.max);
          },
        ],
      },
    };
  }

  // Five to ten round numbers of the unit, up to the capacity.
  function even_splits(capacity, unit) {
    const rough = capacity / unit / 8,
      power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) * unit;
    const splits = [];
    for (let at = 0; at <= capacity; at += step) splits.push(at);
    return () => splits;
  }

  function memory_card(parent, run) {
    if (!run.memory || !run.memory.length) return;
    let chosen = 0;
    const peak = (part) => {
      const live = part.classes.kv_live || [0];
      return words.bytes(Math.max(...live)) + " of live KV at most";
    };
    card(
      parent,
      `Device memory, to its last byte: ${words.bytes(run.memory[0].capacity_bytes)}`,
      `Every class of the ledger, stacked to the device's total; ${peak(run.memory[0])}. Drag over a stretch of time to zoom.`,
      (chart) => {
        const part = run.memory[chosen];
        if (run.memory.length > 1) {
          const picker = element(
            "select",
            {ariaLabel: "device"},
            ...run.memory.map((p, i) =>
              element("option", {
                value: String(i),
                textContent: `engine ${p.engine}, device ${p.device}`,
                selected: i === chosen,
              }),
            ),
          );
          picker.addEventListener("change", () => {
            chosen = Number(picker.value);
            chart.redraw();
          });
          chart.append(
            element("div", {className: "tools"}, element("label", {}, "Device: ", picker)),
          );
        }
        const names = Object.keys(LEDGER).filter((name) => part.classes[name]);
        const sum = part.time_s.map(() => 0);
        const series = [];
        for (const name of names) {
          const raw = part.classes[name];
          raw.forEach((value, i) => {
            sum[i] += value;
          });
          series.push({
            label: LEDGER[name],
            values: sum.slice(),
            raw,
            colour: colour(name),
            fill: colour(name),
            paths: uPlot.paths.stepped({align: 1}),
          });
        }
        const unit = part.capacity_bytes >= 2 ** 30 ? ["GiB", 2 ** 30] : ["MiB", 2 ** 20];
        time_charts.push(
          line_chart(chart, {
            ...time_options(run),
            x: part.time_s,
            y_label: `device memory (${unit[0]})`,
            height: 380,
            series: series.reverse(),
            show_value: words.bytes,
            y_range: () => [0, part.capacity_bytes],
            y_splits: even_splits(part.capacity_bytes, unit[1]),
            y_values: (u, splits) =>
              splits.map((v) => Number((v / unit[1]).toPrecision(6)).toLocaleString("en-US")),
          }),
        );
      },
      true,
    );
  }

  function load_card(parent, run) {
    if (!run.series || !run.series.length) return;
    const columns = run.series[0].columns;
    card(
      parent,
      "Load and throughput over time",
      "Requests that run and that wait; below, tokens sampled a second.",
      (chart) => {
        time_charts.push(
          line_chart(chart, {
            ...time_options(run),
            x: columns.time_s,
            y_label: "requests",
            height: 200,
            series: [
              {label: "running", values: columns.num_running},
              {label: "waiting", values: columns.num_waiting},
            ],
          }),
        );
        time_charts.push(
          line_chart(chart, {
            ...time_options(run),
            x: columns.time_s,
            y_label: "output tokens/s",
            height: 180,
            series: [
              {
                label: "output tokens/s",
                values: columns.output_throughput,
                colour: colour("line2"),
              },
            ],
          }),
        );
      },
    );
    card(
      parent,
      "Waste and fragmentation over time",
      "Of reserved: what sequences hold without using it. External: free bytes outside the longest free run.",
      (chart) => {
        time_charts.push(
          line_chart(chart, {
            ...time_options(run),
            x: columns.time_s,
            y_label: "share",
            height: 400,
            y_values: (u, splits) => splits.map((v) => Math.round(100 * v) + "%"),
            show_value: words.percent,
            y_range: (u, low, high) => [0, Math.min(1, Math.max(0.1, high * 1.1))],
            series: [
              {
                label: "waste of reserved",
                values: columns.kv_waste_of_reserved,
                colour: colour("line1"),
              },
              {label: "waste of pool", values: columns.kv_waste_of_pool, colour: colour("line5")},
              {
                label: "external fragmentation",
                values: columns.external_fragmentation,
                colour: colour("line3"),
              },
            ],
          }),
        );
      },
    );
  }

  function latency_card(parent, run) {
    if (!run.requests) return;
    const latency = run.requests.latency;
    if (!latency.ttft_ms.length) return;
    const at = (values, share) => values[Math.round(share * (values.length - 1))];
    const quoted = (values) =>
      values.length
        ? `median ${words.milliseconds(at(values, 0.5))}, p99 ${words.milliseconds(at(values, 0.99))}`
        : "none";
    card(
      parent,
      `First token after ${quoted(latency.ttft_ms)}`,
      `Share of the finished requests within each latency. TPOT: ${quoted(latency.tpot_ms)}.`,
      (chart) => {
        for (const [name, label] of [
          ["ttft_ms", "TTFT (s)"],
          ["tpot_ms", "TPOT (ms)"],
        ]) {
          const values = latency[name];
          if (!values.length) continue;
          const unit = name === "ttft_ms" ? 1000 : 1;
          line_chart(chart, {
            x: values.map((v) => v / unit),
            x_label: label,
            y_label: "share of requests",
            height: 190,
            points: false,
            show_x: (v) => words.milliseconds(v * unit),
            show_value: words.percent,
            y_range: () => [0, 1.02],
            x_range: (u, low, high) => [0, Math.max(high, 1e-6)],
            y_values: (u, splits) => splits.map((v) => Math.round(100 * v) + "%"),
            series: [
              {
                label: "within",
                values: values.map((v, i) => i / (values.length - 1)),
                colour: name === "ttft_ms" ? colour("line0") : colour("line2"),
              },
            ],
          });
        }
      },
    );
  }

  // Where time goes: what it is called, how the slowest requests are said to spend it, its colour.
  const TIME_PARTS = {
    queued_slot: ["waiting for a place", "waiting for a place in the batch", "queued"],
    queued_memory: ["waiting for memory", "waiting for memory", "line6"],
    prefill: ["prefill", "in prefill", "prefill"],
    decode: ["decode", "in decode", "decode"],
    stalled: ["stalled by others' prefill", "stalled by others' prefill", "line3"],
    preempted: ["preempted", "preempted", "line1"],
    recomputed: ["recomputed", "computing again what it had lost", "line7"],
    swapped: ["swapped out", "swapped out", "line2"],
    held: ["held until the batch ended", "held until its batch had ended", "line4"],
  };
  function time_card(parent, run) {
    if (!run.requests) return;
    const parts = run.requests.time_parts;
    const names = Object.keys(parts).filter((name) => parts[name].some((value) => value > 0));
    if (!names.length) return;
    const groups = parts[names[0]].length;
    const totals = parts[names[0]].map((v, g) =>
      names.reduce((sum, name) => sum + parts[name][g], 0),
    );
    const slowest = names.reduce((a, b) => (parts[b][groups - 1] > parts[a][groups - 1] ? b : a));
    card(
      parent,
      `The slowest tenth spends ${words.percent(parts[slowest][groups - 1] / totals[groups - 1])} of its time ${TIME_PARTS[slowest][1]}`,
      "Mean time of finished requests, in ten groups from the quickest to the slowest.",
      (chart) => {
        const stack = element("div", {className: "stack"});
        const longest = Math.max(...totals);
        for (let g = 0; g < groups; ++g) {
          const track = element("div", {className: "track", role: "img"});
          const said = [];
          for (const name of names) {
            const piece = element("span");
            piece.style.width = (100 * parts[name][g]) / longest + "%";
            piece.style.background = colour(TIME_PARTS[name][2]);
            const text = TIME_PARTS[name][0] + ": " + words.milliseconds(parts[name][g]);
            said.push(text);
            piece.addEventListener("mousemove", (event) => show_tip(text, event));
            piece.addEventListener("mouseleave", hide_tip);
            track.append(piece);
          }
          track.setAttribute("aria-label", said.join(", "));
          stack.append(
            element("div", {
              className: "label",
              textContent:
                (g === 0
                  ? "quickest"
                  : g === groups - 1 && groups > 1
                    ? "slowest"
                    : String(g + 1)) +
                ", " +
                words.milliseconds(totals[g]),
            }),
            track,
          );
        }
        chart.append(
          stack,
          keys(names.map((name) => [TIME_PARTS[name][2], TIME_PARTS[name][0]])),
        );
      },
    );
  }

  function timeline_card(parent, run) {
    if (!run.requests || !run.requests.timeline.id.length) return;
    const line = run.requests.timeline;
    const some =
      line.id.length < line.of
        ? `${line.id.length.toLocaleString("en-US")} of ${line.of.toLocaleString("en-US")} requests, evenly chosen`
        : `All ${line.of.toLocaleString("en-US")} requests`;
    const end = end_of(run);
    card(
      parent,
      "Every request from arrival to last token",
      `${some}, in order of arrival` +
        (run.strip ? "; the strip below says what the steps did." : "."),
      (chart) => {
        const canvas = element("canvas", {
          className: "timeline",
          role: "img",
          ariaLabel: "Requests over time: queued, prefill, decode",
        });
        chart.append(
          canvas,
          keys([
            ["queued", "waiting"],
            ["prefill", "prefill"],
            ["decode", "decode"],
            ["lost", "rejected or cut off"],
          ]),
        );
        const view = {
          rows: [],
          draw: () => draw_timeline(canvas, run, line, window_s || [0, end], view),
          destroy: () => observer.disconnect(),
        };
        const observer = new ResizeObserver(() => requestAnimationFrame(view.draw));
        observer.observe(chart);
        chart.charts.push(view);
        time_charts.push(view);
        canvas.addEventListener("mousemove", (event) => {
          const box = canvas.getBoundingClientRect();
          const row =
            view.rows[
              Math.floor(
                ((event.clientY - box.top) / box.height) *
                  (view.height / view.rows_height) *
                  view.rows.length,
              )
            ];
          if (row === undefined) {
            hide_tip();
            return;
          }
          const parts = [`request ${line.id[row]}`];
          if (line.scheduled[row] !== null)
            parts.push("waited " + words.seconds(line.scheduled[row] - line.arrival[row]));
          if (line.first[row] !== null)
            parts.push("first token after " + words.seconds(line.first[row] - line.arrival[row]));
          if (line.finished[row] !== null)
            parts.push("ended after " + words.seconds(line.finished[row] - line.arrival[row]));
          show_tip(parts.join(", "), event);
        });
        canvas.addEventListener("mouseleave", hide_tip);
      },
      true,
    );
  }
  function draw_time_axis(pen, x, from, to, width, bottom) {
    const rough = (to - from) / Math.max(3, width / 120),
      power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
    pen.font = "12px system-ui, sans-serif";
    pen.fillStyle = colour("soft");
    for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
      const text = Number(at.toPrecision(6)).toLocaleString("en-US") + " s",
        half = pen.measureText(text).width / 2;
      pen.fillText(text, Math.max(0, Math.min(width - 2 * half, x(at) - half)), bottom - 4);
    }
  }
  function draw_timeline(canvas, run, line, [from, to], view) {
    const width = Math.max(260, canvas.parentElement.clientWidth),
      strip = (run.strip ? 26 : 0) + 20,
      height = 340,
      ratio = devicePixelRatio || 1;
    canvas.width = width * ratio;
    canvas.height = (height + strip) * ratio;
    canvas.style.height = height + strip + "px";
    view.height = height + strip;
    view.rows_height = height;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const x = (t) => ((t - from) / (to - from)) * width;
    view.rows = [];
    for (let i = 0; i < line.id.length; ++i) {
      const end = line.finished[i] === null ? line.arrival[i] : line.finished[i];
      if (end >= from && line.arrival[i] <= to) view.rows.push(i);
    }
    const step = height / Math.max(1, view.rows.length),
      thick = Math.max(1, step - (step > 3 ? 1 : 0));
    const bar = (a, b, y, name) => {
      if (a !== null && b !== null && b > a) {
        pen.fillStyle = colours[name];
        pen.fillRect(x(a), y, Math.max(0.6, x(b) - x(a)), thick);
      }
    };
    const colours = {
      queued: colour("queued"),
      prefill: colour("prefill"),
      decode: colour("decode"),
      lost: colour("lost"),
    };
    view.rows.forEach((i, k) => {
      const y = k * step;
      if (line.scheduled[i] === null) {
        pen.fillStyle = colours.lost;
        pen.fillRect(x(line.arrival[i]), y, 3, thick);
        return;
      }
      bar(line.arrival[i], line.scheduled[i], y, "queued");
      const first = line.first[i] === null ? line.finished[i] : line.first[i];
      bar(line.scheduled[i], first, y, "prefill");
      bar(first, line.finished[i], y, line.status[i] === 0 ? "decode" : "lost");
    });
    draw_time_axis(pen, x, from, to, width, height + strip);
    if (run.strip) {
      const n = run.strip.prefill.length,
        each = run.strip.end_s / n;
      for (let i = 0; i < n; ++i) {
        const a = x(i * each),
          b = x((i + 1) * each);
        if (b < 0 || a > width) continue;
        const prefill = run.strip.prefill[i] * 20,
          decode = run.strip.decode[i] * 20;
        pen.fillStyle = colours.decode;
        pen.fillRect(a, height + 26 - decode, b - a + 0.5, decode);
        pen.fillStyle = colours.prefill;
        pen.fillRect(a, height + 26 - decode - prefill, b - a + 0.5, prefill);
      }
    }
  }

  function show(parent, run) {
    forget_drawings_in(parent);
    parent.replaceChildren();
    time_charts = [];
    window_s = null;
    if (run.memory || run.series) parent.append(time_tools(run));
    const cards = element("div", {className: "cards"});
    parent.append(cards);
    memory_card(cards, run);
    load_card(cards, run);
    latency_card(cards, run);
    time_card(cards, run);
    timeline_card(cards, run);
  }
  return {
    show,
    forget_charts: () => {
      time_charts = [];
    },
    zoomed: () => window_s,
  };
})();
