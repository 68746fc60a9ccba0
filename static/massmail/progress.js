/* Refreshes the progress of a mailing out every two seconds. Without it the page is right on reload. */
"use strict";

(function () {
  const EVERY_MS = 2000;
  const card = document.getElementById("progress");
  if (!card || card.dataset.live !== "yes") {
    return;
  }

  function showTexts(progress) {
    for (const place of document.querySelectorAll("[data-progress]")) {
      place.textContent = progress[place.dataset.progress];
    }
    for (const row of card.querySelectorAll("[data-progress-row]")) {
      row.hidden = !progress[row.dataset.progressRow];
    }
  }

  function showSegments(segments) {
    for (const segment of segments) {
      const number = card.querySelector(`[data-number="${segment.key}"]`);
      const bar = card.querySelector(`[data-bar="${segment.key}"]`);
      if (number) {
        number.textContent = segment.text;
      }
      if (bar) {
        bar.setAttribute("x", segment.x);
        bar.setAttribute("width", segment.width);
      }
    }
  }

  function hintItem(hint) {
    const item = document.createElement("li");
    const text = document.createElement("span");
    text.textContent = hint.text;
    item.append(text);
    if (hint.url) {
      const link = document.createElement("a");
      link.href = hint.url;
      link.textContent = hint.link;
      item.append(" ", link);
    }
    return item;
  }

  function showHints(hints) {
    const box = card.querySelector("[data-hints]");
    const list = card.querySelector("[data-hint-list]");
    const before = list && Array.from(list.children, (item) => item.textContent.trim()).join();
    const after = hints.map((hint) => (hint.text + " " + hint.link).trim()).join();
    if (!list || before === after) {
      return;
    }
    list.replaceChildren(...hints.map(hintItem));
    box.hidden = !hints.length;
  }

  function show(progress) {
    if (progress.shape !== card.dataset.shape) {
      window.location.reload();
      return;
    }
    showTexts(progress);
    showSegments(progress.segments);
    showHints(progress.hints);
    card.dataset.live = progress.is_live ? "yes" : "no";
  }

  async function refresh() {
    if (!document.hidden) {
      try {
        const response = await fetch(card.dataset.url, { headers: { Accept: "application/json" } });
        if (response.ok && !response.redirected) {
          show(await response.json());
        }
      } catch (error) {
        console.warn("The progress could not be refreshed; the next try follows.", error);
      }
    }
    if (card.dataset.live === "yes") {
      window.setTimeout(refresh, EVERY_MS);
    }
  }

  window.setTimeout(refresh, EVERY_MS);
})();
