/* Waits for the check of every recipient: shows how far it is, and loads the page when it is done. */
"use strict";

(function () {
  const EVERY_MS = 1500;
  const card = document.querySelector("[data-check-url]");
  if (!card) {
    return;
  }

  async function ask() {
    try {
      const response = await fetch(card.dataset.checkUrl, { headers: { Accept: "application/json" } });
      if (response.ok && !response.redirected && !(await response.json()).is_running) {
        window.location.reload();
        return;
      }
    } catch (error) {
      console.warn("The check could not be asked for; the next try follows.", error);
    }
    window.setTimeout(ask, EVERY_MS);
  }

  window.setTimeout(ask, EVERY_MS);
})();
