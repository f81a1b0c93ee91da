// The week calendar: drag a card (it starts after 8 pixels) or pick it up with M, and drop it into the move dialog.
// Nothing moves before the dialog is answered; the server judges everything again.
const THRESHOLD = 8;
const QUARTER = 15;
const REFRESH_MS = 15000;
let drag = null; // a card under the pointer, not necessarily moving yet
let held = null; // a card that was picked up: { card, lane, q, span, ghost }
let justDropped = false;

const live = () => document.getElementById("week-live");
const dialog = () => document.getElementById("move-dialog");
const lanes = () => [...document.querySelectorAll(".cal-slots")];
const rows = (lane) => Number(lane.dataset.rows);

function say(words) {
  const box = document.getElementById("week-says");
  if (box) box.textContent = words;
}

function clock(lane, q) {
  const minutes = Number(lane.dataset.firstHour) * 60 + (q - 1) * QUARTER;
  return `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
}

function place(lane, q) {
  held.lane = lane;
  held.q = Math.min(Math.max(q, 1), Math.max(rows(lane) - held.span + 1, 1));
  held.ghost.style.gridRow = `${held.q} / span ${held.span}`;
  held.ghost.textContent = clock(lane, held.q);
  if (held.ghost.parentElement !== lane) lane.append(held.ghost);
  say(`${lane.dataset.dayWords} ${clock(lane, held.q)}, ${lane.dataset.name}`);
}

async function shade(card) {
  const answer = await fetch(`${live().dataset.limits}&visit=${card.dataset.visit}`, { headers: { Accept: "application/json" } });
  if (!answer.ok || held?.card !== card) return;
  const { days } = await answer.json();
  for (const lane of lanes()) {
    for (const part of days[lane.dataset.day] ?? []) {
      const item = document.createElement("li");
      item.className = `cal-shade shade-${part.kind}`;
      item.setAttribute("aria-hidden", "true");
      item.style.gridRow = `${part.q} / span ${part.s}`;
      lane.prepend(item);
    }
  }
}

function pickUp(card) {
  const item = card.closest(".cal-card");
  const ghost = document.createElement("li");
  ghost.className = "cal-ghost";
  ghost.setAttribute("aria-hidden", "true");
  held = { card, ghost, lane: null, q: 0, span: Number(item.dataset.span), from: Number(item.dataset.q) };
  item.classList.add("is-held");
  document.body.classList.add("week-holds");
  place(card.closest(".cal-slots"), held.from);
  shade(card);
}

function letGo(words = "") {
  if (!held) return;
  held.ghost.remove();
  for (const one of document.querySelectorAll(".cal-shade")) one.remove();
  for (const one of document.querySelectorAll(".is-held")) one.classList.remove("is-held");
  document.body.classList.remove("week-holds");
  held = null;
  if (words) say(words);
}

async function drop() {
  const { card, lane, q } = held;
  const address = new URL(card.dataset.move, location.href);
  const start = `${lane.dataset.day}T${clock(lane, q)}`;
  letGo();
  address.searchParams.set("wall", start);
  address.searchParams.set("chair", lane.dataset.chair);
  address.searchParams.set("week", lane.dataset.day);
  const answer = await fetch(address, { headers: { "HX-Request": "true" } });
  if (!answer.ok) { location.href = address; return; }
  const inside = document.getElementById("move-dialog-inside");
  inside.innerHTML = await answer.text();
  window.htmx?.process(inside);
  const box = dialog();
  box.addEventListener("close", () => document.getElementById(card.id)?.focus(), { once: true });
  box.showModal();
}

function quarterAt(lane, y) {
  const box = lane.getBoundingClientRect();
  return Math.floor(((y - box.top) / box.height) * rows(lane)) + 1;
}

document.addEventListener("pointerdown", (event) => {
  const card = event.target.closest?.("[data-move]");
  if (!card || event.button !== 0 || event.pointerType === "touch") return;
  const box = card.closest(".cal-card").getBoundingClientRect();
  drag = { card, x: event.clientX, y: event.clientY, inside: event.clientY - box.top };
});

document.addEventListener("pointermove", (event) => {
  if (!drag) return;
  if (!held) {
    if (drag.moved || Math.hypot(event.clientX - drag.x, event.clientY - drag.y) < THRESHOLD) return; // moved and not held: left by Escape
    drag.moved = true;
    pickUp(drag.card);
  }
  const under = document.elementsFromPoint(event.clientX, event.clientY);
  const lane = under.map((one) => one.closest(".cal-slots")).find((one) => one);
  if (lane) place(lane, quarterAt(lane, event.clientY - drag.inside + 6));
  event.preventDefault();
});

document.addEventListener("pointerup", () => {
  const moved = drag?.moved;
  drag = null;
  if (!moved) return;
  justDropped = true; // the click that follows is part of the drag, dropped or left
  setTimeout(() => { justDropped = false; }, 0);
  if (held) drop();
});
document.addEventListener("pointercancel", () => { drag = null; letGo(); });
document.addEventListener("dragstart", (event) => { if (event.target.closest?.("[data-move]")) event.preventDefault(); });
document.addEventListener("click", (event) => {
  if (!justDropped) return;
  event.preventDefault();
  event.stopPropagation();
}, true);

// Without a held card the arrows go from card to card: up and down in a chair, left and right between chairs.
function neighbour(card, key) {
  const all = lanes().filter((lane) => lane.querySelector(".cal-card a"));
  const lane = card.closest(".cal-slots");
  const cards = [...lane.querySelectorAll(".cal-card a")];
  const at = cards.indexOf(card);
  if (key === "ArrowDown") return cards[at + 1];
  if (key === "ArrowUp") return cards[at - 1];
  const next = all[all.indexOf(lane) + (key === "ArrowRight" ? 1 : -1)];
  if (!next) return null;
  const q = Number(card.closest(".cal-card").dataset.q);
  const far = (one) => Math.abs(Number(one.closest(".cal-card").dataset.q) - q);
  return [...next.querySelectorAll(".cal-card a")].sort((one, other) => far(one) - far(other))[0];
}

function onHeldKey(event) {
  const all = lanes();
  const step = event.shiftKey ? 4 : 1;
  const at = all.indexOf(held.lane);
  if (event.key === "ArrowDown") place(held.lane, held.q + step);
  else if (event.key === "ArrowUp") place(held.lane, held.q - step);
  else if (event.key === "ArrowRight") place(all[Math.min(at + 1, all.length - 1)], held.q);
  else if (event.key === "ArrowLeft") place(all[Math.max(at - 1, 0)], held.q);
  else if (event.key === "Enter" || event.key === " ") drop();
  else if (event.key === "Escape") letGo("Left where it is.");
  else if (event.key === "Tab") { letGo("Left where it is."); return; }
  else return;
  event.preventDefault();
  event.stopPropagation();
}

document.addEventListener("keydown", (event) => {
  if (held) { onHeldKey(event); return; }
  const card = event.target.closest?.(".cal-card a");
  if (!card || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key.toLowerCase() === "m" && card.dataset.move) {
    event.preventDefault();
    event.stopPropagation();
    pickUp(card);
  } else if (event.key.startsWith("Arrow")) {
    const next = neighbour(card, event.key);
    if (!next) return;
    event.preventDefault();
    next.focus();
  }
}, true);

// A week wider than the screen opens at today.
const wrap = document.querySelector(".cal-wrap");
const today = document.querySelector(".cal-day.is-today");
if (wrap && today && wrap.scrollWidth > wrap.clientWidth) wrap.scrollLeft = today.offsetLeft - wrap.offsetLeft - 60;

// What others do appears by itself, but never under a card that is being moved or behind an open dialog.
setInterval(() => {
  if (held || drag || dialog()?.open || document.hidden) return;
  live()?.dispatchEvent(new CustomEvent("week-refresh", { bubbles: true }));
}, REFRESH_MS);
