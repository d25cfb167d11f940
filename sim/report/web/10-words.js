"use strict";
// Numbers and names as people read them.
const words = (() => {
  const TIE = "\u00a0";
  function significant(value, digits = 3) {
    if (value === 0) return "0";
    const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(Math.abs(value))));
    return value.toLocaleString("en-US", {
      minimumFractionDigits: Math.min(decimals, 6),
      maximumFractionDigits: Math.min(decimals, 6),
    });
  }
  function percent(share) {
    const value = 100 * share;
    return (value < 9.95 ? value.toFixed(1) : value.toFixed(0)) + TIE + "%";
  }
  function times(ratio) {
    return (ratio < 9.95 ? ratio.toFixed(1) : Math.round(ratio).toLocaleString("en-US")) + "\u00d7";
  }
  function milliseconds(value) {
    if (value >= 7.2e6) return significant(value / 3.6e6) + TIE + "h";
    if (value >= 1.2e5) return significant(value / 6e4) + TIE + "min";
    if (value >= 1e3) return significant(value / 1e3) + TIE + "s";
    return significant(value) + TIE + "ms";
  }
  function seconds(value) {
    return milliseconds(1000 * value);
  }
  function bytes(value) {
    const units = [
      ["TiB", 2 ** 40],
      ["GiB", 2 ** 30],
      ["MiB", 2 ** 20],
      ["KiB", 2 ** 10],
    ];
    for (const [unit, size] of units)
      if (value >= size) return significant(value / size) + TIE + unit;
    return value + TIE + "B";
  }
  // What an axis of a sweep is called, and one of its values: the last words of a path say enough.
  function axis(path) {
    const parts = path.split(".");
    return parts.length > 1 && parts[parts.length - 1] === "kind"
      ? parts[parts.length - 2]
      : parts[parts.length - 1];
  }
  function setting(value) {
    const kind = /^\{kind: ([^,}]+)(?:, )?(.*)\}$/.exec(value);
    return kind
      ? kind[1] + (kind[2] ? ", " + kind[2].replace(/[a-z_]+: /g, "") : "")
      : value.replace(/^[{]|[}]$/g, "");
  }
  // A line's name: a word stands for itself, a number needs its key.
  function named(path, value) {
    const text = setting(value);
    return /^[A-Za-z]/.test(text) && text !== "true" && text !== "false"
      ? text
      : axis(path) + " " + text;
  }
  const units = [
    ["_ms", milliseconds],
    ["_bytes", bytes],
    ["_throughput", significant],
    ["goodput", significant],
  ];
  function cell(column, value) {
    if (value === null || value === undefined) return "";
    if (typeof value === "string") return value;
    if (column.startsWith("num_"))
      return Number.isInteger(value) ? value.toLocaleString("en-US") : significant(value);
    for (const [ending, show] of units) if (column.endsWith(ending)) return show(value);
    if (/waste|fragmentation|_of_|attainment/.test(column)) return percent(value);
    return significant(value);
  }
  return {TIE, significant, percent, times, milliseconds, seconds, bytes, axis, setting, named, cell};
})();
