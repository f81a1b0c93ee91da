// Single-key shortcuts: ? list, / search, g then a letter, j and k through rows, and the keys
// that the row in focus names. Off while typing, and they can be
// switched off on this device (WCAG 2.1.4).
const SETTING = "cw-shortcuts";
const CHAIN_MS = 1500;
let chainUntil = 0;

function typing(element) {
  return element?.closest("input, textarea, select, [contenteditable], dialog[open]") != null;
}

function stored() {
  try { return localStorage.getItem(SETTING); } catch { return null; }
}

function remember(on) {
  try { localStorage.setItem(SETTING, on ? "on" : "off"); } catch { /* private browsing: the switch lasts for this page */ }
}

function step(direction) {
  const rows = [...document.querySelectorAll("[data-row] a, tbody th[scope=row] a")].filter((link) => link.getClientRects().length > 0);
  if (!rows.length) return false;
  const at = rows.indexOf(document.activeElement);
  rows[at < 0 ? (direction > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + direction, 0), rows.length - 1)].focus();
  return true;
}

function act(key) {
  if (performance.now() < chainUntil) {
    chainUntil = 0;
    const link = document.querySelector(`[data-go="${CSS.escape(key)}"]`);
    if (link) link.click();
    return link != null;
  }
  if (key === "g") { chainUntil = performance.now() + CHAIN_MS; return true; }
  if (key === "j") return step(1);
  if (key === "k") return step(-1);
  if (key === "?") { document.getElementById("shortcuts")?.showModal(); return true; }
  const row = document.activeElement?.closest("li, tr");
  const own = row?.querySelector(`[data-row-key="${CSS.escape(key)}"]`);
  if (own) { own.click(); return true; }
  const target = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (!target) return false;
  if (target.matches("input")) target.focus(); else target.click();
  return true;
}

export function startShortcuts() {
  const control = document.querySelector("[data-shortcuts-switch]");
  let on = stored() !== "off";
  if (control) {
    control.checked = on;
    control.addEventListener("change", () => { on = control.checked; remember(on); });
  }
  document.addEventListener("keydown", (event) => {
    if (!on || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || typing(event.target)) return;
    if (act(event.key)) event.preventDefault();
  });
}
