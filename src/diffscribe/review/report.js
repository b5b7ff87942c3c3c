// Samples and blind votes of an evaluation's page; below page.js.
const report = JSON.parse(by("report").textContent);
const { measures, systems, samples, ballots } = report;
const TARGET = "target";
const MOST_ROWS = 200;
const sign = (name) => measures[name].better === "higher" ? 1 : -1;
const numberOf = (value, name) => value === null ? "-"
  : String(Math.round(100 * value / measures[name].high) || 0);
const cell = (tag, text, className = "") => make(tag, className, text);

// Samples: a list by filters, and one of them whole.
const OUTCOMES = {
  all: () => true,
  worse: (mine, other) => mine < other,
  better: (mine, other) => mine > other,
  equal: (mine, other) => mine === other,
};
let found = [];
let at = 0;

const valueOf = (sample, system) =>
  report.values[by("score").value][systems.indexOf(system)][sample];

// What both systems have by the score, more is better; null if either has no value.
function pairOf(sample) {
  const values = ["mine", "other"].map((id) => valueOf(sample, by(id).value));
  return values.includes(null) ? null
    : values.map((value) => sign(by("score").value) * value);
}

function isWanted({ title, repo, id, parts }, sample) {
  const text = `${title} ${repo} ${id}`.toLowerCase();
  const words = by("search").value.toLowerCase().split(/\s+/);
  const part = by("part").value;
  if (part && !parts.includes(Number(part))) return false;
  if (!words.every((word) => text.includes(word))) return false;
  const pair = pairOf(sample);
  return by("outcome").value === "all" || (pair && OUTCOMES[by("outcome").value](...pair));
}

function filter() {
  const [score, mine, other] = ["score", "mine", "other"].map((id) => by(id).value);
  const gap = (sample) => {
    const [one, two] = pairOf(sample);
    return Math.abs(one - two);
  };
  found = [...samples.keys()].filter((each) => isWanted(samples[each], each));
  if (by("outcome").value !== "all") found.sort((a, b) => gap(b) - gap(a) || a - b);
  if (!found.includes(at) && found.length) at = found[0];
  const pairs = found.map(pairOf).filter((each) => each);
  const count = (outcome) => pairs.filter((each) => OUTCOMES[outcome](...each)).length;
  const mean = (place) => pairs.length ? numberOf(sign(score) *
    pairs.reduce((total, each) => total + each[place], 0) / pairs.length, score) : "-";
  put("found", `${found.length} of ${samples.length} samples. ${score}: ${mine} ` +
    `${mean(0)}, ${other} ${mean(1)}; better on ${count("better")}, equal on ` +
    `${count("equal")}, worse on ${count("worse")}. You chose these samples, so the ` +
    "means have no interval and are no result." +
    (found.length > MOST_ROWS ? ` The first ${MOST_ROWS} are listed.` : ""));
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

const tableOf = (head, rows) => make("table", "scores", make("tr", "", ...head), ...rows);

function showList() {
  const score = by("score").value;
  put("list", tableOf([cell("th", "sample"), cell("th", "repository", "some"),
    cell("th", `${score} · a`, "n"), cell("th", "b", "n")],
  found.slice(0, MOST_ROWS).map((each) => {
    const button = make("button", "link", samples[each].title);
    button.addEventListener("click", () => go(each, true));
    const row = make("tr", "", make("td", "", button), cell("td", samples[each].repo, "some"),
      ...["other", "mine"].map((id) =>
        cell("td", numberOf(valueOf(each, by(id).value), score), "n")));
    row.setAttribute("aria-current", String(each === at));
    return row;
  })));
  // scrollIntoView would scroll the page too, away from the sample that is read.
  const current = by("list").querySelector("[aria-current=true]");
  if (current) by("list").scrollTop = current.offsetTop - by("list").clientHeight / 2;
}

// Parsed when it is shown, and let go with the next one, so that a thousand are light.
const wholeOf = (sample) => JSON.parse(by(`sample-${sample}`).textContent);

function showSample() {
  put("title");
  put("sample");
  if (!found.length) return;
  const { title, repo, languages, id } = samples[at];
  const whole = wholeOf(at);
  put("title", title, make("small", "", ` ${found.indexOf(at) + 1} of ${found.length} · ` +
    `${repo} · ${languages} · ${id.slice(0, 12)}`));
  const plans = [["a", by("other").value], ["b", by("mine").value], ["t", TARGET]]
    .map(([letter, system]) => ({ ...whole.plans[system], letter,
      name: `${letter} · ${system}` }));
  put("sample", make("div", "plans", ...plans.map(planCard)),
    make("div", "halves",
      make("div", "", make("h3", "", "Diff"), ...diffOf(whole, plans)),
      make("div", "", make("h3", "", "What the scorers said"),
        ...plans.slice(0, 2).map(findingsOf), scoresOf(plans.slice(0, 2)),
        make("section", "card", make("h2", "", "Messages of the history, and patterns " +
          "of .gitignore before the change"),
        ...whole.history.map((each, number) => commitOf(each, `h${number + 1}`)),
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

const scoresOf = (plans) => make("div", "wide", tableOf(
  [cell("th", "score"), ...plans.map(({ name }) => cell("th", name, "n"))],
  Object.keys(measures).map((name, place) => make("tr", "",
    make("th", "", name, make("small", "", ` ${measures[name].meaning}`)),
    ...plans.map(({ values }) => cell("td", numberOf(values[place], name), "n"))))));

// Blind votes: two plans without names, and what the voter says of them.
const AXES = ["accuracy", "specificity", "brevity", "type"];
const CHOICES = { a: "A", t: "tie", b: "B" };
const TURNS = [undefined, ...Object.values(CHOICES)];
const box = ballotBox(ballots, Object.values(CHOICES));
const pairName = (each) => [...each.systems].sort().join(" and ");
let place = 0;

const ballotsOfPair = () =>
  ballots.filter((each) => pairName(each) === by("pair").value);
const ballot = () => ballotsOfPair()[place];

function turnAxis(axis) {
  if (!ballot()) return;
  const vote = box.of(ballot());
  const next = TURNS[(TURNS.indexOf(vote.axes[axis]) + 1) % TURNS.length];
  const { [axis]: _, ...axes } = vote.axes;
  box.keep(ballot(), { ...vote, axes: next ? { ...axes, [axis]: next } : axes });
  showVote();
}

function showBallot(next) {
  const all = ballotsOfPair();
  place = Math.min(Math.max(next, 0), Math.max(all.length - 1, 0));
  put("ballot");
  put("ballot-sample");
  if (ballot()) {
    const { id, repo, systems } = ballot();
    const whole = wholeOf(samples.findIndex((each) => each.id === id));
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
  pressChoice(CHOICES, now.choice);
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
  by("pair").addEventListener("change", () => showBallot(0));
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
  const id = found.length ? samples[at].id.slice(0, 12) : "";
  // The slash keeps the browser from scrolling to the section of that name.
  const wanted = view === "samples" ? `#/samples/${encodeURIComponent(id)}` : `#/${view}`;
  if (location.hash !== wanted) history.replaceState(null, "", wanted);
}

function follow() {
  const [name, id] = location.hash.slice(2).split("/");
  const sample = id
    ? samples.findIndex((each) => each.id.startsWith(decodeURIComponent(id))) : -1;
  if (found.includes(sample)) go(sample);
  show(VIEWS.includes(name) ? name : "overview");
}

const KEYS = {
  overview: {},
  samples: { ...walk(step), "/": () => by("search").focus() },
  votes: {
    ...walk((by) => showBallot(place + by)),
    ...voteKeys(box, CHOICES, { ballots: ballotsOfPair, place: () => place,
      go: showBallot, show: showVote,
      then: "Count them: diffscribe votes path/to/votes.json" }),
    ...Object.fromEntries(AXES.map((axis, at) => [at + 1, () => turnAxis(axis)])),
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

for (const id of ["search", "part", "score", "mine", "other", "outcome"]) {
  by(id).addEventListener("input", filter);
}
filter();
startVotes();
listen(() => ({ ...EVERYWHERE, ...KEYS[view] }));
for (const button of by("views").children) {
  button.addEventListener("click", () => show(button.dataset.view));
}
follow();
addEventListener("hashchange", follow);
