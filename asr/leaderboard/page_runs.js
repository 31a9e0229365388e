"use strict";
// Single runs: training curves, masks, the worst utterances.

function curveSpecification(curves, names, title, format) {
  const values = names.flatMap((name) => (curves[name] ?? []).map(([step, value]) => ({ step, value, metric: name.replaceAll("_", " ") })));
  return {
    height: 200,
    data: { values },
    mark: { type: "line", strokeWidth: 1.5, tooltip: true },
    encoding: {
      x: { field: "step", type: "quantitative", title: "step", axis: { tickCount: 6 } },
      y: { field: "value", type: "quantitative", title, axis: { format, tickCount: 5 } },
      color: { field: "metric", type: "nominal", title: null },
    },
  };
}

const GROUPS = [
  [["train_loss", "validation_loss"], "loss", "~s"],
  [["wer", "cer"], "validation error rate", ".0%"],
  [["sparsity"], "sparsity", ".0%"],
  [["lr"], "learning rate", "~e"],
];

function curveFigures(run) {
  const groups = GROUPS.filter(([names]) => names.some((name) => run.curves[name]));
  const figures = groups.map(([names, title, format]) => {
    const { element, chart } = figure(title);
    return { element, start: () => draw(chart, () => curveSpecification(run.curves, names, title, format)) };
  });
  return figures;
}

const MARKS = { substituted: "S", deleted: "D", inserted: "I" };

/** Reference above hypothesis, a column a word; errors have a letter and a colour. */
function alignment(utterance) {
  const kinds = utterance.columns.map(([said, heard]) => (said === null ? "inserted" : heard === null ? "deleted" : said === heard ? "" : "substituted"));
  const line = (label, texts) => make("tr", {}, make("th", { scope: "row", textContent: label }), ...texts.map((text, index) => make("td", { textContent: text, className: kinds[index] && "wrong" })));
  const table = make("table", {},
    make("tbody", {},
      line("said", utterance.columns.map(([said]) => said ?? "")),
      line("heard", utterance.columns.map(([, heard]) => heard ?? "")),
      line("error", kinds.map((kind) => MARKS[kind] ?? "")),
    ));
  const speaker = utterance.speaker ? `, ${utterance.speaker}` : "";
  const title = `${utterance.id}${speaker}: ${utterance.errors} errors in ${utterance.words} words`;
  return make("div", {},
    make("p", { className: "small", textContent: title }),
    make("div", { className: "alignment", role: "region", tabIndex: 0, "aria-label": `Alignment of ${utterance.id}` }, table));
}

function fillRun(host, run) {
  const figures = curveFigures(run);
  const masks = run.masks.map(([name, source]) => make("figure", {}, make("img", { src: source, alt: `Mask picture ${name}`, loading: "lazy" }), make("figcaption", { textContent: name })));
  const worst = run.worst.map(([name, utterances]) => make("div", {}, make("h4", { textContent: `Worst utterances of ${name}` }), ...utterances.map(alignment)));
  const missing = [["curves", figures], ["mask pictures", masks], ["alignments", worst]].filter(([, parts]) => !parts.length).map(([name]) => name);
  host.append(
    make("div", { className: "figures" }, ...figures.map((one) => one.element)),
    make("div", { className: "masks" }, ...masks),
    ...worst,
  );
  if (missing.length) host.append(make("p", { className: "small", textContent: `Its folder holds no ${missing.join(", no ")}.` }));
  figures.forEach((one) => one.start()); // only now that there is a width to fill
}

/** A run's own data is parsed when it is opened, since pictures are most of a page. */
function runDetails(shown, place) {
  const element = make("details", { className: "run", id: `run-${shown.key}` });
  element.append(make("summary", { textContent: `${shown.title}, seed ${shown.seed} (${shown.key})` }));
  element.addEventListener("toggle", () => {
    if (!element.open || element.dataset.filled) return;
    element.dataset.filled = "yes";
    const host = make("div", {}, make("p", { className: "small", textContent: shown.folder }));
    element.append(host);
    fillRun(host, JSON.parse(document.getElementById(`run-data-${place}`).textContent));
  });
  return element;
}

function openLinkedRun() {
  const target = location.hash.startsWith("#run-") && document.getElementById(location.hash.slice(1));
  if (!target) return;
  target.open = true;
  target.scrollIntoView();
  target.querySelector("summary").focus({ preventScroll: true });
}
