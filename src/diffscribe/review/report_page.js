// The three views and their keys; the address names the view, and the sample.
const VIEWS = ["overview", "samples", "votes"];
let view = "overview";

function show(next) {
  if (next !== view) scrollTo(0, 0);
  view = next;
  for (const each of VIEWS) by(each).hidden = each !== view;
  by("bar").hidden = view !== "votes";
  document.body.classList.toggle("voting", view === "votes");
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
  const number = id
    ? report.samples.findIndex((each) => each.id.startsWith(decodeURIComponent(id))) : -1;
  if (number >= 0 && found.includes(number)) go(number);
  show(VIEWS.includes(name) ? name : "overview");
}

const EVERYWHERE = {
  o: () => show("overview"), s: () => show("samples"), v: () => show("votes"),
};
const KEYS = {
  overview: {},
  samples: {
    j: () => step(1), ArrowRight: () => step(1),
    k: () => step(-1), ArrowLeft: () => step(-1),
    "/": () => by("search").focus(),
  },
  votes: {
    ...Object.fromEntries(Object.entries(CHOICES).map(([key, choice]) =>
      [key, () => decide(choice)])),
    ...Object.fromEntries(AXES.map((axis, number) =>
      [number + 1, () => turnAxis(axis)])),
    j: () => showBallot(place + 1), ArrowRight: () => showBallot(place + 1),
    k: () => showBallot(place - 1), ArrowLeft: () => showBallot(place - 1),
    u: undoVote, e: exportVotes,
  },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (["INPUT", "SELECT"].includes(event.target.tagName)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const keys = { ...EVERYWHERE, ...KEYS[view] };
  if (Object.hasOwn(keys, event.key)) {
    event.preventDefault();
    keys[event.key]();
    remember();
  }
});
for (const button of by("views").children) {
  button.addEventListener("click", () => show(button.dataset.view));
}
for (const button of document.querySelectorAll("#bar [data-key]")) {
  button.addEventListener("click", () => KEYS.votes[button.dataset.key]());
}
startOverview();
startSamples();
startVotes();
follow();
addEventListener("hashchange", follow);
