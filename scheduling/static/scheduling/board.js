// The board is read again every 20 seconds. What a person has opened or ticked survives that; when nobody answers, the board
// is greyed and says of when it is, until it is refreshed again.
const STALE_MS = 50_000; // two refreshes were missed
const board = () => document.querySelector("#board-live[data-board]");
let refreshed = performance.now();
let opened = [];
let ticked = [];

function grey(why) {
  const live = board();
  if (!live) return;
  live.classList.add("board-stale-now");
  const line = document.getElementById("board-stale");
  const words = `${why} The board is as of ${live.dataset.at}.`;
  if (line.textContent !== words) line.textContent = words;
  line.hidden = false;
}

function fresh() {
  refreshed = performance.now();
  board()?.classList.remove("board-stale-now");
  const line = document.getElementById("board-stale");
  if (line) line.hidden = true;
}

const ours = (event) => event.detail?.ctx?.sourceElement?.id === "board-live";

document.addEventListener("htmx:before:swap", (event) => {
  if (!ours(event)) return;
  opened = [...document.querySelectorAll("#board-live details[open][id]")].map((item) => item.id);
  ticked = [...document.querySelectorAll("#board-live input:checked[id]")].map((item) => item.id);
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
setInterval(() => { if (performance.now() - refreshed > STALE_MS) grey("No answer from the server."); }, 5_000);
if (!navigator.onLine) grey("No connection.");
