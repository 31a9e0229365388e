"use strict";
// Wires the controls, then draws everything once.

/** Marks tell developers' tools, and the benchmark, when what was drawn. */
function drawAll() {
  drawTable();
  performance.mark("table drawn");
  drawPlots().then(() => performance.mark("charts drawn"));
}

/** Checkboxes of one property; none checked is no filter. */
function chips(legend, name, values) {
  if (values.length < 2) return null;
  const labels = values.map((value) => {
    const box = make("input", { type: "checkbox", value });
    box.addEventListener("change", () => {
      if (!choices[name].delete(value)) choices[name].add(value);
      choosePlotted();
      drawAll();
    });
    return make("label", { className: "chip" }, box, value);
  });
  return make("fieldset", { id: `by-${name}` }, make("legend", { textContent: legend }), ...labels);
}

const distinct = (values) => [...new Set(values)].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));

/** The test sets that may be plotted; the chosen one stays if it may. */
function choosePlotted() {
  const select = document.getElementById("plotted");
  const sets = shownSets();
  if (!sets.some((set) => set.index === choices.plotted)) choices.plotted = sets[0].index;
  select.replaceChildren(...sets.map((set) => make("option", { value: String(set.index), textContent: set.name, selected: set.index === choices.plotted })));
}

function start() {
  const results = data.rows.reduce((sum, row) => sum + Object.values(row.cells).reduce((n, cell) => n + cell.seeds.length, 0), 0);
  document.getElementById("summary").textContent = `${grouped(data.rows.length)} settings, ${grouped(results)} results, ${data.sets.map((set) => `${set.name} (${grouped(set.utterances)} utterances)`).join(", ")}. ${data.made}`;
  document.getElementById("chips").append(
    ...[
      chips("Corpus", "corpus", distinct(data.sets.map((set) => set.corpus))),
      chips("Method", "method", distinct(data.rows.map((row) => row.method))),
      chips("Block", "block", distinct(data.rows.map((row) => row.block ?? "none"))),
    ].filter(known),
  );
  document.getElementById("search").addEventListener("input", (event) => { choices.text = event.target.value; drawAll(); });
  document.getElementById("rate").addEventListener("change", (event) => {
    const other = choices.rate;
    choices.rate = event.target.value;
    if (choices.column.endsWith(`/${other}`)) choices.column = choices.column.slice(0, -other.length) + choices.rate;
    drawAll();
  });
  document.getElementById("plotted").addEventListener("change", (event) => { choices.plotted = Number(event.target.value); drawPlots(); });
  document.getElementById("collapsed").addEventListener("change", (event) => { choices.collapsed = event.target.checked; drawPlots(); });
  document.getElementById("more").addEventListener("click", () => { choices.limit = Infinity; drawTable(); document.querySelector(".scroll").focus(); });
  choices.plotted = data.main;
  choosePlotted();
  drawAll();
  if (data.shown.length) {
    document.getElementById("runs").hidden = false;
    document.getElementById("run-list").append(...data.shown.map(runDetails));
    addEventListener("hashchange", openLinkedRun);
    openLinkedRun();
  }
  if (data.missing.length) {
    document.getElementById("missing").hidden = false;
    document.querySelector("#missing ul").append(...data.missing.map((text) => make("li", { textContent: text })));
  }
}

start();
