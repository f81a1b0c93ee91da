// The protocol editor saves as it is typed. One request at a time, so that a save never overtakes another; what could not
// be sent stays in this browser until it is. Without this script the buttons do the same with whole pages.
const WAIT = 900; // milliseconds after the last key
const LONGEST_WAIT = 30000;
let timer = 0;
let busy = false;
let dirty = false;
let failures = 0;
let paused = false; // two people edited: the person decides first
const typedSince = new Map();

const editor = () => document.getElementById("editor");
const key = () => `cw-draft-${editor().dataset.code}`;

function say(words, wrong = false) {
  for (const line of document.querySelectorAll("[data-save-line], [data-save-words]")) {
    if (line.textContent !== words) line.textContent = words;
    line.classList.toggle("not-saved", wrong);
  }
}

function token() {
  return document.cookie.match(/(?:^|; )(?:__Host-csrf|csrf)=([^;]+)/)?.[1] ?? editor().elements.csrfmiddlewaretoken.value;
}

function keepHere() {
  try { localStorage.setItem(key(), JSON.stringify([...new FormData(editor())].filter(([name]) => name !== "csrfmiddlewaretoken"))); } catch { /* full or forbidden */ }
}

function schedule(delay = WAIT) {
  clearTimeout(timer);
  timer = setTimeout(() => send("autosave"), delay);
}

async function send(act, entries = null) {
  if (busy) {
    if (act === "autosave") return schedule();
    await new Promise((done) => document.addEventListener("cw:draft-idle", done, { once: true }));
    return send(act, entries);
  }
  if (paused && act === "autosave") return;
  clearTimeout(timer);
  busy = true;
  dirty = false;
  typedSince.clear();
  const body = entries ?? new FormData(editor());
  body.set("act", act);
  try {
    const answer = await fetch(editor().action, {
      method: "POST", body, headers: { "HX-Request": "true", "X-CSRFToken": token() }, signal: AbortSignal.timeout(20000),
    });
    if (answer.redirected || answer.status >= 500) throw new Error(answer.redirected ? "signed out" : "server");
    received(act, answer, await answer.text());
  } catch (error) {
    lost(error);
  } finally {
    busy = false;
    document.dispatchEvent(new Event("cw:draft-idle"));
  }
}

function lost(error) {
  dirty = true;
  failures += 1;
  keepHere();
  const why = error.message === "signed out" ? "You are signed out: sign in again in another tab."
    : error.message === "server" ? "The server did not answer." : "Offline.";
  say(`Not saved. ${why} Kept in this browser; trying again.`, true);
  schedule(Math.min(LONGEST_WAIT, 1000 * 2 ** failures));
}

function received(act, answer, html) {
  failures = 0;
  if (![200, 412, 422].includes(answer.status)) {
    keepHere();
    return say("Not saved. This draft cannot be changed any more. What you typed is kept in this browser.", true);
  }
  const fresh = new DOMParser().parseFromString(html, "text/html");
  if (answer.ok) localStorage.removeItem(key()); else keepHere();
  paused = answer.status === 412;
  if (act === "autosave") showState(fresh, answer.ok);
  else showAll(fresh);
  if (answer.ok) {
    document.getElementById("unsent").hidden = true;
    document.body.dispatchEvent(new Event("cw:draft-saved"));
  }
  if (dirty && !paused) schedule();
}

function showState(fresh, ok) {
  const next = fresh.getElementById("draft-state");
  if (!next) return;
  const opened = [...document.querySelectorAll("#draft-state details")].map((one) => one.open);
  const focused = document.activeElement?.closest("#draft-state");
  if (ok) editor().elements.version.value = next.dataset.version;
  if (!focused || !ok) document.getElementById("draft-state").replaceWith(next);
  [...next.querySelectorAll("details")].forEach((one, place) => { if (opened[place]) one.open = true; });
  say(next.querySelector("[data-save-words]").textContent, !ok);
  markBoxes(next);
}

// The same words beside the box as the server draws there.
function markBoxes(state) {
  for (const one of editor().querySelectorAll("[data-live-error]")) one.remove();
  for (const field of editor().querySelectorAll(".field-invalid")) {
    field.classList.remove("field-invalid");
    field.querySelectorAll("[id$='_error']").forEach((one) => one.remove());
    field.querySelectorAll("[aria-invalid]").forEach((one) => one.removeAttribute("aria-invalid"));
  }
  for (const item of state.querySelectorAll("[data-box]")) {
    const box = document.getElementById(item.dataset.box) ?? document.getElementById(`${item.dataset.box}_0`);
    const field = box?.closest(".field");
    if (!field) continue;
    const note = document.createElement("p");
    note.className = "field-error";
    note.dataset.liveError = "";
    note.id = `${box.id}_live`;
    note.textContent = item.dataset.words;
    field.classList.add("field-invalid");
    box.setAttribute("aria-invalid", "true");
    box.setAttribute("aria-describedby", [...new Set([...(box.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => id && !id.endsWith("_live")), note.id])].join(" "));
    (field.querySelector("fieldset") ?? field).insertBefore(note, (field.querySelector("fieldset") ?? field).querySelector(".choices, .input-unit, input, select, textarea"));
  }
}

function showAll(fresh) {
  const next = fresh.getElementById("editor");
  if (!next) return;
  const open = [...editor().querySelectorAll("details[id][open]")].map((one) => one.id);
  const typed = new Map(typedSince);
  editor().replaceWith(next);
  for (const id of open) { const one = document.getElementById(id); if (one) one.open = true; }
  for (const [name, value] of typed) { const box = next.elements.namedItem(name); if (box && "value" in box) box.value = value; }
  if (typed.size) { dirty = true; schedule(); }
  const target = document.getElementById(next.dataset.focus);
  if (!target) return;
  for (let row = target.closest("details"); row; row = row.parentElement.closest("details")) row.open = true;
  (target.matches("details") ? target.querySelector("summary") : target).focus();
}

document.addEventListener("input", (event) => {
  const box = event.target;
  if (!box.name || !box.closest("#editor") || editor().hasAttribute("data-merge")) return;
  dirty = true;
  if (busy && !["checkbox", "radio"].includes(box.type)) typedSince.set(box.name, box.value);
  const head = document.querySelector(`[data-head-of="${CSS.escape(box.id)}"]`);
  if (head && box.value) head.textContent = box.matches("select") ? box.selectedOptions[0].textContent : box.value;
  if (paused) return keepHere();
  say("Not saved yet…");
  schedule();
});

document.addEventListener("submit", (event) => {
  if (event.target.id !== "editor") return;
  event.preventDefault();
  send(event.submitter?.value ?? "save");
});

// A link to a box inside a closed row opens the row first.
document.addEventListener("click", (event) => {
  const link = event.target.closest("#draft-state a[href^='#']");
  if (!link) return;
  const target = document.getElementById(decodeURIComponent(link.hash.slice(1)));
  if (!target) return;
  event.preventDefault();
  for (let row = target.closest("details"); row; row = row.parentElement.closest("details")) row.open = true;
  target.scrollIntoView({ block: "center" });
  target.focus();
});

window.addEventListener("online", () => { if (dirty) send("autosave"); });
window.addEventListener("beforeunload", (event) => { if (dirty || busy) event.preventDefault(); });

const kept = localStorage.getItem(key());
if (kept) {
  const bar = document.getElementById("unsent");
  bar.hidden = false;
  document.getElementById("unsent-drop").addEventListener("click", () => { localStorage.removeItem(key()); bar.hidden = true; });
  document.getElementById("unsent-put").addEventListener("click", () => {
    const body = new FormData();
    for (const [name, value] of JSON.parse(kept)) body.append(name, value);
    send("save", body);
  });
}
