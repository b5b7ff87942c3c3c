// The page of an evaluation: overview, samples and blind votes; below page.js.
const report = JSON.parse(by("report").textContent);
const { measures, headline } = report;
const TARGET = "target";
const systems = report.systems.map((each) => each.system);
const isHigherBetter = (name) => measures[name].better === "higher";
const sign = (name) => isHigherBetter(name) ? 1 : -1;

function numberOf(value, name) {
  if (value === null || value === undefined) return "-";
  if (name && measures[name].high === 1) return String(Math.round(100 * value) || 0);
  const digits = Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0;
  return String(Number(value.toFixed(digits)));
}

const pOf = (p) => p < 0.001 ? "< 0.001" : p.toFixed(p < 0.1 ? 3 : 2);

function choose(select, options, chosen, then) {
  select.replaceChildren(...options.map((each) => {
    const [value, text] = Array.isArray(each) ? each : [each, each];
    const option = make("option", "", text);
    option.value = value;
    return option;
  }));
  select.value = chosen;
  select.addEventListener("change", () => then(select.value));
}

const cell = (tag, text, className = "") => make(tag, className, text);
const number = (text) => cell("td", text, "n");
const line = (...cells) => make("tr", "", ...cells);

function spanning(text, columns) {
  const title = cell("th", text, "kind");
  title.colSpan = columns;
  return line(title);
}

const fill = (table, head, rows) => table.replaceChildren(
  make("thead", "", line(...head)), make("tbody", "", ...rows));

const wide = (head, rows, className = "") => {
  const table = make("table", className);
  fill(table, head, rows);
  return make("div", "wide", table);
};

// Overview: a value with its interval, in words and as a line from least to most.
function estimateCell([value, low, high, n], name, [least, most], words = numberOf) {
  if (value === null) return number("-");
  const place = (each) =>
    100 * Math.min(Math.max((each - least) / (most - least || 1), 0), 1);
  const [ends, dot] = [make("i"), make("b")];
  ends.style.left = `${place(low)}%`;
  ends.style.width = `${Math.max(place(high) - place(low), 1)}%`;
  dot.style.left = `${place(value)}%`;
  const shown = make("td", "n", make("strong", "", words(value, name)), " ",
    make("small", "", `[${words(low, name)}, ${words(high, name)}]`),
    make("div", "track", ends, dot));
  shown.title = `${name}: n = ${n}`;
  return shown;
}

const rangeOf = (name) => [measures[name].low, measures[name].high];

const SPEED = { tokens_per_s: "tokens/s", latency_p50_s: "p50 s", latency_p95_s: "p95 s",
  size_mb: "MB" };
let family = "headline";
let sorted = { key: null, isRising: false };
const names = () => family === "headline" ? headline
  : Object.keys(measures).filter((each) => !headline.includes(each));

function headerOf(key, text, title) {
  const button = make("button", "sort", text);
  button.title = title;
  button.addEventListener("click", () => sortBy(key));
  const shown = make("th", key === "system" ? "" : "n", button);
  shown.scope = "col";
  shown.dataset.key = key;
  shown.setAttribute("aria-sort", sorted.key !== key ? "none"
    : sorted.isRising ? "ascending" : "descending");
  return shown;
}

function sortBy(key) {
  const isRisingFirst = key in measures ? !isHigherBetter(key) : key !== "tokens_per_s";
  sorted = { key, isRising: sorted.key === key ? !sorted.isRising : isRisingFirst };
  showSystems();
  by("systems").querySelector(`[data-key="${key}"] button`).focus();
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
  const speed = family === "headline" ? Object.entries(SPEED) : [];
  fill(by("systems"), [headerOf("system", "system", ""),
    ...names().map((name) => headerOf(name, name, measures[name].meaning)),
    ...speed.map(([key, text]) => headerOf(key, text, ""))],
  inOrder(report.systems).map((row) => {
    const name = make("th", "", row.system, make("small", "", ` n ${row.n}`));
    name.scope = "row";
    const shown = line(name, ...names().map((each) => estimateCell(row.scores[each], each,
      rangeOf(each))),
    ...speed.map(([key]) => number(numberOf(row[key]))));
    if (row.system.startsWith("control-")) shown.className = "control";
    return shown;
  }));
}

function showDifferences() {
  const { differences } = report;
  by("minus").hidden = by("differences").hidden = !differences.length;
  if (!differences.length) return;
  put("minus", `${differences[0].system} minus each other`);
  fill(by("differences"), [cell("th", "minus"),
    ...headline.map((name) => cell("th", name, "n"))],
  differences.map((row) => line(cell("th", row.other), ...headline.map((name) => {
    const { difference, verdict, p_holm, wins, losses } = row.comparisons[name];
    const ends = Math.max(1e-9, ...differences.flatMap((each) =>
      each.comparisons[name].difference.slice(1, 3).map((end) => Math.abs(end ?? 0))));
    const shown = estimateCell(difference, name, [-ends, ends],
      (value) => (value > 0 ? "+" : "") + numberOf(value, name));
    const isShown = verdict !== "not shown";
    if (isShown) shown.classList.add(verdict === "better" ? "gain" : "loss");
    shown.append(make("span", "tested",
      `${isShown ? `${verdict}, ` : ""}p ${pOf(p_holm)}`));
    shown.title += `, ${wins} wins, ${losses} losses`;
    return shown;
  }))));
}

function showParts(system) {
  const rows = report.parts[system];
  fill(by("parts"), [cell("th", "part"), cell("th", "n", "n"),
    ...headline.map((name) => cell("th", name, "n"))],
  report.slices.flatMap(([kind, name, n], at) => [
    ...(kind === report.slices[at - 1]?.[0] ? [] : [spanning(kind, 2 + headline.length)]),
    line(cell("th", name), number(String(n)), ...headline.map((score, place) =>
      estimateCell(rows[at][place], score, rangeOf(score)))),
  ]));
}

// Samples: by filters, and one of them whole.
const ROWS_A_PAGE = 15;
const FILTERS = ["repository", "language", "commits", "diff_size", "type", "junk"];
const OUTCOMES = {
  all: ["all", () => true],
  worse: ["worse than the other", (mine, other) => mine < other],
  better: ["better than the other", (mine, other) => mine > other],
  equal: ["equal to the other", (mine, other) => mine === other],
  least: ["not the best possible", (mine, _, best) => mine !== best],
  none: ["not measured", (mine) => mine === null],
};
const ORDERS = {
  file: ["as they were asked", () => 0],
  mine: ["lowest first", ([mine]) => mine],
  loss: ["largest loss first", ([mine, other]) => mine - other],
};
const ANY = { set: "all", search: "", outcome: "all",
  ...Object.fromEntries(FILTERS.map((each) => [each, ""])) };
const base = systems.find((each) => each.startsWith("base")) ?? systems[1] ?? systems[0];
const chosen = { ...ANY, score: headline.includes("ari") ? "ari" : headline[0],
  mine: systems[0], other: base, order: "file" };
const isVoted = new Set(report.ballots.map((each) => each.id));
let found = [];
let at = 0;

const valueOf = (sample, system) =>
  report.values[chosen.score][systems.indexOf(system)][sample];

const pairOf = (sample) => [chosen.mine, chosen.other].map((system) => {
  const value = valueOf(sample, system);
  return value === null ? null : sign(chosen.score) * value;
});

function isWanted(sample, at) {
  if (chosen.set === "voted" && !isVoted.has(sample.id)) return false;
  if (FILTERS.some((kind) => chosen[kind] && !sample[kind].includes(chosen[kind]))) {
    return false;
  }
  const text = `${sample.title} ${sample.repository[0]} ${sample.id}`.toLowerCase();
  const words = chosen.search.toLowerCase().split(/\s+/);
  if (!words.every((word) => text.includes(word))) return false;
  const [mine, other] = pairOf(at);
  if (chosen.outcome === "all") return true;
  if (chosen.outcome === "none") return mine === null;
  const { low, high } = measures[chosen.score];
  return mine !== null && other !== null && OUTCOMES[chosen.outcome][1](mine, other,
    isHigherBetter(chosen.score) ? high : -low);
}

function filter() {
  const key = (each) => ORDERS[chosen.order][1](pairOf(each));
  found = [...report.samples.keys()].filter((each) => isWanted(report.samples[each], each))
    .sort((one, other) => key(one) - key(other) || one - other);
  if (!found.includes(at) && found.length) at = found[0];
  const pairs = found.map(pairOf).filter(([a, b]) => a !== null && b !== null);
  const count = (test) => pairs.filter(([a, b]) => test(a, b)).length;
  const mean = (place) => pairs.length ? numberOf(sign(chosen.score) *
    pairs.reduce((total, each) => total + each[place], 0) / pairs.length, chosen.score)
    : "-";
  put("found", `${found.length} of ${report.samples.length} samples. ${chosen.score}: ` +
    `${chosen.mine} ${mean(0)}, ${chosen.other} ${mean(1)}; better on ` +
    `${count((a, b) => a > b)}, equal on ${count((a, b) => a === b)}, worse on ` +
    `${count((a, b) => a < b)}. Chosen by eye, so without intervals: a look, no result.`);
  go(at);
}

function go(next, isScrolled = false) {
  at = next;
  showList();
  showSample();
  if (isScrolled) {
    by("title").scrollIntoView();
    by("title").focus({ preventScroll: true });
  }
}

function step(by) {
  const next = found[found.indexOf(at) + by];
  if (next !== undefined) go(next);
}

function showList() {
  const page = Math.floor(Math.max(found.indexOf(at), 0) / ROWS_A_PAGE);
  const pages = Math.ceil(found.length / ROWS_A_PAGE);
  fill(by("list"), [cell("th", "sample"), cell("th", "repository", "some"),
    ...["commits", "files", "characters"].map((each) => cell("th", each, "n some")),
    cell("th", `${chosen.score} · a`, "n"), cell("th", "b", "n")],
  found.slice(page * ROWS_A_PAGE, (page + 1) * ROWS_A_PAGE).map((each) => {
    const sample = report.samples[each];
    const button = make("button", "link", sample.title);
    button.addEventListener("click", () => go(each, true));
    const shown = line(make("td", "", button), cell("td", sample.repository[0], "some"),
      ...[sample.commits[0], sample.files, sample.chars].map((value) =>
        cell("td", String(value), "n some")),
      ...[chosen.other, chosen.mine].map((system) =>
        number(numberOf(valueOf(each, system), chosen.score))));
    shown.setAttribute("aria-current", String(each === at));
    return shown;
  }));
  put("page", `page ${pages ? page + 1 : 0} of ${pages}`);
  by("page-back").disabled = page === 0;
  by("page-next").disabled = page + 1 >= pages;
}

// Parsed when it is shown, and let go with the next one, so that a thousand are light.
const wholeOf = (sample) => JSON.parse(by(`sample-${sample}`).textContent);

function showSample() {
  put("title");
  put("sample");
  if (!found.length) return;
  const sample = report.samples[at];
  const whole = wholeOf(at);
  put("title", sample.title, make("small", "", ` ${found.indexOf(at) + 1} of ` +
    `${found.length} · ${sample.repository[0]} · ${sample.language.join(", ")} · ` +
    sample.id.slice(0, 12)));
  const plans = [["a", chosen.other], ["b", chosen.mine], ["t", TARGET]]
    .map(([letter, system]) => ({ ...whole.plans[system], letter,
      name: `${letter} · ${system}` }));
  put("sample", make("div", "plans", ...plans.map(planCard)),
    make("div", "halves",
      make("div", "", make("h3", "", "Diff"), ...diffOf(whole, plans)),
      make("div", "", make("h3", "", "What the scorers said"),
        ...plans.slice(0, 2).map(findingsOf), scoresOf(plans.slice(0, 2)),
        make("section", "card", make("h2", "", "Messages of the history, and patterns " +
          "in force before"), ...whole.history.map((each, number) =>
          commitOf(each, `h${number + 1}`)),
        make("pre", "body none", whole.gitignore.join("\n") || "no patterns")))));
}

function findingsOf({ name, findings }) {
  const kinds = Object.entries(findings);
  return make("section", "card findings", make("h2", "", `Findings of ${name}`),
    ...kinds.map(([kind, found]) => make("p", "",
      make("span", "chip", kind.replaceAll("_", " ")),
      ...found.map((each) => make("span", "flag", each)))),
    kinds.length ? null : make("p", "none", "nothing"));
}

function scoresOf(plans) {
  return wide([cell("th", "score"), ...plans.map(({ name }) => cell("th", name, "n"))],
    Object.keys(measures).map((name, place) => {
      const values = plans.map((each) => each.values[place]);
      const known = values.filter((each) => each !== null).map((each) => sign(name) * each);
      const best = new Set(known).size > 1 ? sign(name) * Math.max(...known) : null;
      return line(make("th", "", name, make("small", "", ` ${measures[name].meaning}`)),
        ...values.map((value) => cell("td", numberOf(value, name),
          best !== null && value === best ? "n best" : "n")));
    }), "scores");
}

function startSamples() {
  const set = (name) => (value) => {
    chosen[name] = value;
    filter();
  };
  for (const kind of FILTERS) {
    const select = make("select");
    const title = kind.replace("_", " ");
    select.id = kind;
    by("filters").append(
      make("label", "", `${title[0].toUpperCase()}${title.slice(1)} `, select));
    choose(select, [["", "any"], ...report.slices.filter((each) => each[0] === title)
      .map((each) => each[1])], "", set(kind));
  }
  choose(by("set"), ["all", ["voted", "side by side"]], "all", set("set"));
  choose(by("score"), headline, chosen.score, set("score"));
  for (const id of ["mine", "other"]) choose(by(id), systems, chosen[id], set(id));
  for (const [id, words] of [["outcome", OUTCOMES], ["order", ORDERS]]) {
    choose(by(id), Object.entries(words).map(([key, [text]]) => [key, text]), chosen[id],
      set(id));
  }
  by("search").addEventListener("input", () => set("search")(by("search").value));
  by("clear").addEventListener("click", () => {
    Object.assign(chosen, ANY);
    for (const id of Object.keys(ANY)) by(id).value = ANY[id];
    filter();
  });
  for (const [id, pages] of [["page-back", -1], ["page-next", 1]]) {
    by(id).addEventListener("click", () =>
      go(found[(Math.floor(found.indexOf(at) / ROWS_A_PAGE) + pages) * ROWS_A_PAGE]));
  }
  filter();
}

// Blind votes: two plans without names, and what the voter says of them.
const AXES = ["accuracy", "specificity", "brevity", "type"];
const CHOICES = { a: "A", t: "tie", b: "B" };
const TURNS = [undefined, ...Object.values(CHOICES)];
const box = ballotBox(report.ballots, Object.values(CHOICES));
const pairName = (each) => [...each.systems].sort().join(" and ");
const pairs = [...new Set(report.ballots.map(pairName))];
let pair = pairs[0];
let place = 0;

const ballotsOfPair = () => report.ballots.filter((each) => pairName(each) === pair);
const ballot = () => ballotsOfPair()[place];

function decide(choice) {
  if (!ballot()) return;
  box.keep(ballot(), { ...box.of(ballot()), choice });
  const all = ballotsOfPair();
  const open = [...all.slice(place + 1), ...all.slice(0, place)]
    .find((each) => !box.of(each).choice);
  if (open) showBallot(all.indexOf(open));
  else showVote();
}

function turnAxis(axis) {
  if (!ballot()) return;
  const vote = box.of(ballot());
  const next = TURNS[(TURNS.indexOf(vote.axes[axis]) + 1) % TURNS.length];
  const { [axis]: _, ...axes } = vote.axes;
  box.keep(ballot(), { ...vote, axes: next ? { ...axes, [axis]: next } : axes });
  showVote();
}

function undo() {
  if (ballot()) box.keep(ballot(), null);
  showVote();
}

function showBallot(next) {
  const all = ballotsOfPair();
  place = Math.min(Math.max(next, 0), Math.max(all.length - 1, 0));
  put("ballot");
  put("ballot-sample");
  if (ballot()) {
    const { id, repo, systems } = ballot();
    const whole = wholeOf(report.samples.findIndex((each) => each.id === id));
    // Time, tokens, reasons and the text around a plan would tell who answered.
    const plans = systems.map((system, side) => {
      const { plan, text } = whole.plans[system];
      return { letter: "ab"[side], name: "AB"[side], plan, error: "not readable as one",
        text: plan ? null : text };
    });
    const [one, other] = plans.map(({ plan, text }) => JSON.stringify([plan, text]));
    put("ballot", `Case ${place + 1} of ${all.length}`,
      make("small", "", ` ${repo} · ${whole.files.length} files`));
    put("ballot-sample",
      one === other ? make("p", "none", "A and B are the same: a tie") : null,
      make("div", "plans", ...plans.map(planCard)),
      make("h3", "", "Diff"), ...diffOf(whole, plans),
      make("p", "note", `.gitignore had: ${whole.gitignore.join(" ") || "nothing"}`));
    if (by("ballot").getBoundingClientRect().top < 0) by("ballot").scrollIntoView();
  }
  showVote();
}

function showVote() {
  const now = ballot() ? box.of(ballot()) : { axes: {} };
  for (const button of by("axes").children) {
    const said = now.axes[button.dataset.axis];
    button.lastChild.replaceWith(said ? ` ${said}` : " –");
    press(button, Boolean(said));
  }
  for (const [key, choice] of Object.entries(CHOICES)) {
    press(by("bar").querySelector(`[data-key=${key}]`), now.choice === choice);
  }
  const all = ballotsOfPair();
  const decided = all.filter((each) => box.of(each).choice).length;
  const begun = all.filter(box.isBegun).length - decided;
  put("status", `${decided} of ${all.length} decided` +
    (begun ? `, ${begun} begun and not decided` : "") +
    (all.length && decided === all.length ? " · all decided: export with e" : "") +
    box.warning());
}

function startVotes() {
  AXES.forEach((axis, number) => {
    const button = make("button", "", make("kbd", "", String(number + 1)), ` ${axis}`,
      " –");
    button.dataset.axis = axis;
    button.addEventListener("click", () => turnAxis(axis));
    by("axes").append(button);
  });
  choose(by("pair"), pairs, pair, (value) => {
    pair = value;
    showBallot(0);
  });
  place = Math.max(ballotsOfPair().findIndex((each) => !box.of(each).choice), 0);
}

// The views and their keys; the address names the view, and the sample.
const VIEWS = ["overview", "samples", "votes"];
let view = "overview";

function show(next) {
  if (next !== view) scrollTo(0, 0);
  view = next;
  for (const each of VIEWS) by(each).hidden = each !== view;
  by("bar").hidden = view !== "votes";
  document.body.className = view === "votes" ? "report voting" : "report";
  for (const button of by("views").children) {
    button.setAttribute("aria-current", String(button.dataset.view === view));
  }
  if (view === "votes") showBallot(place);
  remember();
}

function remember() {
  const id = found.length ? report.samples[at].id.slice(0, 12) : "";
  // The slash keeps the browser from scrolling to the section of that name.
  const wanted = view === "samples" ? `#/samples/${encodeURIComponent(id)}` : `#/${view}`;
  if (location.hash !== wanted) history.replaceState(null, "", wanted);
}

function follow() {
  const [name, id] = location.hash.slice(2).split("/");
  const sample = id
    ? report.samples.findIndex((each) => each.id.startsWith(decodeURIComponent(id))) : -1;
  if (found.includes(sample)) go(sample);
  show(VIEWS.includes(name) ? name : "overview");
}

const walk = (step) => ({ j: () => step(1), ArrowRight: () => step(1),
  k: () => step(-1), ArrowLeft: () => step(-1) });
const KEYS = {
  overview: {},
  samples: { ...walk(step), "/": () => by("search").focus() },
  votes: {
    ...walk((by) => showBallot(place + by)),
    ...Object.fromEntries(Object.entries(CHOICES).map(([key, choice]) =>
      [key, () => decide(choice)])),
    ...Object.fromEntries(AXES.map((axis, at) => [at + 1, () => turnAxis(axis)])),
    u: undo,
    e: () => box.save("Count them: diffscribe votes path/to/votes.json"),
  },
};
const EVERYWHERE = Object.fromEntries(VIEWS.map((each) => [each[0], () => show(each)]));
for (const keys of Object.values(KEYS)) {
  for (const [key, run] of Object.entries(keys)) {
    keys[key] = () => {
      run();
      remember();
    };
  }
}

const repositories = new Set(report.samples.flatMap((each) => each.repository)).size;
put("about", `${report.samples.length} samples of ${repositories} repositor` +
  `${repositories === 1 ? "y" : "ies"} · ${systems.length} systems`);
choose(by("family"), ["headline", "others"], family, (value) => {
  family = value;
  sorted = { key: null, isRising: false };
  showSystems();
});
choose(by("measured"), systems, systems[0], showParts);
showSystems();
showDifferences();
showParts(systems[0]);
startSamples();
startVotes();
listen(() => ({ ...EVERYWHERE, ...KEYS[view] }));
for (const button of by("views").children) {
  button.addEventListener("click", () => show(button.dataset.view));
}
follow();
addEventListener("hashchange", follow);
