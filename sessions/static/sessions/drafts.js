// What is typed on the record is kept on this device while the page is open or the connection is gone, and the note is saved
// on the server while it is written. Signing out, and every sign-in page, clears it (staff/app.js).
import { clinicNow } from "./clinic_now.js";

const PREFIX = "cw-draft:";
const key = () => `${PREFIX}${location.pathname}`;
const record = () => document.getElementById("record");
const note = () => document.getElementById("offline-note");

function boxes() {
  return [...(record()?.querySelectorAll("form input[id], form textarea[id], form select[id]") ?? [])].filter(
    (box) => !["hidden", "password", "checkbox", "radio"].includes(box.type),
  );
}

function keep() {
  const typed = {};
  for (const box of boxes()) if (box.value && box.value !== initial(box)) typed[box.id] = box.value;
  try {
    if (Object.keys(typed).length) sessionStorage.setItem(key(), JSON.stringify({ typed, at: clinicNow() }));
    else sessionStorage.removeItem(key());
  } catch {
    say("This is too long to be kept on this device. Shorten it.");
  }
}

function initial(box) {
  if (box.tagName !== "SELECT") return box.defaultValue;
  return [...box.options].find((option) => option.defaultSelected)?.value ?? "";
}

function bringBack() {
  const { typed = {}, at = "" } = JSON.parse(sessionStorage.getItem(key()) ?? "{}");
  let found = 0;
  for (const [id, value] of Object.entries(typed)) {
    const box = document.getElementById(id);
    if (!box || box.value === value || (box.value && box.value !== initial(box))) continue;
    box.value = value;
    box.closest("details")?.setAttribute("open", "");
    timeOf(box, at);
    found += 1;
  }
  if (found) say(`What you typed${at ? ` at ${at.slice(11)}` : " before"} is back. It is not saved yet.`);
}

// What was measured then is not measured now: its time box says when it was typed.
function timeOf(box, at) {
  const time = box.form?.querySelector("input[name=observed_at]:not([type=hidden])");
  if (!time || time.value || !at || at === clinicNow()) return;
  time.value = at;
  time.closest("details")?.setAttribute("open", "");
}

function say(words) {
  const line = note();
  if (!line) return;
  line.textContent = words;
  line.hidden = !words;
}

const OFFLINE = "No connection. What you typed is kept on this device until you sign out.";
let timer = 0;

async function autosave(form) {
  const line = record()?.querySelector("[data-autosaved]");
  try {
    const answer = await fetch(form.dataset.autosave, { method: "POST", body: new FormData(form), credentials: "same-origin" });
    const result = answer.headers.get("Content-Type")?.includes("json") ? await answer.json() : {};
    const refused = result.errors?.text?.[0];
    if (line) line.textContent = result.saved ? `Draft saved ${result.at}` : refused ? `Not saved. ${refused}` : "Draft kept on this device only";
  } catch {
    say(OFFLINE);
    if (line) line.textContent = "Draft kept on this device only";
  }
}

document.addEventListener("input", (event) => {
  if (!record()?.contains(event.target)) return;
  keep();
  const form = event.target.closest("[data-autosave]");
  if (!form) return;
  clearTimeout(timer);
  timer = setTimeout(() => autosave(form), 2000);
});
// What is being sent needs no draft; parts that load by themselves must not stop one.
document.addEventListener("htmx:before:request", (event) => {
  if (event.detail.ctx?.request?.method?.toUpperCase() !== "GET") clearTimeout(timer);
});
// Only an answer to the record itself says that something was saved; parts that load by themselves change nothing typed.
document.addEventListener("htmx:after:swap", (event) => {
  if (navigator.onLine && event.detail.ctx?.target?.id === "record") say("");
  keep();
});
document.addEventListener("htmx:error", () => { keep(); say(OFFLINE); });
window.addEventListener("offline", () => say(OFFLINE));
window.addEventListener("online", () => say("The connection is back. Press the button again to save what you typed."));
bringBack();
if (!navigator.onLine) say(OFFLINE);
