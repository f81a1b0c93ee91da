// Lines in the status region at the top of the page. The words come as text, never as HTML.
const ICONS = { success: "#cw-icon-success", error: "#cw-icon-error", warning: "#cw-icon-error" };

function icon(reference) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  for (const [name, value] of [["class", "icon"], ["width", "18"], ["height", "18"], ["aria-hidden", "true"]]) svg.setAttribute(name, value);
  use.setAttribute("href", reference);
  svg.append(use);
  return svg;
}

export function flash(tone, text) {
  const region = document.getElementById("flash");
  if (!region) return;
  // One confirmation at a time: at the chair there are thirty an hour. A warning stays until the next act, what went wrong
  // until it is dismissed.
  for (const old of region.querySelectorAll("[data-flash='said']")) {
    const same = old.querySelector(".alert-words").textContent === text;
    if (same || old.classList.contains("alert-warning") || (tone !== "error" && old.classList.contains("alert-success"))) old.remove();
  }
  const line = document.createElement("div");
  line.className = `alert alert-${tone}`;
  line.dataset.flash = "said";
  const words = document.createElement("p");
  words.className = "alert-words";
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "button button-quiet button-small";
  close.dataset.dismiss = "";
  close.textContent = "Dismiss";
  line.append(icon(ICONS[tone] ?? ICONS.success), words, close);
  region.prepend(line);
  // What went wrong is brought into view; a confirmation comes to where the person is (shell.css) and moves nothing.
  if (tone === "error") region.scrollIntoView({ block: "nearest" });
}
