// Reading values off a drawing: hover or touch the plot, or move the slider below it with the arrow keys.
// Nothing here is needed to understand a chart: its sentence and its table say the same.
const places = new Map();
const opened = new Set();

function readings(reader) {
  reader.readings ??= JSON.parse(reader.dataset.readings);
  return reader.readings;
}

function read(reader, place, { guide = true } = {}) {
  const [percent, words] = readings(reader)[place];
  const slider = reader.querySelector("input");
  slider.value = place;
  slider.setAttribute("aria-valuetext", words);
  reader.querySelector(".plot-reading").textContent = words;
  const line = reader.closest("figure").querySelector(".plot-guide");
  for (const end of ["x1", "x2"]) line.setAttribute(end, `${percent}%`);
  line.setAttribute("visibility", guide ? "visible" : "hidden");
  places.set(slider.id, place);
}

function nearest(reader, percent) {
  const all = readings(reader);
  let best = 0;
  for (let place = 1; place < all.length; place += 1) {
    if (Math.abs(all[place][0] - percent) <= Math.abs(all[best][0] - percent)) best = place;
  }
  return best;
}

function follow(event) {
  const plot = event.target.closest?.("figure.chart svg.plot");
  const reader = plot?.closest("figure").querySelector("[data-plot-reader]");
  if (!reader) return;
  const { left, width } = plot.getBoundingClientRect();
  const percent = ((event.clientX - left) / width) * 100;
  if (percent >= 0 && percent <= 100) read(reader, nearest(reader, percent));
}

// Sliders are only shown where this script runs; what was read, opened or focused survives a swap.
function prepare() {
  for (const reader of document.querySelectorAll("[data-plot-reader][hidden]")) {
    reader.hidden = false;
    const slider = reader.querySelector("input");
    if (places.has(slider.id)) read(reader, Math.min(places.get(slider.id), Number(slider.max)));
    if (places.focus === slider.id) slider.focus({ preventScroll: true });
    const table = reader.closest("figure").querySelector("details");
    if (table && opened.has(slider.id)) table.open = true;
  }
}

function keep() {
  places.focus = document.activeElement?.closest?.("[data-plot-reader]") ? document.activeElement.id : "";
  opened.clear();
  for (const reader of document.querySelectorAll("[data-plot-reader]")) {
    if (reader.closest("figure").querySelector("details")?.open) opened.add(reader.querySelector("input").id);
  }
}

document.addEventListener("pointermove", follow);
document.addEventListener("pointerdown", follow);
document.addEventListener("input", (event) => {
  const reader = event.target.closest?.("[data-plot-reader]");
  if (reader) read(reader, Number(event.target.value));
});
document.addEventListener("focusin", (event) => {
  const reader = event.target.closest?.("[data-plot-reader]");
  if (reader) read(reader, Number(event.target.value));
});
document.addEventListener("htmx:before:swap", keep);
document.addEventListener("htmx:after:swap", prepare);
prepare();
