// Sets the theme before the first paint when it follows the system; a chosen theme is already in the page.
"use strict";

(function () {
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  function apply() {
    if (root.dataset.theme === "auto") {
      root.dataset.bsTheme = dark.matches ? "dark" : "light";
    }
    root.dispatchEvent(new CustomEvent("theme"));
  }

  dark.addEventListener("change", apply);
  apply();
})();
