/* Draws the mails of a mailing out over time, and again every 30 seconds while it is live. */
"use strict";

(function () {
  const EVERY_MS = 30000;
  const figure = document.querySelector("[data-chart-url]");
  if (!figure || !window.Chart) {
    return;
  }
  const COLORS = { sent: "--mm-sent", failed: "--mm-failed", uncertain: "--mm-uncertain", later: "--mm-waiting" };
  const isRightToLeft = document.documentElement.dir === "rtl";

  function color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function datasets(series) {
    return series.map((each) => ({
      label: each.label,
      data: each.data,
      backgroundColor: color(COLORS[each.key]),
      borderRadius: 2,
      maxBarThickness: 40,
    }));
  }

  function axis(extra) {
    return {
      stacked: true,
      grid: { color: color("--hairline-color"), display: Boolean(extra.beginAtZero) },
      ticks: { color: color("--body-quiet-color"), precision: 0, maxRotation: 0, autoSkipPadding: 16 },
      ...extra,
    };
  }

  function draw(numbers) {
    return new window.Chart(figure.querySelector("canvas"), {
      type: "bar",
      data: { labels: numbers.labels, datasets: datasets(numbers.series) },
      options: {
        animation: false,
        maintainAspectRatio: false,
        locale: document.documentElement.lang || undefined,
        scales: {
          x: axis({ reverse: isRightToLeft }),
          y: axis({ beginAtZero: true, position: isRightToLeft ? "right" : "left" }),
        },
        plugins: {
          legend: {
            display: numbers.series.length > 1,
            rtl: isRightToLeft,
            labels: { color: color("--body-fg"), boxWidth: 10, boxHeight: 10 },
          },
        },
      },
    });
  }

  let chart = null;
  let drawn = "";

  async function refresh() {
    const card = document.getElementById("progress");
    if (!document.hidden) {
      try {
        const response = await fetch(figure.dataset.chartUrl, { headers: { Accept: "application/json" } });
        if (response.ok && !response.redirected) {
          const text = await response.text();
          if (text !== drawn) {
            drawn = text;
            if (chart) {
              chart.destroy();
            }
            chart = draw(JSON.parse(text));
          }
        }
      } catch (error) {
        console.warn("The chart could not be refreshed; the next try follows.", error);
      }
    }
    if (card && card.dataset.live === "yes") {
      window.setTimeout(refresh, EVERY_MS);
    }
  }

  refresh();
})();
