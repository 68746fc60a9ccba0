/* Counts the people of a filter form while it is filled in. Without it the button "Count" does. */
"use strict";

(function () {
  const WAIT_MS = 300;
  const form = document.querySelector("[data-count-url]");
  const box = form && form.querySelector("[data-count]");
  if (!box) {
    return;
  }
  let timer = 0;
  let asked = null;

  function items(texts) {
    return texts.map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    });
  }

  function show(count) {
    box.querySelector("[data-count-headline]").textContent = count.headline;
    box.querySelector("[data-count-parts]").replaceChildren(...items(count.parts));
    box.querySelector("[data-count-problems]").replaceChildren(...items(count.problems));
  }

  function query() {
    const data = new URLSearchParams(new FormData(form));
    data.delete("csrfmiddlewaretoken");
    data.delete("name");
    return data.toString();
  }

  async function count() {
    if (asked) {
      asked.abort();
    }
    const request = new AbortController();
    asked = request;
    box.setAttribute("aria-busy", "true");
    let failed = false;
    try {
      const response = await fetch(`${form.dataset.countUrl}?${query()}`, { signal: request.signal });
      if (response.ok && !response.redirected) {
        show(await response.json());
      } else {
        failed = true;
      }
    } catch (error) {
      failed = error.name !== "AbortError";
    }
    if (asked === request) {
      box.querySelector("[data-count-failed]").hidden = !failed;
      box.removeAttribute("aria-busy");
    }
  }

  function isChanged(field) {
    if (field.options) {
      return [...field.options].some((option) => option.selected !== option.defaultSelected);
    }
    if (field.name === "name" || field.type === "hidden" || field.defaultValue === undefined) {
      return false;
    }
    return field.checked !== field.defaultChecked || field.value !== field.defaultValue;
  }

  form.addEventListener("input", (event) => {
    if (event.target.name !== "name") {
      window.clearTimeout(timer);
      timer = window.setTimeout(count, WAIT_MS);
    }
  });
  /* Chosen before this ran, or kept by the browser on the way back. */
  if ([...form.elements].some(isChanged)) {
    count();
  }
})();
