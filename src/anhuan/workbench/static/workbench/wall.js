// The wall asks again only while somebody can see it, and says so when its figures have become old.
"use strict";

(function () {
  const wall = document.getElementById("wall");
  const again = () => window.htmx.trigger(wall, "again");

  wall.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden) event.preventDefault();
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) again(); });

  // Counted by this browser's own clock from when the figures came, so that a clock set wrong does no harm.
  let came = performance.now();
  wall.addEventListener("htmx:afterSwap", () => { came = performance.now(); });
  window.setInterval(() => {
    const late = wall.querySelector(".wall-late");
    if (!late) return;
    const every = Number(wall.querySelector("[data-every]").dataset.every);
    const old = performance.now() - came > every * 3000;
    late.hidden = !old;
    wall.classList.toggle("is-old", old);
  }, 1000);
})();
