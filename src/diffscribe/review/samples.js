// The second view: samples by filters, and one of them whole.
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
  mine: ["lowest first", (at, values) => values(at)[0]],
  loss: ["largest loss first", (at, values) => values(at)[0] - values(at)[1]],
};
const base = systems.find((each) => each.startsWith("base")) ?? systems[1] ?? systems[0];
const chosen = { set: "all", search: "", score: "ari", mine: systems[0], other: base,
  also: "", outcome: "all", order: "file",
  ...Object.fromEntries(FILTERS.map((each) => [each, ""])) };
let found = [];
let at = 0;

const isVoted = new Set(report.ballots.map((each) => each.sample_id));
const valueOf = (sample, system) =>
  report.values[chosen.score][systems.indexOf(system)][sample];

function pairOf(sample) {
  const direction = sign(chosen.score);
  return [chosen.mine, chosen.other].map((system) => {
    const value = valueOf(sample, system);
    return value === null ? null : direction * value;
  });
}

function isWanted(sample, number) {
  if (chosen.set === "voted" && !isVoted.has(sample.id)) return false;
  for (const kind of FILTERS) {
    if (chosen[kind] && !sample[kind].includes(chosen[kind])) return false;
  }
  const words = chosen.search.toLowerCase().split(/\s+/);
  const text = `${sample.title} ${sample.repository[0]} ${sample.id}`.toLowerCase();
  if (!words.every((word) => text.includes(word))) return false;
  const [mine, other] = pairOf(number);
  const { low, high, better } = measures[chosen.score];
  const best = better === "lower" ? -low : high;
  if (chosen.outcome === "none") return mine === null;
  return chosen.outcome === "all" || mine !== null && other !== null &&
    OUTCOMES[chosen.outcome][1](mine, other, best);
}

function filter() {
  const all = report.samples.map((_, number) => number);
  found = all.filter((number) => isWanted(report.samples[number], number));
  const worth = ORDERS[chosen.order][1];
  const keys = new Map(found.map((each) => [each, worth(each, pairOf)]));
  found.sort((one, other) => keys.get(one) - keys.get(other) || one - other);
  if (!found.includes(at) && found.length) at = found[0];
  showFound();
  showList();
  showSample();
}

function showFound() {
  const pairs = found.map(pairOf).filter(([a, b]) => a !== null && b !== null);
  const count = (test) => pairs.filter(([a, b]) => test(a, b)).length;
  const mean = (place) => pairs.length
    ? numberOf(sign(chosen.score) *
      pairs.reduce((total, each) => total + each[place], 0) / pairs.length, chosen.score)
    : "-";
  by("found").replaceChildren(...seen(
    `${found.length} of ${report.samples.length} samples. ${chosen.score}: ` +
    `${chosen.mine} ${mean(0)}, ${chosen.other} ${mean(1)}; better on ` +
    `${count((a, b) => a > b)}, equal on ${count((a, b) => a === b)}, worse on ` +
    `${count((a, b) => a < b)}. Chosen by eye, so without intervals: a look, no result.`));
}

function showList() {
  const place = Math.max(found.indexOf(at), 0);
  const page = Math.floor(place / ROWS_A_PAGE);
  const shown = found.slice(page * ROWS_A_PAGE, (page + 1) * ROWS_A_PAGE);
  const head = make("tr", "", make("th", "", "sample"), make("th", "some", "repository"),
    make("th", "n some", "commits"), make("th", "n some", "files"),
    make("th", "n some", "characters"), make("th", "n", `${chosen.score} · a`),
    make("th", "n", "b"));
  const rows = shown.map((number) => {
    const sample = report.samples[number];
    const button = make("button", "link", sample.title);
    button.addEventListener("click", () => go(number, true));
    const line = make("tr", "", make("td", "", button),
      make("td", "some", sample.repository[0]), make("td", "n some", sample.commits[0]),
      make("td", "n some", String(sample.files)),
      make("td", "n some", String(sample.chars)),
      ...[chosen.other, chosen.mine].map((system) =>
        make("td", "n", numberOf(valueOf(number, system), chosen.score))));
    line.setAttribute("aria-current", String(number === at));
    return line;
  });
  by("list").replaceChildren(make("thead", "", head), make("tbody", "", ...rows));
  const pages = Math.ceil(found.length / ROWS_A_PAGE);
  by("page").replaceChildren(`page ${pages ? page + 1 : 0} of ${pages}`);
  by("page-back").disabled = page === 0;
  by("page-next").disabled = page + 1 >= pages;
}

function go(number, isWanted = false) {
  at = number;
  showList();
  showSample();
  if (isWanted) {
    by("title").scrollIntoView();
    by("title").focus({ preventScroll: true });
  }
}

function step(by) {
  const next = found[found.indexOf(at) + by];
  if (next !== undefined) go(next);
}

// Parsed when it is shown, and let go with the next one.
const wholeOf = (number) => JSON.parse(by(`sample-${number}`).textContent);

function planOf(plan, files) {
  const path = (each) => typeof each === "number" ? files[each].path : each;
  return plan && { ...plan,
    commits: plan.commits.map((each) => ({ ...each, files: each.files.map(path) })) };
}

// Answers are {name, letter, plan, error?, text?, about?}.
function planCard({ name, letter, plan, error, text, about }) {
  return make("section", "card plan", make("h2", "", name),
    about ? make("p", "note", about) : null,
    plan
      ? make("div", "", ...plan.commits.map((each, number) =>
        commitOf(each, `${letter}${number + 1}`)), patternsOf(plan.gitignore))
      : make("div", "", make("span", "flag", `no plan: ${error ?? "unreadable"}`)),
    plan && !plan.commits.length ? make("p", "none", "no commits") : null,
    text ? rawOf(text, !plan) : null);
}

function rawOf(text, isOpen) {
  const shown = text.length > 4000 ? text.slice(0, 4000) : text;
  const details = make("details", "raw", make("summary", "", "the answer as it came"),
    make("pre", "body", shown, text.length > 4000
      ? make("span", "escape", `${text.length - 4000} more characters`) : null));
  details.open = isOpen;
  return details;
}

function filesOf(whole, answers) {
  return whole.files.map((file, number) => ({
    line: file.line,
    text: file.text,
    places: [
      ...(whole.junk.includes(number) ? ["junk"] : []),
      ...answers.flatMap(({ letter, plan }) => (plan?.commits ?? []).flatMap(
        (commit, place) => commit.files.includes(file.path) ? [`${letter}${place + 1}`]
          : [])),
    ],
  }));
}

function answerOf(whole, system, letter) {
  if (system === TARGET) {
    return { name: "target", letter, plan: planOf(whole.target, whole.files) };
  }
  const answer = whole.answers[system];
  const about = answer.tokens ? `${answer.tokens} tokens in ${answer.latency_s} s` : "";
  return { ...answer, name: system, letter, about,
    plan: planOf(answer.plan, whole.files) };
}

function showSample() {
  const sample = report.samples[at];
  by("title").replaceChildren();
  by("sample").replaceChildren();
  if (!found.length) return;
  by("title").append(...seen(sample.title), make("small", "",
    ` ${found.indexOf(at) + 1} of ${found.length} · ${sample.repository[0]} · ` +
    `${sample.language.join(", ")} · ${sample.id.slice(0, 12)}`));
  const whole = wholeOf(at);
  const shown = [[chosen.other, "a"], [chosen.mine, "b"], [TARGET, "t"]];
  if (chosen.also) shown.push([chosen.also, "c"]);
  const answers = shown.map(([system, letter]) => answerOf(whole, system, letter));
  const measured = shown.filter(([system]) => system !== TARGET);
  by("sample").append(
    make("div", "plans", ...answers.map((each) =>
      planCard({ ...each, name: `${each.letter} · ${each.name}` }))),
    make("div", "halves",
      make("div", "", make("h3", "", "Diff"), ...diffOf(filesOf(whole, answers))),
      make("div", "", make("h3", "", "What the scorers said"),
        scoresOfSample(whole, measured), originalsOf(whole))));
}

function originalsOf(whole) {
  return make("section", "card", make("h2", "", "Messages of the history, and patterns " +
    "in force before"), ...whole.originals.map((each) => make("pre", "body", each)),
    make("pre", "body none", whole.gitignore.join("\n") || "no patterns"));
}

function scoresOfSample(whole, shown) {
  const names = Object.keys(measures);
  const table = make("table", "scores", make("tr", "", make("th", "", "score"),
    ...shown.map(([system, letter]) => make("th", "n", `${letter} · ${system}`))));
  let last = null;
  names.forEach((name, place) => {
    const { family, meaning } = measures[name];
    if (family !== last) table.append(kindRow(family, 1 + shown.length));
    last = family;
    const values = shown.map(([system]) => whole.answers[system].values[place]);
    const known = values.filter((each) => each !== null).map((each) => sign(name) * each);
    const best = new Set(known).size > 1 ? Math.max(...known) : null;
    table.append(make("tr", "", make("th", "", name, make("small", "", ` ${meaning}`)),
      ...values.map((value) => {
        const isBest = best !== null && value !== null && sign(name) * value === best;
        return make("td", `n${isBest ? " best" : ""}`, numberOf(value, name));
      })));
  });
  return make("div", "", ...shown.map(([system, letter]) =>
    findingsOf(`${letter} · ${system}`, whole.answers[system].findings)),
    make("div", "wide", table));
}

function kindRow(text, columns) {
  const cell = make("th", "kind", text);
  cell.colSpan = columns;
  return make("tr", "", cell);
}

function findingsOf(name, findings) {
  const kinds = Object.keys(findings);
  return make("section", "card findings", make("h2", "", `Findings of ${name}`),
    ...(kinds.length ? kinds.map((kind) => make("p", "",
      make("span", "chip", kind.replaceAll("_", " ")),
      ...findings[kind].map((each) => make("span", "flag", each))))
      : [make("p", "none", "nothing")]));
}

function startSamples() {
  const values = (kind) => [...new Set(report.slices.filter((each) =>
    each[0].replace(" ", "_") === kind).map((each) => each[1]))];
  for (const kind of FILTERS) {
    const select = make("select");
    select.id = `filter-${kind}`;
    by("filters").append(make("label", "", `${capital(kind)} `, select));
    fill(select, [["", "any"], ...values(kind)], "", choose(kind));
  }
  fill(by("set"), [["all", "all"], ["voted", "side by side"]], chosen.set, choose("set"));
  fill(by("score"), report.headline, chosen.score, choose("score"));
  fill(by("mine"), systems, chosen.mine, choose("mine"));
  fill(by("other"), systems, chosen.other, choose("other"));
  fill(by("also"), [["", "none"], ...systems], "", choose("also"));
  for (const [id, words] of [["outcome", OUTCOMES], ["order", ORDERS]]) {
    fill(by(id), Object.keys(words).map((each) => [each, words[each][0]]), chosen[id],
      choose(id));
  }
  by("search").addEventListener("input", () => choose("search")(by("search").value));
  by("clear").addEventListener("click", () => {
    for (const kind of [...FILTERS, "search"]) chosen[kind] = "";
    Object.assign(chosen, { set: "all", outcome: "all" });
    for (const kind of FILTERS) by(`filter-${kind}`).value = "";
    for (const id of ["search", "set", "outcome"]) by(id).value = chosen[id];
    filter();
  });
  const turn = (pages) => {
    const place = Math.floor(found.indexOf(at) / ROWS_A_PAGE) + pages;
    go(found[place * ROWS_A_PAGE]);
  };
  by("page-back").addEventListener("click", () => turn(-1));
  by("page-next").addEventListener("click", () => turn(1));
  filter();
}

const capital = (kind) => kind[0].toUpperCase() + kind.slice(1).replace("_", " ");

function choose(name) {
  return (value) => {
    chosen[name] = value;
    filter();
  };
}
