// The collector's desk by keyboard: command palette, digits for results, focus that outlives a swap, input methods left alone.
// Nothing here decides anything: every key presses a button, ticks a choice or moves the focus of a page that works without it.
"use strict";

(function () {
  // While an input method composes, every key is its own; some browsers tell it only by this old code.
  const composing = (event) => event.isComposing || event.keyCode === 229;
  const writes = (node) => node.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");
  const shown = (node) => node && node.getClientRects().length > 0 && !node.disabled;
  // The first part that is shown of the first selector that has one.
  const first = (selectors, within = document) => selectors.split(", ").map((each) => [...within.querySelectorAll(each)].find(shown)).find(Boolean);

  document.addEventListener("keydown", (event) => {
    if (composing(event)) event.stopImmediatePropagation();
  }, true);
  document.addEventListener("compositionend", () => { composedAt = performance.now(); }, true);
  let composedAt = -1000;
  // The Enter that ends a composition arrives as an ordinary key in some browsers, right after it.
  document.addEventListener("submit", (event) => {
    if (performance.now() - composedAt < 60) { event.preventDefault(); event.stopImmediatePropagation(); }
  }, true);

  // --- The palette

  const palette = document.getElementById("palette");
  let before = null;

  function openPalette() {
    if (!palette || palette.open) return;
    before = document.activeElement;
    const text = palette.querySelector("input");
    text.value = "";
    narrow();
    palette.showModal();
    text.focus();
  }

  function options() {
    return [...palette.querySelectorAll("[role=option]")].filter((each) => !each.hidden);
  }

  function mark(option) {
    palette.querySelectorAll("[role=option]").forEach((each) => each.setAttribute("aria-selected", String(each === option)));
    const text = palette.querySelector("input");
    if (option) text.setAttribute("aria-activedescendant", option.id);
    else text.removeAttribute("aria-activedescendant");
    if (option) option.scrollIntoView({ block: "nearest" });
  }

  function narrow() {
    const asked = palette.querySelector("input").value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    palette.querySelectorAll("[role=option]").forEach((each) => {
      each.hidden = !asked.every((word) => each.dataset.finds.includes(word));
    });
    const left = options();
    palette.querySelector(".palette-none").hidden = left.length > 0;
    mark(left.find((each) => asked.length === 1 && each.dataset.finds.startsWith(`${asked[0]} `)) || left[0] || null);
  }

  function run(option) {
    palette.close();
    if (!option) return;
    if (option.dataset.address) { window.location.assign(option.dataset.address); return; }
    const part = first(option.dataset.target);
    if (!part) { say(palette.querySelector(".palette-none").textContent); return; }
    if (part.matches("summary")) {
      part.parentElement.open = true;
      focusIn(first("input:not([type=hidden]), textarea, select", part.parentElement) || part);
    } else if (part.matches("button, a")) {
      part.focus();
      part.click();
    } else focusIn(part);
  }

  if (palette) {
    palette.addEventListener("input", narrow);
    palette.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) run(option);
    });
    palette.addEventListener("keydown", (event) => {
      if (composing(event)) return;
      const left = options();
      const at = left.findIndex((each) => each.getAttribute("aria-selected") === "true");
      const steps = { ArrowDown: 1, ArrowUp: -1 };
      if (event.key in steps && left.length) {
        event.preventDefault();
        mark(left[(at + steps[event.key] + left.length) % left.length]);
      } else if (event.key === "Enter") {
        event.preventDefault();
        run(left[at]);
      }
    });
    palette.addEventListener("close", () => { if (before && before.isConnected && document.activeElement === document.body) before.focus(); });
    document.addEventListener("click", (event) => { if (event.target.closest("[data-open=palette]")) openPalette(); });
  }

  // --- Digits and Enter of the wrap-up; a digit pressed while the answer is on its way waits for it.

  const form = () => document.querySelector("[data-wrapup]");
  let waiting = false;
  let queue = [];

  function digit(key) {
    if (waiting) { queue.push(key); return; }
    const open = [...form().querySelectorAll("[data-choice-open]")].find((each) => !each.querySelector("input:checked"));
    const wanted = open ? open.querySelector(`[data-choice-digit="${key}"]`) : form().querySelector(`[data-digit="${key}"]`);
    if (wanted) choose(wanted);
  }

  function choose(radio) {
    if (radio.checked) return;
    radio.checked = true;
    waiting = radio.name === "result";
    if (waiting) document.getElementById("result-other").value = "";
    radio.dispatchEvent(new Event("change", { bubbles: true }));
    radio.focus();
  }

  function finish() {
    if (waiting) { queue.push("Enter"); return; }
    form().requestSubmit(document.getElementById("call-finish"));
  }

  function settle() {
    waiting = false;
    const keys = queue;
    queue = [];
    keys.forEach((key) => (key === "Enter" ? finish() : digit(key)));
  }

  document.addEventListener("change", (event) => {
    if (event.target.id === "result-other" && event.target.value) {
      waiting = true;
      form().querySelectorAll("[name=result]:checked").forEach((each) => { each.checked = false; });
    }
  });

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      openPalette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (writes(event.target) || localStorage.getItem("anhuan-keys-off") === "1") return;
    if (event.key === ":" || event.key === "：") { event.preventDefault(); openPalette(); return; }
    const field = document.querySelector(`[data-field-key="${CSS.escape(event.key)}"]`);
    if (field) { event.preventDefault(); focusIn(field); return; }
    if (!form()) return;
    if (/^[0-9]$/.test(event.key)) {
      event.preventDefault();
      digit(event.key);
    } else if (event.key === "Enter" && !event.target.closest("button, a, summary")) {
      event.preventDefault();
      finish();
    } else if (event.key === "t") {
      const next = first("[name=said]:not(:checked)");
      if (next) { next.click(); say(next.closest("label").textContent.trim()); }
    } else if (event.key === "w") {
      event.preventDefault();
      document.getElementById("call-note-text").focus();
    }
  });

  // --- Focus outlives a swap: by its id, else at the first field of what came.

  let held = null;

  function focusIn(part) {
    const field = part.matches("input, textarea, select, button, a[href], [tabindex]") ? part
      : first("[data-autofocus], [aria-invalid=true], input:not([type=hidden]), textarea, select, button, a[href]", part);
    if (field) field.focus();
  }

  function say(text) {
    const announcer = document.getElementById("announcer");
    if (announcer) announcer.textContent = text;
  }

  document.addEventListener("htmx:beforeSwap", (event) => {
    const active = document.activeElement;
    const within = active && event.detail.target && event.detail.target.contains(active);
    held = within ? { id: active.id, start: active.selectionStart, end: active.selectionEnd } : null;
  });

  document.addEventListener("htmx:afterSettle", (event) => {
    const target = event.detail.target.isConnected ? event.detail.target : document.getElementById(event.detail.target.id);
    if (target && target.id === "call-result") settle();
    if (target && ["call-answer", "call-faults"].includes(target.id)) {
      const told = target.querySelector("[data-refused], li");
      const unsaid = target.querySelector("[data-field^=said-]");
      // What was left out comes first: the focus goes to the first statement, where Space ticks it.
      if (unsaid) document.getElementById(unsaid.dataset.field).focus();
      else if (told) { target.tabIndex = -1; target.focus(); }
    }
    if (!held || (document.activeElement && document.activeElement !== document.body)) return;
    const again = held.id && document.getElementById(held.id);
    if (again && shown(again)) {
      again.focus();
      if (typeof held.start === "number" && again.setSelectionRange) {
        try { again.setSelectionRange(held.start, held.end); } catch (_) { /* a field without a caret */ }
      }
    } else if (target) {
      focusIn(target.querySelector("[data-autofocus]") || target);
    }
    held = null;
  });

  ["htmx:responseError", "htmx:sendError", "htmx:timeout"].forEach((kind) => document.addEventListener(kind, () => { waiting = false; queue = []; }));

  // A page that asks for it begins with the focus where the work is.
  document.addEventListener("DOMContentLoaded", () => {
    const start = first("#identity input:not([type=hidden])") || first("[data-autofocus]");
    if (start && document.activeElement === document.body) start.focus({ preventScroll: true });
  });
})();
