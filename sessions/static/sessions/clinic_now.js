// The wall clock of the clinic at this moment, from what the record said when it was drawn. A clock of this device that is
// wrong changes nothing.
const printed = () => document.getElementById("record")?.dataset.serverNow ?? "";
let base = printed();
let since = performance.now();

// A part that loads by itself leaves the record as it was drawn; only a record drawn anew begins to count again.
document.addEventListener("htmx:after:swap", () => {
  if (printed() === base) return;
  base = printed();
  since = performance.now();
});

// As a time box wants it, `2026-03-05T09:41`; empty when the page does not say.
export function clinicNow(seconds = false) {
  const [, wall] = /^(.{19})/.exec(base) ?? [];
  if (!wall) return "";
  return new Date(Date.parse(`${wall}Z`) + performance.now() - since).toISOString().slice(0, seconds ? 19 : 16);
}
