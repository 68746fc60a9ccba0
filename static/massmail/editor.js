/* The form of a message or a signature: starts the editor, tells the length of a line, and asks
   before what was typed is lost. Whoever listens for "input" on the form hears the editor too. */
"use strict";

document.addEventListener("DOMContentLoaded", function () {
  const areas = document.querySelectorAll("textarea[data-editor]");
  if (!areas.length) {
    return;
  }
  const form = areas[0].form;
  askBeforeLeaving(form);
  form.querySelectorAll("[data-shown]").forEach(tellLength);
  areas.forEach(startEditor);
});

/* --- the editor */

function startEditor(area) {
  const type = area.form.elements.type; // signatures alone: plain text needs no editor
  if (!type || type.value === "HTML") {
    replace(area);
  }
  if (type) {
    type.addEventListener("change", function () {
      const running = CKEDITOR.instances[area.id];
      if (type.value === "HTML" && !running) {
        area.value = asHtml(area.value);
        replace(area);
      } else if (type.value !== "HTML" && running) {
        running.destroy();
        area.value = asText(area.value);
      }
      announce(area);
    });
  }
}

function replace(area) {
  const editor = CKEDITOR.replace(area, JSON.parse(area.dataset.editor));
  let timer = 0;
  const mirror = function () {
    clearTimeout(timer);
    timer = setTimeout(function () {
      if (editor.status !== "ready" || !editor.checkDirty()) {
        return;
      }
      editor.updateElement();
      announce(area);
    }, 250); // ms
  };
  editor.on("change", mirror);
  editor.on("mode", function () {
    if (editor.mode === "source") {
      editor.editable().attachListener(editor.editable(), "input", mirror);
    }
  });
}

function announce(field) {
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

function asHtml(text) {
  const holder = document.createElement("p");
  text.split("\n").forEach(function (line, number) {
    holder.append(...(number ? [document.createElement("br")] : []), line);
  });
  return text.trim() ? holder.outerHTML : "";
}

function asText(html) {
  const breaks = html.replace(/\s+/g, " ").replace(/<(br|\/p|\/div|\/tr|\/h\d)\b[^>]*>/gi, "$&\n");
  const text = new DOMParser().parseFromString(breaks, "text/html").body.textContent;
  return text.replace(/[ \t]*\n[ \t]*/g, "\n").trim();
}

/* --- unsaved changes */

function askBeforeLeaving(form) {
  let changed = document.querySelector(".errornote") !== null; // refused: typed, and not saved
  const note = function () {
    changed = true;
  };
  form.addEventListener("input", note);
  form.addEventListener("change", note);
  form.addEventListener("submit", function () {
    changed = false;
  });
  window.addEventListener("beforeunload", function (event) {
    if (changed) {
      event.preventDefault();
    }
  });
}

/* --- length */

function tellLength(field) {
  const template = document.getElementById("length-hint");
  if (!template) {
    return;
  }
  const hint = template.content.firstElementChild.cloneNode(true);
  const numbers = new Intl.NumberFormat(document.documentElement.lang);
  const tell = function () {
    const length = shownLength(field.value);
    hint.textContent = hint.dataset.words
      .replace("[length]", numbers.format(length))
      .replace("[room]", numbers.format(field.dataset.shown));
    hint.classList.toggle("too-long", length > Number(field.dataset.shown));
  };
  field.after(hint);
  field.addEventListener("input", tell);
  tell();
}

/* About how long a line is once it is filled in: a variable counts as its fallback, or its name. */
function shownLength(line) {
  const variable = /\{\{\s*(\w+)(?:\|default:(?:"([^"]*)"|'([^']*)'))?[^}]*\}\}/g;
  const filled = line.replace(variable, function (_tag, name, double, single) {
    return double || single || name;
  });
  return Array.from(filled.replace(/\{[%#].*?[%#]\}/g, "").trim()).length;
}
