// The third view: two answers without names, and what the voter says of them.
const FORMAT = "diffscribe votes 1";
const AXES = ["accuracy", "specificity", "brevity", "type"];
const CHOICES = { a: "first", t: "tie", b: "second" };
const TURNS = [undefined, "first", "tie", "second"];
const WORDS = { first: "A", tie: "tie", second: "B" };
const numberOfId = new Map(report.samples.map((each, number) => [each.id, number]));
const pairs = [...new Set(report.ballots.map(({ first, second }) =>
  [first, second].sort().join("\n")))];
const votes = new Map();
let canKeep = true;
let pair = pairs[0];
let place = 0;

const ballotsOfPair = () => report.ballots.filter(({ first, second }) =>
  [first, second].sort().join("\n") === pair);
const ballot = () => ballotsOfPair()[place];
const voteOf = (each) => votes.get(each.ballot) ?? { axes: {} };
const keyOf = (digest) => `diffscribe votes ${digest}`;
const isChoice = (each) => each === undefined || TURNS.includes(each);

function loadVotes() {
  for (const { ballot: digest } of report.ballots) {
    try {
      const kept = JSON.parse(localStorage.getItem(keyOf(digest)));
      if (kept === null || typeof kept !== "object") continue;
      const axes = Object.fromEntries(AXES.map((axis) => [axis, kept.axes?.[axis]])
        .filter(([, each]) => each !== undefined));
      if ([kept.choice, ...Object.values(axes)].every(isChoice)) {
        votes.set(digest, { choice: kept.choice, axes });
      }
    } catch (error) {
      if (!(error instanceof SyntaxError)) canKeep = false;
    }
  }
}

function keepVote(vote) {
  const { ballot: digest } = ballot();
  if (vote) votes.set(digest, vote);
  else votes.delete(digest);
  try {
    if (vote) localStorage.setItem(keyOf(digest), JSON.stringify(vote));
    else localStorage.removeItem(keyOf(digest));
  } catch {
    canKeep = false;
  }
  showVote();
}

function decide(choice) {
  if (!ballot()) return;
  keepVote({ ...voteOf(ballot()), choice });
  const all = ballotsOfPair();
  const order = [...all.slice(place + 1), ...all.slice(0, place)];
  const open = order.find((each) => !voteOf(each).choice);
  if (open) showBallot(all.indexOf(open));
}

function turnAxis(axis) {
  if (!ballot()) return;
  const vote = voteOf(ballot());
  const next = TURNS[(TURNS.indexOf(vote.axes[axis]) + 1) % TURNS.length];
  const axes = { ...vote.axes, [axis]: next };
  if (!next) delete axes[axis];
  keepVote({ ...vote, axes });
}

function undoVote() {
  if (ballot()) keepVote(null);
}

function exportVotes() {
  const said = report.ballots.filter((each) => voteOf(each).choice)
    .map((each) => ({ ...each, ...votes.get(each.ballot) }));
  if (!said.length) return tellVotes("Nothing to export: no case is decided yet.");
  saveJson("votes.json", { format: FORMAT, voter: "person", votes: said });
  tellVotes(`${said.length} votes are in votes.json. Count them: ` +
    "python scripts/bench.py votes path/to/votes.json");
}

const tellVotes = (text) => by("status").replaceChildren(...seen(text));

function showBallot(next) {
  const all = ballotsOfPair();
  place = Math.min(Math.max(next, 0), Math.max(all.length - 1, 0));
  by("ballot").replaceChildren();
  by("ballot-sample").replaceChildren();
  if (ballot()) {
    const number = numberOfId.get(ballot().sample_id);
    const whole = wholeOf(number);
    const answers = [["first", "a"], ["second", "b"]].map(([side, letter]) =>
      blind(answerOf(whole, ballot()[side], letter), WORDS[side]));
    const [one, other] = answers.map(({ plan, text }) => JSON.stringify([plan, text]));
    by("ballot").append(`Case ${place + 1} of ${all.length}`, make("small", "",
      ` ${report.samples[number].repository[0]} · ${whole.files.length} files`));
    by("ballot-sample").append(
      one === other ? make("p", "none", "A and B are the same: a tie") : "",
      make("div", "plans", ...answers.map(planCard)),
      make("h3", "", "Diff"), ...diffOf(filesOf(whole, answers)),
      make("p", "note", `.gitignore had: ${whole.gitignore.join(" ") || "nothing"}`));
    if (by("ballot").getBoundingClientRect().top < 0) by("ballot").scrollIntoView();
  }
  showVote();
}

// Time, tokens, reasons and what stands around a plan would tell who answered.
function blind({ letter, plan, text }, name) {
  return { name, letter, plan, error: "not readable as one", text: plan ? null : text };
}

function showVote() {
  const now = ballot() ? voteOf(ballot()) : { axes: {} };
  for (const button of by("axes").children) {
    const said = now.axes[button.dataset.axis];
    button.lastChild.replaceWith(said ? ` ${WORDS[said]}` : " –");
    button.setAttribute("aria-pressed", String(Boolean(said)));
  }
  for (const [key, choice] of Object.entries(CHOICES)) {
    by("bar").querySelector(`[data-key="${key}"]`)
      .setAttribute("aria-pressed", String(now.choice === choice));
  }
  const all = ballotsOfPair();
  const decided = all.filter((each) => voteOf(each).choice).length;
  const begun = all.filter((each) => votes.has(each.ballot)).length - decided;
  tellVotes(`${decided} of ${all.length} decided` +
    (begun ? `, ${begun} begun and not decided` : "") +
    (all.length && decided === all.length ? " · all decided: export with e" : "") +
    (canKeep ? "" : " · this browser keeps nothing for the page: export before you go"));
}

function startVotes() {
  AXES.forEach((axis, number) => {
    const button = make("button", "", make("kbd", "", String(number + 1)), ` ${axis}`,
      " –");
    button.dataset.axis = axis;
    button.addEventListener("click", () => turnAxis(axis));
    by("axes").append(button);
  });
  fill(by("pair"), pairs.map((each) => [each, each.split("\n").join(" and ")]), pair,
    (value) => {
      pair = value;
      showBallot(0);
    });
  loadVotes();
  const open = ballotsOfPair().findIndex((each) => !voteOf(each).choice);
  place = Math.max(open, 0);
}
