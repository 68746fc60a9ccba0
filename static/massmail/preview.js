/* Shows the preview as the person chosen in the list above it. */
"use strict";

(function () {
  const person = document.querySelector("[data-preview-person]");
  if (!person) {
    return;
  }
  person.addEventListener("change", function () {
    for (const frame of document.querySelectorAll("[data-preview-part]")) {
      frame.src = `${person.value}?part=${frame.dataset.previewPart}`;
    }
  });
})();
