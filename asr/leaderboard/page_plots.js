"use strict";
// Charts by Vega-Lite: fronts of error rate against cost, and error rate against sparsity.

const charts = new Map(); // element -> what makes its specification
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const isDark = matchMedia("(prefers-color-scheme: dark)");

function theme() {
  const [ink, muted, line] = ["--ink", "--muted", "--line"].map(css);
  const light = ["#0b5cad", "#c2410c", "#2b7a3f", "#8b4db8", "#a16207", "#0e8388", "#b3306b", "#5b6770", "#7c4a1e"];
  const dark = ["#7db8f5", "#f7a072", "#86d19c", "#cfa5ec", "#e5c05c", "#66d0d4", "#f292bd", "#b4bec8", "#d7a77d"];
  return {
    background: null,
    font: "system-ui, Liberation Sans, DejaVu Sans, sans-serif",
    view: { stroke: null },
    axis: { labelColor: ink, titleColor: ink, gridColor: line, domainColor: muted, tickColor: muted, gridOpacity: 0.6, labelFontSize: 11, titleFontSize: 12, titleFontWeight: "normal" },
    legend: { labelColor: ink, titleColor: muted, orient: "bottom", columns: innerWidth < 640 ? 2 : 5, labelLimit: 160, labelFontSize: 11 },
    range: { category: isDark.matches ? dark : light },
    text: { color: ink },
  };
}

/** Draw, and again whenever the colour scheme changes. */
async function draw(element, specification) {
  charts.set(element, specification);
  const options = {
    mode: "vega-lite",
    actions: false,
    ast: true, // interpreted expressions: the page's policy forbids eval
    renderer: "svg",
    config: theme(),
    tooltip: { theme: isDark.matches ? "dark" : "light" },
  };
  const spec = { width: "container", height: 300, autosize: { type: "fit", contains: "padding" }, ...specification() };
  element.drawn = await vegaEmbed(element, spec, options);
}

isDark.addEventListener("change", () => charts.forEach((specification, element) => draw(element, specification)));

const COSTS = [
  { id: "bytes", title: "bytes on disk", value: (row) => row.bytes, format: ".3~s" },
  // A front a device: no time on one beats a time on another.
  ...timedOn.map((device) => ({
    id: "rtf",
    title: `rtf, PyTorch checkpoint on ${device}`,
    value: (row) => (row.devices.join() === device ? row.rtf : null),
    format: ".3~g",
  })),
  { id: "nonzero", title: "weights that are not zero", value: (row) => row.nonzero, format: ".3~s" },
];

/** What a point tells when the mouse or a finger is on it. */
function details(row, cell) {
  const gap = cell.difference?.[choices.rate];
  return {
    setting: settingName(row),
    model: row.model || "unknown",
    rate: `${interval(cell[choices.rate])} %`,
    gap: gap ? signed(gap.points[0]) + chance(cell, gap) : "none",
    zeros: `${percent(row.sparsity, 1)} %`,
    nonzeroText: grouped(row.nonzero),
    bytesText: bytes(row.bytes),
    rtfText: speed(row),
    seeds: row.runs.map((run) => run.seed).join(", "),
    key: row.group,
  };
}

const tooltip = () => [
  ["setting", "setting"], ["model", "model"], ["rate", choices.rate.toUpperCase()],
  ["gap", "from dense"], ["zeros", "zeros"], ["nonzeroText", "not zero"], ["bytesText", "bytes"],
  ["rtfText", "rtf, PyTorch checkpoint"], ["seeds", "seeds"], ["key", "key"],
].map(([field, title]) => ({ field, title, type: "nominal" }));

function plottedRows() {
  const rows = filteredRows().filter((row) => known(row.cells[choices.plotted]?.[choices.rate][0]));
  return choices.collapsed ? rows : rows.filter((row) => !row.collapsed);
}

/** Points that no other one beats in both cost and rate, by rising cost. */
function paretoFront(points) {
  const front = [];
  for (const point of [...points].sort((a, b) => a.x - b.x || a.y - b.y)) {
    if (!front.length || point.y < front.at(-1).y) front.push(point);
  }
  return front;
}

function costPoints(cost) {
  const points = plottedRows().map((row) => {
    const cell = row.cells[choices.plotted];
    const [y, low, high] = cell[choices.rate];
    return { x: cost.value(row), y, low: low ?? y, high: high ?? y, method: row.method, ...details(row, cell) };
  });
  return points.filter((point) => point.x > 0);
}

function frontSpecification(cost) {
  const points = costPoints(cost);
  const front = paretoFront(points);
  const axis = { format: ".1%", tickCount: 6 };
  const x = { field: "x", type: "quantitative", title: cost.title, scale: { type: "log", nice: false, padding: 14 }, axis: { format: cost.format, labelOverlap: true, tickCount: 6 } };
  const y = { field: "y", type: "quantitative", title: choices.rate.toUpperCase(), scale: { zero: false, padding: 8 }, axis };
  const ink = css("--ink");
  // The points last, or a ring would take what the mouse says to its point.
  return {
    layer: [
      { data: { values: front }, mark: { type: "line", interpolate: "step-after", color: ink, strokeDash: [5, 3], strokeWidth: 1.5 }, encoding: { x, y, order: { field: "x" } } },
      { data: { values: front }, mark: { type: "rule", color: ink, opacity: 0.5 }, encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" } } },
      { data: { values: front }, mark: { type: "point", size: 130, color: ink, strokeWidth: 1.5, tooltip: null }, encoding: { x, y } },
      { data: { values: points }, mark: { type: "point", filled: true, size: 64, opacity: 0.85, description: "setting" }, encoding: { x, y, color: { field: "method", type: "nominal", title: null }, tooltip: tooltip() } },
    ],
  };
}

/** The decoder, and its language model by what is in it: a file may have two names. */
const reading = (row) => `${row.decoder}|${(row.lm ?? "").replace(/^.*(?= \(sha256 )/, "")}`;

/** Rows that differ in nothing but how sparse they are make a curve. */
function sparsityData() {
  const rows = plottedRows();
  const points = rows.filter((row) => row.method !== "dense").map((row) => {
    const cell = row.cells[choices.plotted];
    const rates = cell.seeds.map((seed) => seed[choices.rate]);
    return {
      curve: [row.experiment, row.model, row.baseline, row.method, row.block, reading(row)].join("|"),
      block: row.block ?? "single weights",
      method: row.method,
      sparsity: row.sparsity,
      y: cell[choices.rate][0],
      low: Math.min(...rates),
      high: Math.max(...rates),
      ...details(row, cell),
    };
  });
  const wanted = new Set(rows.map((row) => `${row.baseline}|${reading(row)}`));
  const dense = data.rows
    .filter((row) => row.method === "dense" && wanted.has(`${row.group}|${reading(row)}`) && known(row.cells[choices.plotted]))
    .filter((row) => choices.collapsed || !row.collapsed)
    .map((row) => ({ y: row.cells[choices.plotted][choices.rate][0], ...details(row, row.cells[choices.plotted]) }));
  return { points, dense };
}

function sparsitySpecification() {
  const { points, dense } = sparsityData();
  const x = { field: "sparsity", type: "quantitative", title: "zeros in the pruned matrices", scale: { zero: false, padding: 10 }, axis: { format: ".0%", tickCount: 8 } };
  const y = { field: "y", type: "quantitative", title: choices.rate.toUpperCase(), scale: { zero: false, padding: 8 }, axis: { format: ".1%", tickCount: 6 } };
  const blocks = [...new Set(points.map((point) => point.block))].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const color = { field: "block", type: "nominal", title: "block", scale: { domain: blocks }, legend: { symbolType: "stroke", symbolStrokeWidth: 3, symbolOpacity: 1 } };
  const detail = { field: "curve" };
  const dash = new Set(points.map((point) => point.method)).size > 1 ? { strokeDash: { field: "method", type: "nominal", title: "method" } } : {};
  const band = { x, y: { ...y, field: "low" }, y2: { field: "high" }, color, detail };
  const layer = [
    { data: { values: points }, mark: { type: "area", fillOpacity: 0.16, tooltip: null }, encoding: band },
    { data: { values: points }, mark: { type: "rule", opacity: 0.6, tooltip: null }, encoding: band },
    { data: { values: points }, mark: { type: "line" }, encoding: { x, y, color, detail, ...dash, order: { field: "sparsity" } } },
    { data: { values: points }, mark: { type: "point", filled: true, size: 56 }, encoding: { x, y, color, tooltip: tooltip() } },
  ];
  if (dense.length) layer.push({ data: { values: dense }, mark: { type: "rule", color: css("--muted"), strokeDash: [2, 3], strokeWidth: 2 }, encoding: { y, tooltip: tooltip() } });
  return { height: 340, layer };
}

function figure(caption, wide = false) {
  const chart = make("div", { className: "chart" });
  const list = make("div");
  const element = make("figure", { className: wide ? "wide" : "" }, make("figcaption", { textContent: caption }), chart, list);
  return { element, chart, list };
}

/** The front as a list: what a reader without a mouse has instead of hovering. */
function frontList(cost) {
  const front = paretoFront(costPoints(cost));
  const items = front.map((point) => make("li", { textContent: `${point.setting}: ${point.rate}, ${{ bytes: point.bytesText, rtf: `RTF ${point.rtfText}`, nonzero: `${point.nonzeroText} not zero` }[cost.id]} (${point.key})` }));
  return make("details", {}, make("summary", { textContent: `The front: ${front.length} of ${plottedRows().length}` }), make("ol", {}, ...items));
}

async function drawPlots() {
  const rate = choices.rate.toUpperCase();
  const set = data.sets[choices.plotted].name;
  const host = document.getElementById("figures");
  for (const element of [...charts.keys()]) {
    if (host.contains(element)) { element.drawn?.finalize(); charts.delete(element); }
  }
  const collapsed = filteredRows().filter((row) => row.collapsed && row.cells[choices.plotted]).length;
  document.querySelector("#collapsed-label span").textContent = `plot collapsed settings too (${collapsed})`;
  document.getElementById("collapsed-label").hidden = !collapsed;
  if (!plottedRows().length) {
    host.replaceChildren(make("p", { textContent: `No setting to plot on ${set}.` }));
    return;
  }
  const figures = COSTS.map((cost) => ({ ...figure(`${rate} on ${set} against ${cost.title}; ringed: the Pareto front, with its intervals`), cost }));
  const curves = figure(`${rate} on ${set} against sparsity, by block; bands: lowest to highest seed; dotted: dense`, true);
  const isSparse = sparsityData().points.length > 0;
  host.replaceChildren(...figures.map((one) => one.element), ...(isSparse ? [curves.element] : []));
  for (const one of figures) one.list.replaceChildren(frontList(one.cost));
  const drawn = figures.map((one) => draw(one.chart, () => frontSpecification(one.cost)));
  if (isSparse) drawn.push(draw(curves.chart, sparsitySpecification));
  await Promise.all(drawn);
}
