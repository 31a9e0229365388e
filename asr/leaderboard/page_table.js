"use strict";
// The table: columns, sorting, filters, and the seeds that a row unfolds to.

function columns() {
  const rows = (set) => data.rows.filter((row) => row.cells[set.index]).length;
  const fullest = shownSets().sort((a, b) => rows(b) - rows(a)); // a phone shows the first ones
  const sets = fullest.map((set) => ({
    id: `${set.name}/${choices.rate}`,
    label: set.name,
    set: set.index,
    value: (row) => row.cells[set.index]?.[choices.rate][0] ?? null,
  }));
  return [
    { id: "experiment", label: "Setting", value: (row) => row.experiment },
    { id: "method", label: "Method", value: (row) => row.method },
    { id: "block", label: "Block", value: (row) => row.block },
    { id: "sparsity", label: "Zeros %", value: (row) => row.sparsity, text: (row) => percent(row.sparsity, 1) },
    ...sets,
    { id: "nonzero", label: "Not zero", value: (row) => row.nonzero, text: (row) => grouped(row.nonzero) },
    { id: "bytes", label: "Bytes", value: (row) => row.bytes, text: (row) => bytes(row.bytes) },
    { id: "rtf", label: "RTF", value: (row) => row.rtf, text: speed, apart: (row) => row.devices.join() },
    { id: "seeds", label: "Seeds", value: (row) => row.runs.length, text: (row) => String(row.runs.length) },
    { id: "parameters", label: "Weights", value: (row) => row.parameters, text: (row) => grouped(row.parameters) },
    { id: "model", label: "Model", value: (row) => row.model || null },
  ];
}

function sorted(rows, column) {
  if (!column) return rows;
  const sign = choices.descending ? -1 : 1;
  const compare = (a, b) => {
    const [x, y] = [column.value(a), column.value(b)];
    if (!known(x) || !known(y)) return known(y) - known(x); // empty ones last, whatever the order
    const [first, second] = column.apart ? [column.apart(a), column.apart(b)] : ["", ""];
    if (first !== second) return sign * first.localeCompare(second, "en"); // values of two kinds have no order
    return sign * (typeof x === "string" ? x.localeCompare(y, "en", { numeric: true }) : x - y);
  };
  return [...rows].sort(compare);
}

function heading(column) {
  const sort = choices.column === column.id ? (choices.descending ? "descending" : "ascending") : "none";
  const number = column.text || known(column.set);
  const label = known(column.set) ? `${column.label} (${choices.rate.toUpperCase()} %)` : column.label;
  const button = make("button", { type: "button", textContent: label });
  button.addEventListener("click", () => {
    choices.descending = choices.column === column.id && !choices.descending;
    choices.column = column.id;
    drawTable();
    document.querySelector(`th[data-id="${CSS.escape(column.id)}"] button`).focus();
  });
  return make(
    "th",
    { scope: "col", className: number ? "number" : "", "aria-sort": sort, "data-id": column.id },
    button,
  );
}

/** Rate with interval, the other rate, difference from dense. */
function cellContent(cell) {
  if (!cell) return [];
  const [first, second] = choices.rate === "wer" ? ["wer", "cer"] : ["cer", "wer"];
  const content = [
    make("span", { className: "rate", textContent: percent(cell[first][0]) }),
    make("span", { textContent: interval(cell[first]).slice(percent(cell[first][0]).length) }),
    make("span", { className: "small", textContent: `${second.toUpperCase()} ${interval(cell[second])}` }),
  ];
  const gap = cell.difference?.[first];
  if (gap) {
    const text = signed(gap.points[0]) + chance(cell, gap);
    const clear = known(gap.holm) && gap.holm < 0.05;
    const kind = clear ? (gap.points[0] > 0 ? "worse" : "better") : "";
    content.push(make("span", { className: `small ${kind}`, textContent: text }));
  }
  return content;
}

function firstCell(row) {
  const open = choices.open.has(row.id);
  const button = make("button", {
    type: "button",
    textContent: open ? "\u2212" : "+",
    "aria-expanded": String(open),
    "aria-label": `Seeds of ${settingName(row)}`,
  });
  button.addEventListener("click", () => {
    if (!choices.open.delete(row.id)) choices.open.add(row.id);
    drawTable();
    document.querySelector(`tr[data-id="${row.id}"] button`).focus();
  });
  // The model's hash and weights are in the unfolded row.
  const decoder = row.decoder + (row.lm ? ` with ${row.lm.split(" (")[0]}` : "");
  const small = row.decoder === "greedy" ? row.group : `${row.group}, ${decoder}`;
  const badge = row.collapsed ? make("span", { className: "badge small", textContent: `${row.collapsed} collapsed` }) : null;
  const name = make("span", {}, row.experiment, make("br"), make("span", { className: "small", textContent: small }), badge && " ", badge);
  return make("th", { scope: "row" }, make("span", { className: "setting" }, button, name));
}

function drawnRow(row, shown) {
  const cells = shown.slice(1).map((column) => {
    if (known(column.set)) return make("td", { className: "number" }, ...cellContent(row.cells[column.set]));
    const title = column.id === "bytes" ? row.bytesOf : undefined;
    const text = column.text ? column.text(row) : (column.value(row) ?? "");
    return make("td", { className: column.text ? "number" : column.id, textContent: text, title });
  });
  return make("tr", { "data-id": row.id }, firstCell(row), ...cells);
}

/** One line a seed, under the row's own columns. */
function seedRows(row, shown) {
  return row.runs.map((run) => {
    const link = data.shown.some((one) => one.key === run.key)
      ? make("a", { href: `#run-${run.key}`, textContent: run.key })
      : make("span", { textContent: run.key });
    const first = make("th", { scope: "row" }, `seed ${run.seed}`, make("br"), make("span", { className: "small" }, link));
    const cells = shown.slice(1).map((column) => {
      if (known(column.set)) {
        const seed = row.cells[column.set]?.seeds.find((one) => one.key === run.key);
        const text = seed ? `WER ${percent(seed.wer)}, CER ${percent(seed.cer)}` : "";
        return make("td", { className: "number", textContent: text });
      }
      const own = { sparsity: percent(run.sparsity, 1), nonzero: grouped(run.nonzero) }[column.id] ?? "";
      return make("td", { className: column.text ? "number" : "", textContent: own });
    });
    return make("tr", { className: "seed" }, first, ...cells);
  });
}

/** In words what the cells have no room for. */
function detailRow(row, shown) {
  const lines = [
    `${row.model || "network unknown"}; decoder ${row.decoder}${row.lm ? ` with ${row.lm}` : ""}; `
      + `${bytes(row.bytes)} as ${row.bytesOf}; ${percent(row.sparsityModel, 1)} % of all weights are zero; `
      + `RTF of the PyTorch checkpoint on ${row.devices.join(" and ")}, ${row.threads.join(" or ")} thread(s).`,
  ];
  for (const set of shownSets()) {
    const cell = row.cells[set.index];
    for (const [rate, gap] of Object.entries(cell?.difference ?? {})) {
      const range = known(gap.points[1]) ? ` [${signed(gap.points[1])}, ${signed(gap.points[2])}]` : "";
      const relative = known(gap.relative[0]) ? `, ${signed(gap.relative[0])} % of it` : "";
      const p = known(gap.p) ? `; ${probability(gap.p)} by itself, ${probability(gap.holm)} in this table` : "";
      lines.push(`${set.name}: ${rate.toUpperCase()} ${signed(gap.points[0])}${range} points from dense ${row.baseline}${relative}${p}.`);
    }
    if (cell?.oneSeed) lines.push(`${set.name}: this setting or dense ${row.baseline} has one seed; p is of these trained models on other speech, not of other trainings.`);
    if (cell && cell.seeds.length < row.runs.length) {
      lines.push(`${set.name}: scored for ${cell.seeds.length} of ${row.runs.length} runs.`);
    }
    if (cell) lines.push(`${set.name}: ${cell.drawn ? `interval over ${cell.drawn}` : "no interval: all utterances err alike, or \"What is missing\" says why"}.`);
  }
  const texts = lines.map((text) => make("p", { className: "small within", textContent: text }));
  return make("tr", { className: "detail" }, make("td", { colSpan: shown.length }, ...texts));
}

function drawTable() {
  const shown = columns();
  const rows = sorted(filteredRows(), shown.find((column) => column.id === choices.column));
  const drawn = rows.slice(0, choices.limit);
  document.querySelector("#table thead").replaceChildren(make("tr", {}, ...shown.map(heading)));
  const lines = drawn.flatMap((row) => {
    const unfolded = choices.open.has(row.id) ? [...seedRows(row, shown), detailRow(row, shown)] : [];
    return [drawnRow(row, shown), ...unfolded];
  });
  if (!rows.length) lines.push(make("tr", {}, make("td", { colSpan: shown.length, textContent: "No setting meets these filters." })));
  document.querySelector("#table tbody").replaceChildren(...lines);
  const count = document.getElementById("count");
  count.textContent = `${grouped(rows.length)} of ${grouped(data.rows.length)} settings`
    + (drawn.length < rows.length ? `, the first ${drawn.length} drawn` : "");
  const more = document.getElementById("more");
  more.hidden = drawn.length === rows.length;
  more.textContent = `Draw all ${grouped(rows.length)}`;
}
