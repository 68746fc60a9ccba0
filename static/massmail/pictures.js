/* The gallery's conveniences: copy a tag, hand a picture to the editor, drop a file to upload. */
"use strict";

(function () {
  function show(button, act) {
    button.hidden = false;
    button.addEventListener("click", act);
  }

  /* Without a safe connection browsers offer no clipboard: the tag is shown, ready to be copied. */
  function copy(button) {
    const done = function () {
      const label = button.textContent;
      button.textContent = button.dataset.copied;
      window.setTimeout(function () {
        button.textContent = label;
      }, 2000);
    };
    const select = function () {
      const details = button.parentElement.querySelector("details");
      details.open = true;
      window.getSelection().selectAllChildren(details.querySelector("code"));
    };
    if (navigator.clipboard) {
      navigator.clipboard.writeText(button.dataset.copy).then(done, select);
    } else {
      select();
    }
  }

  for (const button of document.querySelectorAll("[data-copy]")) {
    show(button, () => copy(button));
  }

  const gallery = document.querySelector("[data-editor-function]");
  const editor = window.opener && window.opener.CKEDITOR;
  if (gallery && editor) {
    for (const button of gallery.querySelectorAll("[data-insert]")) {
      show(button, function () {
        editor.tools.callFunction(Number(gallery.dataset.editorFunction), button.dataset.insert);
        window.close();
      });
    }
  }

  const zone = document.querySelector("[data-drop-zone]");
  if (zone) {
    const input = zone.querySelector("input[type=file]");
    for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
      zone.addEventListener(name, function (event) {
        event.preventDefault();
        zone.classList.toggle("is-over", name === "dragenter" || name === "dragover");
      });
    }
    zone.addEventListener("drop", function (event) {
      if (event.dataTransfer.files.length) {
        input.files = event.dataTransfer.files;
      }
    });
  }
})();
