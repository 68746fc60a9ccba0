/* The menu of variables: asks what to write where nothing is known, and inserts at the cursor. */
"use strict";

(function () {
  const dialog = document.getElementById("variables-dialog");
  const template = document.getElementById("variables-button");
  if (!dialog || !template) {
    return;
  }
  const name = dialog.querySelector("#variables-name");
  const fallback = dialog.querySelector("#variables-fallback");
  let target = null;

  for (const field of document.querySelectorAll("[data-takes-variables]")) {
    const button = template.content.firstElementChild.cloneNode(true);
    button.addEventListener("click", function () {
      target = field;
      dialog.returnValue = "";
      dialog.showModal();
      name.focus();
    });
    document.querySelector(`label[for="${field.id}"]`).after(button);
  }

  const isAlwaysKnown = function () {
    const chosen = name.selectedOptions[0];
    return Boolean(chosen && "alwaysKnown" in chosen.dataset);
  };

  name.addEventListener("change", function () {
    fallback.disabled = isAlwaysKnown();
  });

  name.addEventListener("dblclick", function () {
    dialog.querySelector("button[value=insert]").click();
  });

  dialog.addEventListener("close", function () {
    if (dialog.returnValue === "insert" && name.value) {
      insert(target, tag(name.value, isAlwaysKnown() ? "" : fallback.value.trim()));
    }
  });

  function tag(variable, otherwise) {
    return otherwise ? `{{ ${variable}|default:"${otherwise}" }}` : `{{ ${variable} }}`;
  }

  function insert(field, text) {
    const editor = window.CKEDITOR && CKEDITOR.instances[field.id];
    if (editor && editor.mode === "wysiwyg") {
      editor.focus();
      editor.insertText(text);
      return;
    }
    const place = editor ? editor.editable().$ : field;
    place.focus();
    place.setRangeText(text, place.selectionStart, place.selectionEnd, "end");
    place.dispatchEvent(new Event("input", { bubbles: true }));
  }
})();
