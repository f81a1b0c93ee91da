// Keeps "in 1 h 20 min" current. Counts from the server's clock as printed on the page, so a wrong clock on this
// device, or the demo's moved clock, changes nothing.
const MINUTE = 60_000;

function words(milliseconds) {
  const total = Math.round(Math.abs(milliseconds) / MINUTE);
  if (total < 1) return "now";
  const days = total >= 2880 ? Math.floor(total / 1440) : 0;
  const rest = total - days * 1440;
  const hours = Math.floor(rest / 60);
  const minutes = rest % 60;
  const parts = days ? [`${days} days`, hours && `${hours} h`] : [hours && `${hours} h`, minutes && `${minutes} min`];
  const text = parts.filter(Boolean).join(" ");
  return milliseconds > 0 ? `in ${text}` : `${text} ago`;
}

// When this page first saw an element: its data-now was true at that moment.
const seen = new WeakMap();

function update() {
  const now = performance.now();
  for (const element of document.querySelectorAll("time[data-countdown]")) {
    if (!seen.has(element)) seen.set(element, now);
    const serverNow = Date.parse(element.dataset.now) + now - seen.get(element);
    const next = words(Date.parse(element.dateTime) - serverNow);
    if (element.textContent !== next) element.textContent = next;
  }
}

export function startCountdowns() {
  document.addEventListener("htmx:after:swap", update);
  setInterval(update, 15_000);
  update();
}
