// What the report holds, numbers in words, and the first view; below page.js.
const report = JSON.parse(by("report").textContent);
const TARGET = "target";
const SPEED = [["tokens_per_s", "tokens/s"], ["latency_p50_s", "p50 s"],
  ["latency_p95_s", "p95 s"], ["size_mb", "MB"]];
const systems = report.systems.map((each) => each.system);
const measures = report.measures;
let family = "headline";
let sorted = { key: null, isRising: false };

const isShare = (name) => measures[name].high === 1;
const sign = (name) => measures[name].better === "lower" ? -1 : 1;
const scoresOf = (name) => name === "headline" ? report.headline :
  Object.keys(measures).filter((each) => measures[each].family === name);

function numberOf(value, name) {
  if (value === null || value === undefined) return "-";
  if (name && isShare(name)) return String(Math.round(100 * value) || 0);
  const digits = Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0;
  return String(Number(value.toFixed(digits)));
}

function option(value, text = value) {
  const element = make("option", "", text);
  element.value = value;
  return element;
}

function fill(select, options, chosen, then) {
  select.replaceChildren(...options.map((each) =>
    Array.isArray(each) ? option(...each) : option(each)));
  select.value = chosen;
  select.addEventListener("change", () => then(select.value));
}

// A value with its interval, in words and as a line from the least to the greatest.
function estimateCell([value, low, high, n], name, [least, most], words = numberOf) {
  const cell = make("td", "n");
  if (value === null) {
    cell.append("-");
    return cell;
  }
  const track = make("div", "track");
  const place = (each) => 100 * Math.min(Math.max((each - least) / (most - least || 1),
    0), 1);
  const line = make("i");
  line.style.left = `${place(low)}%`;
  line.style.width = `${Math.max(place(high) - place(low), 1)}%`;
  const dot = make("b");
  dot.style.left = `${place(value)}%`;
  track.append(line, dot);
  cell.append(make("strong", "", words(value, name)), " ",
    make("small", "", `[${words(low, name)}, ${words(high, name)}]`), track);
  cell.title = `${name}: n = ${n}`;
  return cell;
}

function rangeOf(name, estimates) {
  const { low, high } = measures[name];
  return [low, high ?? Math.max(1e-9, ...estimates.map((each) => each[2] ?? 0))];
}

function header(text, title, key, onSort) {
  const cell = make("th", key === "system" ? "" : "n");
  cell.scope = "col";
  const button = make("button", "sort", text);
  button.title = title;
  button.addEventListener("click", () => onSort(key));
  const isOn = sorted.key === key;
  cell.setAttribute("aria-sort",
    !isOn ? "none" : sorted.isRising ? "ascending" : "descending");
  cell.append(button);
  return cell;
}

function sortBy(key) {
  const isWord = key === "system";
  const first = isWord || measures[key]?.better === "lower" ||
    ["latency_p50_s", "latency_p95_s", "size_mb"].includes(key);
  sorted = { key, isRising: sorted.key === key ? !sorted.isRising : first };
  showSystems();
  by("systems").querySelector(`[data-key="${key}"] button`)?.focus();
}

function inOrder(rows) {
  const { key, isRising } = sorted;
  if (!key) return rows;
  const value = (row) => key in measures ? row.scores[key][0] : row[key];
  return [...rows].sort((one, other) => {
    const [a, b] = [value(one), value(other)];
    // What was not measured is last either way.
    if (a === null || b === null) return (a === null) - (b === null);
    return (a < b ? -1 : a > b ? 1 : 0) * (isRising ? 1 : -1);
  });
}

function showSystems() {
  const names = scoresOf(family);
  const speed = family === "headline" ? SPEED : [];
  const head = make("tr", "", header("system", "", "system", sortBy),
    ...names.map((name) => header(name, measures[name].meaning, name, sortBy)),
    ...speed.map(([key, text]) => header(text, "", key, sortBy)));
  [...head.children].forEach((cell, at) => {
    cell.dataset.key = ["system", ...names, ...speed.map(([key]) => key)][at];
  });
  const rows = inOrder(report.systems).map((row) => {
    const name = make("th", "", row.system, make("small", "", ` n ${row.n}`));
    name.scope = "row";
    const line = make("tr", row.system.startsWith("control-") ? "control" : "", name);
    for (const each of names) {
      const range = rangeOf(each, report.systems.map((one) => one.scores[each]));
      line.append(estimateCell(row.scores[each], each, range));
    }
    for (const [key] of speed) line.append(make("td", "n", numberOf(row[key])));
    return line;
  });
  by("systems").replaceChildren(make("thead", "", head), make("tbody", "", ...rows));
  showDifferences(report.headline);
}

function showDifferences(names) {
  const [first] = report.differences;
  by("minus").hidden = by("differences").hidden = !first;
  if (!first) return;
  by("minus").replaceChildren(...seen(`${first.system} minus each other`));
  const words = (value, name) => (value > 0 ? "+" : "") + numberOf(value, name);
  const head = make("tr", "", make("th", "", "minus"),
    ...names.map((name) => make("th", "n", name)));
  const rows = report.differences.map((row) => {
    const line = make("tr", "", make("th", "", row.other));
    for (const name of names) {
      const ends = Math.max(...report.differences.flatMap((each) =>
        [Math.abs(each.scores[name][1] ?? 0), Math.abs(each.scores[name][2] ?? 0)]), 1e-9);
      const cell = estimateCell(row.scores[name], name, [-ends, ends], words);
      const tested = row.comparisons[name];
      if (tested) {
        const isShown = tested.verdict !== "not shown";
        if (isShown) cell.classList.add(tested.verdict === "better" ? "gain" : "loss");
        cell.append(make("span", "said",
          `${isShown ? `${tested.verdict}, ` : ""}p ${pOf(tested.p_holm)}`));
        cell.title += `, ${tested.wins} wins, ${tested.losses} losses`;
      }
      line.append(cell);
    }
    return line;
  });
  by("differences").replaceChildren(make("thead", "", head), make("tbody", "", ...rows));
}

const pOf = (p) => p < 0.001 ? "< 0.001" : p.toFixed(p < 0.1 ? 3 : 2);

function showFigures(system) {
  const figure = report.figures[system];
  const target = report.figures[TARGET].distributions;
  const own = figure.distributions;
  const types = report.types.filter((each) => each in target.types || each in own.types);
  const said = Object.entries(figure.said).map(([name, value]) =>
    `${name}: ${value === null ? "-" : Math.round(100 * value)} %`);
  by("figures").replaceChildren(
    make("p", "note broad", said.join(" · ")),
    make("section", "card broad", make("h2", "", "Types: target's in rows, this system's in " +
      "columns, commits aligned one to one"), confusionOf(figure.confusion)),
    make("section", "card", make("h2", "", `Types: ${entropy(target.types)} bits of ` +
      `entropy in the target, ${entropy(own.types)} here`),
      twoBars(types, types.map((each) => target.types[each] ?? 0),
        types.map((each) => own.types[each] ?? 0))),
    make("section", "card", make("h2", "", "Lengths of headers in characters; " +
      `${own.bodies} of ${own.commits} commits have a body, ${target.bodies} of ` +
      `${target.commits} in the target`),
      twoBars(report.length_bands, target.lengths, own.lengths)),
    make("section", "card broad", make("h2", "", "Reliability: the scores on parts of " +
      "the cases, with intervals"), slicesOf(figure.slices)));
}

function confusionOf(counts) {
  const all = (place) => report.types.filter((type) =>
    counts.some((each) => each[place] === type));
  const [rows, columns] = [all(0), all(1)];
  const table = make("table", "confusion", make("tr", "", make("th"),
    ...columns.map((each) => make("th", "n", each)), make("th", "n", "right %")));
  for (const row of rows) {
    const own = counts.filter((each) => each[0] === row);
    const sum = own.reduce((total, each) => total + each[2], 0);
    const right = own.find((each) => each[1] === row)?.[2] ?? 0;
    const line = make("tr", "", make("th", "", row));
    for (const column of columns) {
      const count = own.find((each) => each[1] === column)?.[2] ?? 0;
      const cell = make("td", `n${row === column ? " same" : ""}`, count ? String(count) : "");
      if (count) cell.style.backgroundColor = `rgb(74 125 189 / ${0.55 * count / sum})`;
      line.append(cell);
    }
    line.append(make("td", "n", `${Math.round(100 * right / sum)}`));
    table.append(line);
  }
  return make("div", "wide", table);
}

function entropy(types) {
  const counts = Object.values(types);
  const sum = counts.reduce((total, each) => total + each, 0);
  const bits = counts.reduce((total, each) => total - each / sum * Math.log2(each / sum), 0);
  return (bits || 0).toFixed(2);
}

// Shares of each name: the target's above the system's.
function twoBars(names, target, own) {
  const share = (counts) => {
    const sum = counts.reduce((total, each) => total + each, 0) || 1;
    return counts.map((each) => each / sum);
  };
  const [ours, theirs] = [share(own), share(target)];
  const most = Math.max(...ours, ...theirs, 1e-9);
  const bar = (value, kind) => {
    const element = make("div", kind);
    element.style.width = `${100 * value / most}%`;
    return element;
  };
  const table = make("table", "bars");
  names.forEach((name, at) => table.append(make("tr", "", make("td", "", name),
    make("td", "n", `${target[at]} · ${own[at]}`),
    make("td", "b", bar(theirs[at], "target"), bar(ours[at], "own")))));
  return make("div", "", make("p", "note", make("i", "swatch target"), " target  ",
    make("i", "swatch own"), " this system; counts, bars are shares"), table);
}

function slicesOf(rows) {
  const head = make("tr", "", make("th", "", "part"), make("th", "n", "n"),
    ...report.headline.map((name) => make("th", "n", name)));
  const body = make("tbody");
  let last = null;
  report.slices.forEach(([kind, name, n], at) => {
    if (kind !== last) {
      const title = make("th", "kind", kind);
      title.colSpan = 2 + report.headline.length;
      body.append(make("tr", "", title));
    }
    last = kind;
    const line = make("tr", "", make("th", "", name), make("td", "n", String(n)));
    report.headline.forEach((score, place) =>
      line.append(estimateCell(rows[at][place], score,
        rangeOf(score, rows.map((row) => row[place])))));
    body.append(line);
  });
  return make("div", "wide", make("table", "", make("thead", "", head), body));
}

function startOverview() {
  const repositories = new Set(report.samples.flatMap((each) => each.repository));
  by("about").replaceChildren(`${report.samples.length} samples of ${repositories.size} ` +
    `repositor${repositories.size === 1 ? "y" : "ies"} · ${systems.length} systems`);
  const families = [...new Set(Object.values(measures).map((each) => each.family))];
  fill(by("family"), ["headline", ...families], family, (chosen) => {
    family = chosen;
    sorted = { key: null, isRising: false };
    showSystems();
  });
  fill(by("figured"), systems, systems[0], showFigures);
  showSystems();
  showFigures(systems[0]);
}
