// Keys, rows, windows, theme, reveal and export of the workbench. Every page works without this file except for
// its keys; nothing here evaluates text or writes inline styles.
"use strict";

(function () {
  const root = document.documentElement;
  const KEYS_OFF = "anhuan-keys-off";
  const CHORD_MS = 1200;

  // --- Keys: one letter each, off in fields and windows, and off altogether where a reader switched them off.

  let chord = "";
  let chordEnds = 0;

  const keysOff = () => localStorage.getItem(KEYS_OFF) === "1";
  const inField = (node) => node.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");

  function press(event) {
    if (event.key === "Escape" && inField(event.target) && !document.querySelector("dialog[open]")) {
      event.target.blur();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || keysOff()) return;
    if (inField(event.target) || document.querySelector("dialog[open]")) return;
    const keys = (performance.now() < chordEnds ? chord + " " : "") + event.key;
    chord = "";
    if (act(keys)) {
      event.preventDefault();
    } else if (event.key === "g") {
      chord = "g";
      chordEnds = performance.now() + CHORD_MS;
    }
  }

  function act(keys) {
    const marked = [...document.querySelectorAll("[data-key]")].find((node) => node.dataset.key === keys);
    if (marked) {
      // A key of a form unfolds it and goes into it; only one who is in it folds it by the same key.
      const form = marked.matches("summary") && marked.parentElement;
      if (!form || !form.open || form.contains(document.activeElement)) marked.click();
      const field = form && form.open && form.querySelector("input:checked, input:not([type=hidden]):not([type=radio]), select, textarea");
      if (field) field.focus();
      return true;
    }
    const acts = {
      "/": () => document.querySelector("[data-key-focus]"),
      "f": () => document.querySelector("[data-filters] input:not([type=hidden]), [data-filters] select"),
    };
    if (keys in acts) {
      const field = acts[keys]();
      if (!field) return false;
      field.focus();
      if (field.select) field.select();
      return true;
    }
    if (keys === "j" || keys === "k") return moveRow(keys === "j" ? 1 : -1);
    if (keys === "?") return open("keys"), true;
    return false;
  }

  function moveRow(step) {
    const links = [...document.querySelectorAll("[data-rows] tbody tr a:first-of-type")].filter((a) => a === a.closest("tr").querySelector("a"));
    if (!links.length) return false;
    const at = links.indexOf(document.activeElement && document.activeElement.closest("tr") ? document.activeElement.closest("tr").querySelector("a") : null);
    const next = at < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(Math.max(at + step, 0), links.length - 1);
    links[next].focus();
    links[next].closest("tr").scrollIntoView({ block: "nearest" });
    return true;
  }

  document.addEventListener("keydown", press);

  // --- Rows open by a click anywhere that is not a link, a button or a selection of text.

  document.addEventListener("click", (event) => {
    const row = event.target.closest("[data-rows] tbody tr");
    if (!row || event.target.closest("a, button, input, label") || String(window.getSelection())) return;
    const link = row.querySelector("a");
    if (!link) return;
    if (event.ctrlKey || event.metaKey) window.open(link.href, "_blank", "noopener");
    else link.click();
  });

  // --- Windows

  function open(id) {
    const sheet = document.getElementById(id);
    if (sheet && !sheet.open) sheet.showModal();
  }

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-open]");
    if (opener) open(opener.dataset.open);
    if (event.target.closest("[data-reload]")) window.location.reload();
    if (event.target.closest("[data-back]")) window.history.back();
    const closer = event.target.closest("[data-close]");
    if (closer) closer.closest("dialog").close();
  });

  const keysSwitch = document.querySelector("[data-keys-switch]");
  if (keysSwitch) {
    keysSwitch.checked = !keysOff();
    keysSwitch.addEventListener("change", () => localStorage.setItem(KEYS_OFF, keysSwitch.checked ? "0" : "1"));
  }

  // --- Theme: kept in a cookie, so that the next page arrives in it.

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-choice]");
    if (!button) return;
    const theme = button.dataset.themeChoice;
    document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax`;
    root.dataset.theme = theme;
    const dark = theme === "dark" || (theme === "auto" && window.matchMedia("(prefers-color-scheme: dark)").matches);
    root.dataset.bsTheme = dark ? "dark" : "light";
    document.querySelectorAll("[data-theme-choice]").forEach((b) => b.setAttribute("aria-pressed", String(b === button)));
    root.dispatchEvent(new CustomEvent("theme"));
  });

  // --- Answers of the server that replace a part of the page

  function say(text) {
    document.getElementById("announcer").textContent = text;
  }

  // What a page asks for by itself while nobody touches it is no sign of somebody being there: the session may end.
  let touched = performance.now();
  ["keydown", "pointerdown", "pointermove", "wheel"].forEach((kind) => document.addEventListener(kind, () => { touched = performance.now(); }, { passive: true }));
  document.addEventListener("htmx:configRequest", (event) => {
    if (performance.now() - touched > 60_000) event.detail.headers["X-Unattended"] = "1";
  });

  // A part that asks again by itself lets whoever is in it finish.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const part = event.detail.elt;
    if (part.matches("[data-rests-in-use]") && part.contains(document.activeElement)) event.preventDefault();
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    // A session that ended answers with the sign-in page; that belongs in the whole window, unless something typed were lost.
    if (event.detail.xhr.responseURL.includes("/login/")) {
      event.detail.shouldSwap = false;
      if (typed()) trouble("session", event.detail.elt);
      else window.location.reload();
    } else if (event.detail.xhr.status === 422) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });

  document.addEventListener("htmx:afterSettle", (event) => {
    const told = event.detail.target.isConnected ? event.detail.target : document.getElementById(event.detail.target.id);
    const news = told && (told.matches("[data-announce]") ? told : told.querySelector("[data-announce]"));
    if (news) say(news.dataset.announce);
    if (told && told.querySelector("[data-revealed]")) revealed(told);
  });

  // --- What failed says so in sight until it succeeds or is closed; the page is left as it is, with everything typed.

  const sheet = document.getElementById("trouble");
  let troubled = null;

  const typed = () => [...document.querySelectorAll("main textarea, main input")].some((field) => field.value.trim()
    && field.value !== field.defaultValue && !["checkbox", "radio", "hidden"].includes(field.type));

  function trouble(kind, part) {
    const known = sheet.querySelector(`[data-trouble="${kind}"]`) ? String(kind) : kind >= 500 ? "500" : "other";
    sheet.querySelectorAll("[data-trouble]").forEach((each) => { each.hidden = each.dataset.trouble !== known; });
    (document.querySelector("dialog[open]") || document.body).append(sheet);  // beside an open window it could not be reached
    sheet.hidden = false;
    troubled = part;
  }

  function settled() {
    sheet.hidden = true;
    troubled = null;
  }

  document.addEventListener("htmx:responseError", (event) => trouble(event.detail.xhr.status, event.detail.elt));
  ["htmx:sendError", "htmx:timeout"].forEach((kind) => document.addEventListener(kind, (event) => trouble("away", event.detail.elt)));
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful && event.detail.elt === troubled && !event.detail.xhr.responseURL.includes("/login/")) settled();
  });
  document.addEventListener("click", (event) => { if (event.target.closest("[data-trouble-close]")) settled(); });

  // Whoever has signed in again in another window goes on with this page: it takes the new session's token.
  window.addEventListener("focus", async () => {
    if (sheet.hidden || sheet.querySelector("p[data-trouble=session]").hidden) return;
    const answer = await fetch(window.location.href, { credentials: "same-origin" }).catch(() => null);
    if (!answer || !answer.ok || answer.url.includes("/login/")) return;
    const now = new DOMParser().parseFromString(await answer.text(), "text/html").body.getAttribute("hx-headers");
    document.body.setAttribute("hx-headers", now);
    document.querySelectorAll("[name=csrfmiddlewaretoken]").forEach((field) => { field.value = JSON.parse(now)["X-CSRFToken"]; });
    trouble("renewed", troubled);
  });

  // A form with a text to lose, sent the ordinary way, leaves the page only once the server is known to be there.
  const cleared = new WeakSet();
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (event.defaultPrevented || cleared.has(form) || form.method !== "post" || !form.querySelector("textarea")) return;
    event.preventDefault();
    const there = await fetch(document.querySelector("link[rel=icon]").href, { method: "HEAD", cache: "no-store" }).catch(() => null);
    if (!there) { trouble("away", form); return; }
    cleared.add(form);
    form.requestSubmit(event.submitter);
    cleared.delete(form);
  });

  // --- What takes longer than a moment shows that it is under way.

  let underWay = 0;
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.defaultPrevented) return;
    underWay += 1;
    window.setTimeout(() => root.classList.toggle("is-busy", underWay > 0), 350);
  });
  document.addEventListener("htmx:afterRequest", () => {
    underWay = Math.max(underWay - 1, 0);
    root.classList.toggle("is-busy", underWay > 0 && root.classList.contains("is-busy"));
  });

  // --- A table that scrolls can be reached and scrolled by keyboard; one that does not is no stop on the way, and its head stays in sight.

  // Inside something that scrolls or hides by itself, a head would keep its place there, and lie on the first row.
  function liesOpen(table) {
    for (let around = table; around && around !== document.body; around = around.parentElement) {
      if (!["visible", "clip"].includes(getComputedStyle(around).overflowY)) return false;
    }
    return true;
  }

  function markScrolling() {
    document.querySelectorAll(".table-responsive").forEach((table) => {
      const scrolls = table.scrollWidth > table.clientWidth + 1 || table.scrollHeight > table.clientHeight + 1;
      if (scrolls) table.tabIndex = 0;
      else table.removeAttribute("tabindex");
      table.classList.toggle("fits", !scrolls);
      if (!scrolls && !liesOpen(table)) table.classList.remove("fits");
    });
  }

  document.addEventListener("DOMContentLoaded", markScrolling);
  document.addEventListener("htmx:afterSettle", markScrolling);
  document.addEventListener("toggle", markScrolling, true);
  window.addEventListener("resize", markScrolling);

  // --- Revealed data goes out of sight after a while, and never comes back with the back button.

  let hiding = 0;

  function revealed(part) {
    document.querySelectorAll("dialog[open]").forEach((sheet) => sheet.close());
    const note = part.querySelector("[data-revealed]");
    const left = note.querySelector("[data-seconds]");
    let seconds = Number(note.dataset.revealed);
    window.clearInterval(hiding);
    hiding = window.setInterval(() => {
      seconds -= 1;
      if (left) left.textContent = seconds;
      if (seconds > 0 && note.isConnected) return;
      window.clearInterval(hiding);
      if (note.isConnected) window.location.reload();
    }, 1000);
    note.querySelector("button, a").focus();
  }

  window.addEventListener("pageshow", (event) => {
    if (event.persisted) window.location.reload();
  });

  // --- Export with progress: the answer streams, its rows are counted as they come.

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-export]");
    if (!link || !window.ReadableStream || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    download(link).catch(() => { window.location.href = link.href; });
  });

  async function download(link) {
    const place = link.closest(".export");
    const progress = place.querySelector("progress");
    const text = place.querySelector("[data-export-text]");
    const answer = await fetch(link.href, { credentials: "same-origin" });
    if (!answer.ok || !answer.headers.get("Content-Disposition")) throw new Error(String(answer.status));
    const rows = Number(answer.headers.get("X-Rows"));
    const parts = [];
    let seen = -1;
    progress.hidden = false;
    link.setAttribute("aria-disabled", "true");
    for (const reader = answer.body.getReader(); ;) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      seen += value.reduce((lines, byte) => lines + (byte === 10), 0);
      progress.max = Math.max(rows, seen, 1);
      progress.value = seen;
      text.textContent = Math.max(seen, 0).toLocaleString();
    }
    const file = document.createElement("a");
    file.href = URL.createObjectURL(new Blob(parts, { type: "text/csv" }));
    file.download = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition"))[1];
    file.click();
    URL.revokeObjectURL(file.href);
    progress.hidden = true;
    text.textContent = seen.toLocaleString();
    link.removeAttribute("aria-disabled");
    say(text.textContent);
  }
})();
