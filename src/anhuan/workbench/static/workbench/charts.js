// Draws the charts of a page from the numbers the page carries (json_script), in the colours of the theme.
// Tooltips are built as nodes with classes, because the page's policy forbids inline styles.
"use strict";

(function () {
  const root = document.documentElement;
  const drawn = [];
  let measure = "balance";

  const read = (id) => {
    const node = document.getElementById(id);
    return node ? JSON.parse(node.textContent) : null;
  };
  const colour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
  const size = (factor) => parseFloat(getComputedStyle(root).fontSize) * factor;

  // --- Numbers as the page's language writes them

  const STEPS = {
    true: [[1e12, "万亿"], [1e8, "亿"], [1e4, "万"]],
    false: [[1e9, "B"], [1e6, "M"], [1e3, "K"]],
  };

  function short(value, chinese) {
    const size = Math.abs(value);
    for (const [step, unit] of STEPS[chinese]) {
      if (size >= step) return trim(value / step) + unit;
    }
    return trim(value);
  }

  const trim = (value) => Number(value.toFixed(2)).toLocaleString("en");
  const whole = (value, digits) => value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

  // --- What all charts share

  function base() {
    const ink = colour("ink"), ink2 = colour("ink-2"), line = colour("line-2");
    const font = getComputedStyle(document.body).fontFamily;
    const axisText = { color: ink2, fontFamily: font, fontSize: size(0.72) };
    return {
      ink, ink2, line, font,
      option: {
        animation: false,
        aria: { enabled: false },
        textStyle: { fontFamily: font, color: ink },
        grid: { left: 8, right: 10, top: size(2.2), bottom: 4, containLabel: true },
        legend: { top: 0, left: 0, itemWidth: size(0.7), itemHeight: size(0.7), itemGap: size(0.8), icon: "roundRect", textStyle: { color: ink2, fontFamily: font, fontSize: size(0.75) }, inactiveColor: line },
        tooltip: { trigger: "axis", confine: true, className: "tip-box", backgroundColor: colour("paper"), borderColor: line, padding: [8, 12], axisPointer: { type: "shadow", shadowStyle: { color: ink2, opacity: 0.1 } } },
      },
      days: (dates) => ({
        type: "category", data: dates, axisTick: { show: false }, axisLine: { lineStyle: { color: line } },
        axisLabel: { ...axisText, hideOverlap: true, formatter: (day) => day.slice(5) },
      }),
      values: (formatter) => ({
        type: "value", splitNumber: 4, axisLabel: { ...axisText, formatter }, splitLine: { lineStyle: { color: line } },
      }),
    };
  }

  function tip(title, rows, sum) {
    const box = document.createElement("div");
    box.className = "tip";
    const table = document.createElement("table");
    table.createCaption().textContent = title;
    for (const [fill, name, text] of rows) table.append(line(fill, name, text));
    if (sum) {
      const last = line(null, sum[0], sum[1]);
      last.className = "sum";
      table.append(last);
    }
    box.append(table);
    return box;
  }

  function line(fill, name, text) {
    const row = document.createElement("tr");
    const first = row.insertCell();
    if (fill) {
      const ns = "http://www.w3.org/2000/svg";
      const svg = document.createElementNS(ns, "svg");
      const rect = document.createElementNS(ns, "rect");
      for (const [key, value] of [["width", "100%"], ["height", "100%"], ["rx", "2"], ["fill", fill]]) rect.setAttribute(key, value);
      svg.append(rect);
      first.append(svg);
    }
    first.append(name);
    row.insertCell().textContent = text;
    return row;
  }

  // --- The charts, by the name in data-chart

  const CHARTS = {
    buckets(data) {
      const b = base();
      const money = measure === "balance";
      const scale = money ? 10 ** data.minor_digits : 1;
      const say = (value) => (money ? `${data.currency} ${whole(value, data.minor_digits)}` : whole(value, 0));
      return {
        ...b.option,
        legend: { ...b.option.legend, data: data.buckets.map((bucket) => bucket.name) },
        tooltip: {
          ...b.option.tooltip,
          formatter: (points) => tip(
            points[0].axisValue,
            [...points].reverse().map((p) => [p.color, p.seriesName, say(p.value)]),
            [data.words.total, say(points.reduce((sum, p) => sum + p.value, 0))],
          ),
        },
        xAxis: b.days(data.dates),
        yAxis: b.values((value) => short(value, data.chinese)),
        series: data.buckets.map((bucket, n) => ({
          name: bucket.name, type: "bar", stack: "book", barCategoryGap: "22%", barMaxWidth: size(3.2),
          itemStyle: { color: colour(`m${n + 1}`) }, emphasis: { focus: "series" },
          data: bucket[measure].map((value) => value / scale),
        })),
      };
    },

    flow(data) {
      const b = base();
      const down = ["cured", "improved"];
      const order = ["entered", "rolled", "vanished", "cured", "improved"];
      const series = order.map((key) => data.flow.find((flow) => flow.key === key)).filter(Boolean);
      return {
        ...b.option,
        tooltip: {
          ...b.option.tooltip,
          formatter: (points) => tip(points[0].axisValue, points.filter((p) => typeof p.value === "number").map((p) => [p.color, p.seriesName, whole(Math.abs(p.value), 0)])),
        },
        xAxis: { ...b.days(data.dates), axisLine: { onZero: true, lineStyle: { color: b.ink2 } }, axisLabel: { ...b.days(data.dates).axisLabel, margin: size(0.5) }, position: "bottom" },
        yAxis: b.values((value) => short(Math.abs(value), data.chinese)),
        series: series.map((flow) => ({
          name: flow.name, type: "bar", stack: "flow", barCategoryGap: "22%", barMaxWidth: size(2.4),
          itemStyle: { color: colour(flow.key) }, emphasis: { focus: "series" },
          data: flow.accounts.map((value) => (value === null ? "-" : down.includes(flow.key) ? -value : value)),
        })),
      };
    },

    refusals(data) {
      const b = base();
      return {
        ...b.option,
        tooltip: {
          ...b.option.tooltip,
          formatter: (points) => tip(
            points[0].axisValue,
            points.filter((p) => p.value).map((p) => [p.color, p.seriesName, whole(p.value, 0)]),
            [data.total, whole(points.reduce((sum, p) => sum + p.value, 0), 0)],
          ),
        },
        xAxis: b.days(data.dates),
        yAxis: { ...b.values((value) => whole(value, 0)), minInterval: 1 },
        series: data.series.map((one, n) => ({
          name: one.name, type: "bar", stack: "refusals", barCategoryGap: "30%", barMaxWidth: size(2.4),
          itemStyle: { color: colour(`c${n + 1}`) }, emphasis: { focus: "series" }, data: one.values,
        })),
      };
    },

    simulation(data) {
      const b = base();
      const fills = { permitted: "cured", refused: "c5", no_capacity: "c2" };
      const live = data.series.some((one) => one.side === "live");
      return {
        ...b.option,
        legend: { ...b.option.legend, data: [...new Set(data.series.map((one) => one.name))] },
        tooltip: {
          ...b.option.tooltip,
          formatter: (points) => tip(points[0].axisValue, points.map((p) => [p.color, live ? `${data.series[p.seriesIndex].of} · ${p.seriesName}` : p.seriesName, whole(p.value, 0)])),
        },
        xAxis: b.days(data.dates),
        yAxis: { ...b.values((value) => short(value, data.chinese)), minInterval: 1 },
        series: data.series.map((one) => ({
          name: one.name, type: "bar", stack: one.side, barCategoryGap: "30%", barGap: "8%", barMaxWidth: size(2.4),
          itemStyle: { color: colour(fills[one.key]), opacity: one.side === "live" ? 0.45 : 1 }, emphasis: { focus: "series" }, data: one.values,
        })),
      };
    },

    history(data) {
      const b = base();
      const [days, buckets] = staircase(data.points);
      const restated = new Set(data.restated.map(([day]) => day));
      return {
        ...b.option,
        legend: undefined,
        grid: { left: 8, right: 14, top: 8, bottom: 4, containLabel: true },
        tooltip: {
          ...b.option.tooltip,
          formatter: (points) => tip(points[0].axisValue, points[0].value === undefined ? [] : [[points[0].value ? colour(`m${points[0].value}`) : null, data.word, `M${points[0].value}`]]),
        },
        xAxis: { ...b.days(days), axisLabel: { ...b.days(days).axisLabel, formatter: (day) => day } },
        yAxis: { ...b.values((value) => `M${value}`), min: 0, max: 7, interval: 1 },
        series: [
          { type: "bar", barWidth: "102%", data: buckets.map((value) => ({ value, itemStyle: { color: value ? colour(`m${value}`) : "transparent" } })) },
          { type: "scatter", symbol: "diamond", symbolSize: size(0.7), itemStyle: { color: colour("ours") }, tooltip: { show: false }, silent: true, data: days.map((day, n) => (restated.has(day) ? buckets[n] : null)) },
        ],
      };
    },

    months(data) {
      const b = base();
      const say = (value) => (value === null || value === undefined ? "–" : `${value}${data.unit}`);
      return {
        ...b.option,
        legend: { ...b.option.legend, type: "scroll", data: data.series.map((series) => series.name) },
        tooltip: { ...b.option.tooltip, formatter: (points) => tip(points[0].axisValue, points.map((p) => [p.color, p.seriesName, say(p.value)])) },
        xAxis: { ...b.days(data.months), axisLabel: { ...b.days(data.months).axisLabel, formatter: (month) => month } },
        yAxis: b.values((value) => `${value}${data.unit}`),
        series: data.series.map((series, n) => ({
          name: series.name, type: "line", symbol: "circle", symbolSize: size(0.45), lineStyle: { width: 2 },
          itemStyle: { color: colour(`c${(n % 8) + 1}`) }, data: series.values,
        })),
      };
    },
  };

  // Every day from the first step to the last with its bucket; at least a month, so that a young case has a past to stand in.
  function staircase(points) {
    const DAY = 86400000;
    const at = (day) => Date.parse(`${day}T00:00:00Z`);
    const last = at(points[points.length - 1][0]);
    const days = [], buckets = [];
    let step = -1;
    for (let day = Math.min(at(points[0][0]), last - 29 * DAY); day <= last; day += DAY) {
      while (step + 1 < points.length && at(points[step + 1][0]) <= day) step += 1;
      days.push(new Date(day).toISOString().slice(0, 10));
      buckets.push(step < 0 ? undefined : points[step][1]);
    }
    return [days, buckets];
  }

  function draw() {
    document.querySelectorAll("[data-chart]").forEach((node) => {
      const data = read(node.dataset.source || "chart-data");
      if (!data) return;
      if (node.dataset.empty && data.series.every((one) => one.values.every((value) => value === null))) {
        node.textContent = node.dataset.empty;
        node.classList.add("plot-empty");
        return;
      }
      let chart = echarts.getInstanceByDom(node);
      if (!chart) {
        chart = echarts.init(node, null, { renderer: "svg" });
        drawn.push(chart);
      }
      chart.setOption(CHARTS[node.dataset.chart](data), true);
    });
  }

  document.addEventListener("DOMContentLoaded", draw);
  root.addEventListener("theme", draw);
  let wait = 0;
  window.addEventListener("resize", () => {
    window.clearTimeout(wait);
    wait = window.setTimeout(() => { drawn.forEach((chart) => chart.resize()); draw(); }, 120);
  });
  // Paper has its own width, known only after this event: a view box lets the style sheet scale the drawing to it.
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("[data-chart] svg").forEach((svg) => {
      svg.setAttribute("viewBox", `0 0 ${svg.getAttribute("width")} ${svg.getAttribute("height")}`);
    });
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-chart-measure]");
    if (!button) return;
    measure = button.dataset.chartMeasure;
    document.querySelectorAll("[data-chart-measure]").forEach((b) => b.setAttribute("aria-pressed", String(b === button)));
    draw();
  });
})();
