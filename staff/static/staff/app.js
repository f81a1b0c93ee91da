// What every page does in the browser. Pages work without it; it only saves steps.
import { startCountdowns } from "./countdown.js";
import { flash } from "./flash.js";
import { startShortcuts } from "./shortcuts.js";

const root = document.documentElement;

// Things that would do nothing without scripts are hidden until now.
function reveal(scope) {
  for (const element of scope.querySelectorAll("[data-needs-script], [data-theme-toggle]")) element.hidden = false;
}

// An error summary takes the focus, so that it is read out first and its links are the next stop; the title says it too.
function focusErrors() {
  const summary = document.querySelector("[data-error-summary]");
  const plain = document.title.replace(/^Error: /, "");
  document.title = summary ? `Error: ${plain}` : plain;
  summary?.focus();
}

function nextTheme() {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  return dark ? "light" : "dark";
}

// The server reads the cookie and writes data-theme itself: no flash of the other theme, and no inline script.
function toggleTheme() {
  root.dataset.theme = nextTheme();
  document.cookie = `cw_theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
}

// Pump times are noted a little late: -1, -5, -10 minutes from what stands in the box.
function nudge(button) {
  const box = document.getElementById(button.dataset.for);
  const typed = new Date(`${box.value}Z`); // read and written as UTC: only the wall clock moves
  if (Number.isNaN(typed.getTime())) return;
  typed.setUTCMinutes(typed.getUTCMinutes() - Number(button.dataset.nudge));
  box.value = typed.toISOString().slice(0, box.step === "1" ? 19 : 16);
  box.dispatchEvent(new Event("change", { bubbles: true }));
}

function onClick(event) {
  const target = event.target;
  const opener = target.closest("[data-dialog-open]");
  if (opener) return document.getElementById(opener.dataset.dialogOpen)?.showModal();
  if (target.closest("[data-dialog-close]")) return target.closest("dialog").close();
  if (target.closest("[data-dismiss]")) return target.closest("[data-flash]").remove();
  if (target.closest("[data-theme-toggle]")) return toggleTheme();
  const nudger = target.closest("[data-nudge]");
  if (nudger) return nudge(nudger);
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(target)) menu.open = false;
  }
}

// Some forms have several buttons and none is the one that Enter means: their first one is disabled. Browsers honour that
// in text boxes only; from a box for time, or a choice, Chromium presses the next button, which may stop a pump.
function onEnter(event) {
  if (event.key !== "Enter" || !event.target.matches?.("input, select")) return;
  if (event.target.form?.querySelector("button")?.matches("[disabled][hidden]")) event.preventDefault();
}

function onEscape(event) {
  if (event.key !== "Escape") return;
  const menu = document.querySelector("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
}

// htmx: 4xx forms are swapped in; these are not, so say what happened. Nothing typed is lost.
const REFUSALS = {
  401: "You are signed out. Sign in again in another tab, then press the button once more.",
  403: "You may not do this. Nothing was changed.",
  404: "This is no longer here, or not yours to see. Nothing was changed.",
  413: "What was sent is too long. Nothing was changed, and what you typed is still here. Shorten it.",
};

function onResponse(event) {
  const { response } = event.detail.ctx;
  const status = response.status;
  if (!REFUSALS[status] && status < 500) return;
  const reference = response.headers.get("X-Request-Reference");
  const words = REFUSALS[status] ?? "Something went wrong on the server. Nothing was changed. Try again.";
  flash("error", reference ? `${words} Reference ${reference}.` : words);
}

// Signing in again in another tab changes the form token: send today's, so that what is typed here can still be saved.
function freshenToken(event) {
  const token = document.cookie.match(/(?:^|; )(?:__Host-csrf|csrf)=([^;]+)/)?.[1];
  const { request } = event.detail.ctx;
  if (!token) return;
  request.headers["X-CSRFToken"] = token;
  if (request.body?.has?.("csrfmiddlewaretoken")) request.body.set("csrfmiddlewaretoken", token);
}

// A redirect to the sign-in page must not be drawn into a corner of this one.
function onBeforeSwap(event) {
  const raw = event.detail.ctx.response?.raw;
  if (!raw?.redirected || !new URL(raw.url).pathname.startsWith("/accounts/login")) return;
  event.preventDefault();
  flash("error", REFUSALS[401]);
}

// Who works by keyboard goes on from where they were: the same control drawn anew, or the one that it names.
let focused = "";
document.addEventListener("htmx:before:swap", () => {
  const here = document.activeElement;
  focused = here?.dataset.return || here?.id || "";
});
function returnFocus() {
  if (document.activeElement === document.body && focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

// While old and new form stand side by side in a swap, their radios are one group to the browser and the new choice is lost.
function keepChoices() {
  for (const box of document.querySelectorAll("input[type=radio][checked]")) {
    const group = [...document.getElementsByName(box.name)].filter((other) => other.form === box.form);
    if (!group.some((other) => other.checked)) box.checked = true;
  }
}

document.addEventListener("click", onClick);
document.addEventListener("keydown", onEscape);
document.addEventListener("keydown", onEnter, { capture: true });
document.addEventListener("htmx:config:request", freshenToken);
document.addEventListener("htmx:response:error", onResponse);
// A part that reads itself again says so itself (live.js).
document.addEventListener("htmx:error", (event) => event.detail?.ctx?.sourceElement?.matches?.("[data-live]") || flash("error", "No answer from the server. What you typed is still here. Try again."));
document.addEventListener("htmx:before:swap", onBeforeSwap);
document.addEventListener("htmx:after:swap", () => { keepChoices(); reveal(document); returnFocus(); focusErrors(); });
document.addEventListener("cw:flash", (event) => flash(event.detail.tone ?? "success", event.detail.text));

// What a record kept on this device belongs to whoever is signed in: gone when they sign out, and before anybody signs in.
function forgetDrafts() {
  for (const name of Object.keys(sessionStorage)) if (name.startsWith("cw-draft:")) sessionStorage.removeItem(name);
}

document.addEventListener("submit", (event) => { if (/\/accounts\/logout\//.test(event.target.action)) forgetDrafts(); });
if (/^\/accounts\/(login|logout)\//.test(location.pathname)) forgetDrafts();
reveal(document);
focusErrors();
startCountdowns();
startShortcuts();
