// Ticks all people of the page at once, and says how many are ticked. Without it each is ticked by hand.
"use strict";

(() => {
  const form = document.querySelector(".people-form");
  const all = form?.querySelector("[data-tick-all]");
  if (!all) {
    return;
  }
  const boxes = [...form.querySelectorAll('input[name="delivery"]')];
  const said = form.querySelector("[data-ticked]");

  const show = () => {
    const ticked = boxes.filter((box) => box.checked).length;
    all.checked = ticked === boxes.length;
    all.indeterminate = ticked > 0 && ticked < boxes.length;
    const number = ticked.toLocaleString(document.documentElement.lang);
    said.textContent = ticked ? `${said.dataset.text} ${number}` : "";
  };

  all.closest("label").hidden = false;
  all.addEventListener("change", () => {
    for (const box of boxes) {
      box.checked = all.checked;
    }
    show();
  });
  form.addEventListener("change", show);
  show();
})();
