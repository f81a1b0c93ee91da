// A page that reads itself again and again: what a person has opened or ticked in it survives that; when nobody answers, it
// is greyed and says of when it is, until it is refreshed again. The part that is read names itself: data-live="The board".
const MISSED = 2.5; // so many refreshes without an answer
const live = () => document.querySelector("[data-live]");
let refreshed = performance.now();
let opened = [];
let ticked = [];

function grey(why) {
  const part = live();
  if (!part) return;
  part.classList.add("live-stale-now");
  const line = part.querySelector("[data-live-stale]");
  const words = `${why} ${part.dataset.live} is as of ${part.dataset.at}.`;
  if (line.textContent !== words) line.textContent = words;
  line.hidden = false;
}

function fresh() {
  refreshed = performance.now();
  const part = live();
  if (!part) return;
  part.classList.remove("live-stale-now");
  part.querySelector("[data-live-stale]").hidden = true;
}

const every = () => Number(/(\d+)s/.exec(live()?.getAttribute("hx-trigger") ?? "")?.[1] ?? 20) * 1000;
const ours = (event) => event.detail?.ctx?.sourceElement?.matches?.("[data-live]");

document.addEventListener("htmx:before:swap", (event) => {
  if (!ours(event)) return;
  opened = [...live().querySelectorAll("details[open][id]")].map((item) => item.id);
  ticked = [...live().querySelectorAll("input:checked[id]")].map((item) => item.id);
});
document.addEventListener("htmx:after:swap", (event) => {
  if (!ours(event)) return;
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  for (const id of ticked) { const box = document.getElementById(id); if (box) box.checked = true; }
  fresh();
});
document.addEventListener("htmx:error", (event) => { if (ours(event)) grey("No answer from the server."); });
document.addEventListener("htmx:response:error", (event) => { if (ours(event)) grey("No answer from the server."); });
window.addEventListener("offline", () => grey("No connection."));
setInterval(() => { if (performance.now() - refreshed > MISSED * every()) grey("No answer from the server."); }, 5_000);
if (!navigator.onLine) grey("No connection.");
