// A sheet that was asked for in a hurry prints itself once; the button prints it again.
const once = `printed:${location.pathname}`;
document.querySelector("[data-print]")?.addEventListener("click", () => window.print());
if (document.querySelector("[data-print-now]") && !sessionStorage.getItem(once)) {
  sessionStorage.setItem(once, "1");
  window.addEventListener("load", () => setTimeout(() => window.print(), 400));
}
