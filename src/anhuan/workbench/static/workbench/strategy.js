// Draws the tables of a strategy with dmn-js, on the page of a version and in the editor: tabs, the way from a finding to its row,
// notes of rules, proving and keeping. Knows the pages' marks (data-…) and dmn-js; judges nothing itself.
"use strict";

(function () {
  const place = document.getElementById("dmn");
  if (!place || !window.DmnJS) return;
  const words = JSON.parse(document.getElementById("dmn-words").textContent);
  const editing = "nonce" in place.dataset;
  const types = ["string", "boolean", "number", "date", "time", "dateTime", "dayTimeDuration", "yearMonthDuration", "Any"];
  types.push(...(place.dataset.types || "").split(" ").filter(Boolean));
  const missing = new Set();
  let changed = false;

  // The editor of cells makes style elements of its own; the policy lets those in that carry the page's nonce.
  if (editing) {
    const make = Document.prototype.createElement;
    document.createElement = function (name, ...rest) {
      const node = make.call(document, name, ...rest);
      if (String(name).toLowerCase() === "style") node.setAttribute("nonce", place.dataset.nonce);
      return node;
    };
  }

  function translate(text, parts = {}) {
    if (text && !(text in words) && !types.includes(text)) {
      missing.add(text);
      place.dataset.untranslated = [...missing].join("|");
    }
    return (words[text] || text).replace(/{([^}]+)}/g, (whole, name) => parts[name] || whole);
  }

  const speaking = { additionalModules: [{ translate: ["value", translate] }] };
  const tool = new window.DmnJS({
    container: place,
    drd: speaking, decisionTable: speaking, literalExpression: speaking, boxedExpression: speaking,
    common: { dataTypes: types },
  });

  // --- Notes: DMN writes them as annotations, dmn-js shows and edits the description of a rule. They are one here.

  const rules = (definitions) => (definitions.drgElement || [])
    .map((element) => element.decisionLogic)
    .filter((logic) => logic && logic.$type === "dmn:DecisionTable")
    .flatMap((table) => (table.rule || []).map((rule) => [table, rule]));

  function showNotes(definitions) {
    for (const [, rule] of rules(definitions)) {
      const notes = (rule.annotationEntry || []).map((entry) => entry.text || "");
      const told = editing ? notes[0] : notes.filter(Boolean).join(" · ");
      if (told && !rule.description) rule.description = told;
    }
  }

  function keepNotes(definitions) {
    for (const [table, rule] of rules(definitions)) {
      if (!(table.annotation || []).length) continue;
      const [entry] = rule.get("annotationEntry");
      if (entry) entry.text = rule.description || "";
      else if (rule.description) rule.get("annotationEntry").push(definitions.$model.create("dmn:RuleAnnotation", { text: rule.description }));
      rule.description = undefined;
    }
  }

  tool.on("import.parse.complete", ({ definitions }) => { if (definitions) showNotes(definitions); });

  async function written() {
    const definitions = tool.getDefinitions();
    keepNotes(definitions);
    try {
      return (await tool.saveXML({ format: true })).xml;
    } finally {
      showNotes(definitions);
    }
  }

  // --- Tabs: the graph, then a table or an expression each.

  const tabs = document.getElementById("dmn-tabs");

  function drawTabs() {
    const active = tool.getActiveView();
    tabs.replaceChildren(...tool.getViews().filter((view) => view.type !== "drd" || view.element.drgElement).map((view) => {
      const tab = document.createElement("button");
      tab.type = "button";
      tab.textContent = view.type === "drd" ? place.dataset.graph : view.element.name || view.id;
      if (view.type !== "drd") tab.lang = "mul";
      tab.setAttribute("aria-pressed", String(view === active));
      tab.addEventListener("click", () => open(view));
      return tab;
    }));
    place.scrollTop = 0;
  }

  tool.on("views.changed", drawTabs);

  async function open(view, row) {
    if (view !== tool.getActiveView()) await tool.open(view);
    place.dataset.view = view.type;
    if (view.type === "drd") fit(tool.getActiveViewer().get("canvas"));
    if (row) mark(row);
  }

  function fit(canvas) {
    canvas.zoom("fit-viewport", "auto");
    canvas.zoom(canvas.zoom() * 0.95, "auto");
  }

  function mark(row) {
    place.querySelectorAll(".row-marked").forEach((cell) => cell.classList.remove("row-marked"));
    const cell = place.querySelector(`[data-row-id="${CSS.escape(row)}"]`);
    if (!cell) return;
    [...cell.parentElement.children].forEach((each) => each.classList.add("row-marked"));
    cell.scrollIntoView({ block: "center", inline: "nearest" });
  }

  // What dmn-js leaves out for those who read by ear or by keys: a name for the column of numbers, a stop at what scrolls.
  function ease() {
    place.querySelectorAll("th.index-column:empty").forEach((head) => {
      const word = document.createElement("span");
      word.className = "visually-hidden";
      word.textContent = place.dataset.rowWord;
      head.append(word);
    });
    place.querySelectorAll(".tjs-table-container:not([tabindex]), .textarea:not([tabindex])").forEach((part) => { part.tabIndex = 0; });
  }

  new MutationObserver(ease).observe(place, { childList: true, subtree: true });

  const viewOf = (test) => tool.getViews().find((view) => view.type !== "drd" && test(view.element));

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-go-table], [data-go-name]");
    if (!link) return;
    const { goTable, goName, goRow, goNumber } = link.dataset;
    const view = viewOf((element) => (goTable ? element.id === goTable : element.name === goName));
    if (!view) return;
    event.preventDefault();
    const table = view.element.decisionLogic;
    const rule = goNumber && table.rule ? table.rule[Number(goNumber) - 1] : null;
    document.getElementById("tables").scrollIntoView({ block: "start" });
    open(view, goRow || (rule && rule.id));
  });

  // --- Begin

  async function begin() {
    const answer = await fetch(place.dataset.source, { credentials: "same-origin" });
    const { table, row } = place.dataset;
    await tool.importXML(await answer.text(), { open: false });
    const view = viewOf((element) => element.id === table) || tool.getViews()[0];
    if (view) await open(view, row);
    place.dataset.ready = "";
  }

  begin().catch((error) => {
    const told = document.getElementById("dmn-cannot");
    told.querySelector("code").textContent = error.message;
    told.hidden = false;
    place.hidden = true;
  });

  if (!editing) return;

  // --- The editor: what is changed and not kept, proving, keeping.

  tool.on("viewer.created", ({ viewer }) => viewer.on("commandStack.changed", () => setChanged(true)));

  function setChanged(whether) {
    changed = whether;
    const told = document.getElementById("dmn-unsaved");
    told.textContent = whether ? told.dataset.text : "";
  }

  window.addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-post]");
    if (!button || button.disabled) return;
    button.disabled = true;
    button.classList.add("btn-loading");
    try {
      if (document.activeElement) document.activeElement.blur(); // a cell being typed in is taken over when it is left
      await new Promise((resolve) => { setTimeout(resolve, 0); });
      await post(button);
    } finally {
      button.disabled = false;
      button.classList.remove("btn-loading");
    }
  });

  async function post(button) {
    const body = new FormData();
    body.append("model", new Blob([await written()], { type: "application/xml" }), "model.dmn");
    const headers = { "HX-Request": "true", ...JSON.parse(document.body.getAttribute("hx-headers")) };
    const answer = await fetch(button.dataset.post, { method: "POST", body, headers, credentials: "same-origin" });
    const next = answer.headers.get("HX-Redirect");
    if (next) {
      setChanged(false);
      window.location.href = next;
      return;
    }
    const target = document.getElementById(button.dataset.into);
    target.outerHTML = await answer.text();
    const drawn = document.getElementById(button.dataset.into);
    document.getElementById("announcer").textContent = drawn.dataset.announce || "";
    drawn.scrollIntoView({ block: "nearest" });
  }
})();
