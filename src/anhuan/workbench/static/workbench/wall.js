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
  // What is counted for the first time is there soon.
  const soon = () => { if (wall.querySelector("[data-soon]")) window.setTimeout(again, 2000); };
  wall.addEventListener("htmx:afterSwap", () => { came = performance.now(); soon(); });
  soon();
  window.setInterval(() => {
    const late = wall.querySelector(".wall-late");
    if (!late) return;
    const every = Number(wall.querySelector("[data-every]").dataset.every);
    const old = performance.now() - came > every * 3000;
    late.hidden = !old;
    wall.classList.toggle("is-old", old);
  }, 1000);
})();
