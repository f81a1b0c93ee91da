// The record page: what was typed, opened or focused survives a swap, and nudges start from the clinic's present time.
import { clinicNow } from "./clinic_now.js";

const state = { typed: new Map(), open: new Set(), focus: "", place: "", top: 0 };
const record = () => document.getElementById("record");

// Values a person has changed, by the id of their box. The form that was sent is left out: the answer decides about it.
function remember(sent, saved) {
  state.typed.clear();
  for (const box of record()?.querySelectorAll("input[id], textarea[id], select[id]") ?? []) {
    const typed = box.matches("[type=radio], [type=checkbox]") ? box.checked !== box.defaultChecked : box.value !== box.defaultValue;
    if (typed && box.type !== "hidden" && box.type !== "password" && !sent?.contains(box)) state.typed.set(box.id, box.type === "radio" || box.type === "checkbox" ? box.checked : box.value);
  }
  // The fold of what was saved has done its work; the one of the vitals is typed into again and again.
  const done = (item) => saved && !sent?.dataset.refocus && (sent?.contains(item) || item.contains(sent));
  state.open = new Set([...(record()?.querySelectorAll("details[open][id]") ?? [])].filter((item) => !done(item)).map((item) => item.id));
  state.focus = sent?.dataset.refocus ?? document.activeElement?.id ?? "";
  const place = sent?.parentElement?.closest("[id]") ?? record();
  state.place = place.id;
  state.top = place.getBoundingClientRect().top;
}

function restore() {
  for (const [id, value] of state.typed) {
    const box = document.getElementById(id);
    if (box) typeof value === "boolean" ? (box.checked = value) : (box.value = value);
  }
  for (const id of state.open) document.getElementById(id)?.setAttribute("open", "");
  if (!record()?.querySelector("[data-error-summary]")) goOn();
}

// Where somebody pressed stays under their hand, and the focus stays there: the button that was pressed may be gone.
const PRESSABLE = "button:not([disabled]), summary, a[href], input:not([type=hidden]), select, textarea";
function goOn() {
  const place = document.getElementById(state.place);
  const next = document.getElementById(state.focus) ?? (state.place === "record" ? null : place?.querySelector(PRESSABLE));
  next?.focus({ preventScroll: true });
  if (place) window.scrollBy({ top: place.getBoundingClientRect().top - state.top, behavior: "instant" });
}

// An empty time box means now. Before "5 minutes earlier" can be told, it gets the present wall clock of the clinic.
function fillNow(event) {
  const button = event.target.closest("[data-nudge]");
  const box = button && document.getElementById(button.dataset.for);
  if (box && !box.value) box.value = clinicNow(box.step === "1");
}

// Nobody answered: when the button is pressed again, "now" would be too late. The time of this press is kept in the box.
function keepTime(event) {
  const box = event.detail?.ctx?.sourceElement?.closest?.("form")?.querySelector("input[name=observed_at]:not([type=hidden])");
  if (!box || box.value) return;
  box.value = clinicNow(box.step === "1");
  box.closest("details")?.setAttribute("open", "");
}

document.addEventListener("htmx:error", keepTime);
document.addEventListener("htmx:response:error", (event) => { if (event.detail.ctx.response?.status >= 500) keepTime(event); });
document.addEventListener("click", fillNow, { capture: true });
document.addEventListener("htmx:before:swap", (event) => {
  const { ctx } = event.detail;
  if (ctx.target?.id === "record" || ctx.target === record()) remember(ctx.sourceElement?.closest("form"), ctx.response?.status < 400);
});
document.addEventListener("htmx:after:swap", () => {
  if (!state.place) return;
  restore();
  state.typed.clear();
  state.open.clear();
  state.focus = state.place = "";
});
