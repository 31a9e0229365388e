"use strict";
// What the other scripts share: the data, the reader's choices, numbers as text, elements.

const data = JSON.parse(document.getElementById("data").textContent);
const choices = {
  rate: "wer",
  column: data.order.column,
  descending: data.order.descending,
  corpus: new Set(), // an empty set is no filter
  method: new Set(),
  block: new Set(),
  text: "",
  limit: 200, // rows drawn at first
  open: new Set(), // rows unfolded
  plotted: 0,
  collapsed: false, // also in the plots
};

/** An element with properties and children; texts become text nodes, never markup. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name in element && !name.startsWith("aria-")) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const known = (value) => value !== null && value !== undefined;
const percent = (value, digits = 2) => (known(value) ? (100 * value).toFixed(digits) : "none");
const grouped = (value) => Math.round(value).toLocaleString("en");
const signed = (value) => (value < 0 ? "\u2212" : "+") + Math.abs(100 * value).toFixed(2);
const probability = (p) => (p < 0.001 ? "p < 0.001" : `p ${p.toFixed(3)}`);

/** A row's real-time factor, with its device unless that is the CPU; none where it has several. */
function speed(row) {
  const devices = row.devices.join(" and ");
  return (known(row.rtf) ? row.rtf.toFixed(4) : "none") + (devices === "cpu" ? "" : ` on ${devices}`);
}

/** Those that some row was timed on. */
const timedOn = [...new Set(data.rows.filter((row) => known(row.rtf)).flatMap((row) => row.devices))].sort();

/** What goes behind a difference: its p, and that one seed says nothing of other trainings. */
const chance = (cell, gap) => (known(gap.holm) ? `, ${probability(gap.holm)}` : "") + (cell.oneSeed ? ", 1 seed" : "");

function bytes(value) {
  if (value < 1e3) return `${Math.round(value)} B`;
  return value < 1e6 ? `${(value / 1e3).toFixed(1)} kB` : `${(value / 1e6).toFixed(2)} MB`;
}

/** As in "9.60 [8.51, 10.80]"; triples are estimate, low, high. */
function interval([estimate, low, high]) {
  const range = known(low) ? ` [${percent(low)}, ${percent(high)}]` : "";
  return percent(estimate) + range;
}

/** How a row is told apart in plots and lists. */
function settingName(row) {
  const parts = [row.experiment, row.method, row.block];
  if (row.method !== "dense") parts.push(`${percent(row.sparsity, 1)} %`);
  if (row.decoder !== "greedy") parts.push(row.decoder);
  return parts.filter(known).join(" ");
}

const isCorpusShown = (set) => !choices.corpus.size || choices.corpus.has(set.corpus);
const shownSets = () => data.sets.map((set, index) => ({ ...set, index })).filter(isCorpusShown);

/** Rows that meet every filter, in the table's own order. */
function filteredRows() {
  const sets = shownSets();
  const words = choices.text.toLowerCase().split(/\s+/).filter(Boolean);
  return data.rows.filter((row) => {
    if (choices.method.size && !choices.method.has(row.method)) return false;
    if (choices.block.size && !choices.block.has(row.block ?? "none")) return false;
    if (!sets.some((set) => row.cells[set.index])) return false;
    return words.every((word) => row.searched.includes(word));
  });
}

for (const row of data.rows) {
  const texts = [row.experiment, row.model, row.method, row.block, row.decoder, row.lm, row.group];
  row.searched = [...texts, ...row.runs.map((run) => run.key)].filter(known).join(" ").toLowerCase();
}
