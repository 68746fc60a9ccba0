/* The preview beside a form: what is typed, as a chosen person reads it, and what is wrong with it.
   Where nothing can be typed, the saved state as that person. */
"use strict";

(function () {
  const card = document.querySelector("[data-live-preview]");
  if (!card) {
    return;
  }
  const FIELDS = ["subject", "preheader", "content", "styles", "prev_corr", "signature", "type"];
  const PAUSE_MS = 500;
  const form = document.getElementById(card.dataset.form);
  const draftUrl = card.dataset.draftUrl;
  const savedUrl = card.dataset.savedUrl;
  const find = (selector) => card.querySelector(selector);
  let chosen = "";
  let asked = null;
  let shown = "";

  for (const each of card.querySelectorAll("[data-needs-script]")) {
    each.hidden = false;
  }

  /* --- a desktop window in a narrow column */

  const DESKTOP_PX = 680;
  const body = find(".preview-body");
  new ResizeObserver(function () {
    const scale = Math.min(1, body.clientWidth / DESKTOP_PX);
    body.style.setProperty("--preview-scale", scale);
    body.classList.toggle("is-scaled", scale < 1);
  }).observe(body);

  /* --- as whom */

  const person = find("#preview-as-person");
  const people = find("#preview-people");

  person.addEventListener("input", later(function () {
    const match = Array.from(people.options).find((option) => option.value === person.value);
    const before = chosen;
    chosen = match ? match.dataset.person : "";
    if (chosen !== before) {
      refresh();
    }
    if (!match && person.value.trim()) {
      offerPeople(person.value);
    }
  }, 250));
  person.addEventListener("focus", () => offerPeople(person.value), { once: true });

  async function offerPeople(text) {
    const address = new URL(person.dataset.peopleUrl, location.href);
    address.searchParams.set("q", text);
    const answer = await fetch(address).then(asJson).catch(() => null);
    if (answer) {
      people.replaceChildren(...answer.people.map(function (each) {
        const option = document.createElement("option");
        option.value = each.label;
        option.dataset.person = each.value;
        return option;
      }));
    }
  }

  /* --- what is typed */

  function refresh() {
    if (draftUrl) {
      ask();
    } else if (savedUrl) {
      for (const each of card.querySelectorAll("[data-part]")) {
        const address = new URL(savedUrl, location.href);
        address.searchParams.set("part", each.dataset.part);
        address.searchParams.set("person", chosen);
        each.src = address;
      }
    }
  }

  async function ask() {
    if (asked) {
      asked.abort();
    }
    asked = new AbortController();
    const data = new FormData();
    data.set("person", chosen);
    for (const name of FIELDS) {
      if (form.elements[name]) {
        data.set(name, form.elements[name].value);
      }
    }
    const headers = { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value };
    try {
      const request = { method: "POST", body: data, headers, signal: asked.signal };
      show(await asJson(await fetch(draftUrl, request)));
      find("[data-offline]").hidden = true;
    } catch (error) {
      if (error.name !== "AbortError") {
        find("[data-offline]").hidden = false;
      }
    }
  }

  function show(answer) {
    showProblems(answer.problems);
    card.classList.toggle("is-stale", answer.html === undefined);
    if (answer.html === undefined) {
      return;
    }
    showHtml(answer.html);
    const text = find('[data-part="text"]');
    if (text) {
      text.remove();
    }
    for (const part of card.querySelectorAll("[data-draft-part]")) {
      part.textContent = answer[part.dataset.draftPart];
      part.hidden = false;
    }
    for (const fact of card.querySelectorAll("[data-fact]")) {
      fact.textContent = answer[fact.dataset.fact];
    }
    const facts = find("[data-facts]"); // of messages alone
    if (facts) {
      facts.hidden = false;
    }
    weigh(answer.size);
  }

  /* In a new frame: the old one may still be loading what was saved, and would show that at last. */
  function showHtml(html) {
    if (html === shown) {
      return;
    }
    shown = html;
    const frame = find('[data-part="html"]');
    const next = frame.cloneNode(false);
    next.removeAttribute("src");
    next.srcdoc = html;
    frame.replaceWith(next);
  }

  /* --- problems: each leads to its place */

  function showProblems(problems) {
    const box = find("[data-problems]");
    const template = box.querySelector("template");
    box.querySelector("[data-list]").replaceChildren(...problems.map(function (problem) {
      const item = template.content.firstElementChild.cloneNode(true);
      const button = item.querySelector("button");
      const label = form.querySelector(`label[for="id_${problem.field}"]`);
      const place = label ? label.textContent.replace(/:\s*$/, "") + " · " : "";
      button.textContent = place + problem.text;
      button.addEventListener("click", () => goTo(problem.field, problem.line));
      return item;
    }));
    box.hidden = problems.length === 0;
  }

  function goTo(name, line) {
    const field = form.elements[name];
    if (!field) {
      return;
    }
    const details = field.closest("details");
    if (details) {
      details.open = true;
    }
    const editor = window.CKEDITOR && CKEDITOR.instances[field.id];
    if (!editor) {
      select(field, line);
    } else if (editor.mode === "source") {
      select(editor.editable().$, line);
    } else {
      editor.setMode("source", () => select(editor.editable().$, line));
    }
  }

  function select(field, line) {
    field.scrollIntoView({ block: "center" });
    field.focus();
    if (!line || !field.setSelectionRange) {
      return;
    }
    const lines = field.value.split("\n");
    const begin = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    field.setSelectionRange(begin, begin + (lines[line - 1] || "").length);
    field.scrollTop = (field.scrollHeight / lines.length) * Math.max(0, line - 4);
  }

  /* --- weight */

  let mailBytes = 0;

  function weigh(bytes) {
    mailBytes = bytes;
    const files = attachedBytes();
    find('[data-weight-of="mail"]').textContent = inWords(mailBytes);
    find('[data-weight-of="files"]').textContent = inWords(files);
    find("[data-weight-files]").hidden = files === 0;
    find("[data-weight]").hidden = false;
  }

  /* Files grow by a third in a mail. A row that is to be deleted, or gets a new file, counts so. */
  function attachedBytes() {
    let bytes = 0;
    for (const row of form.querySelectorAll(".inline-group tr.form-row")) {
      const input = row.querySelector("input[type=file]");
      const deleted = row.querySelector(".delete input[type=checkbox]");
      const saved = row.querySelector("[data-file-size]");
      const added = input && input.files[0];
      if (!(deleted && deleted.checked)) {
        bytes += added ? added.size : Number(saved ? saved.value : 0);
      }
    }
    return (bytes * 4) / 3;
  }

  function inWords(bytes) {
    const [unit, value] = bytes < 1e6 ? ["kilobyte", bytes / 1e3] : ["megabyte", bytes / 1e6];
    const format = { style: "unit", unit, maximumFractionDigits: value < 10 ? 1 : 0 };
    return new Intl.NumberFormat(document.documentElement.lang, format).format(value);
  }

  /* --- when */

  if (draftUrl) {
    form.addEventListener("input", later(refresh, PAUSE_MS));
    form.addEventListener("change", function (event) {
      if (event.target.type === "file" || event.target.closest(".delete")) {
        weigh(mailBytes);
      } else if (event.target.tagName === "SELECT") {
        refresh();
      }
    });
    refresh();
  }

  function later(act, pause) {
    let timer = 0;
    return function () {
      clearTimeout(timer);
      timer = setTimeout(act, pause);
    };
  }

  function asJson(response) {
    if (!response.ok || response.redirected) {
      throw new Error(`answered ${response.status}`);
    }
    return response.json();
  }
})();
