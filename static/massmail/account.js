/* The page of an email account: hides what does not apply, suggests a server, shows a test of the
   connection in place. Without it everything is there, and the test has a page of its own. */
"use strict";

(function () {
  const fieldOf = (name) => document.getElementById(`id_${name}`);

  // --- what applies to the kind that is chosen

  function showKind() {
    const chosen = document.querySelector("input[name=kind]:checked");
    if (!chosen) {
      return;
    }
    for (const field of document.querySelectorAll("[data-only]")) {
      const row = field.closest(".form-row");
      const hasErrors = row.querySelector(".errorlist") !== null;
      row.hidden = field.dataset.only !== chosen.value && !hasErrors;
    }
    const limit = fieldOf("daily_limit");
    if (limit) {
      limit.placeholder = limit.dataset[chosen.value === "relay" ? "blankRelay" : "blankMailbox"];
    }
  }

  for (const kind of document.querySelectorAll("input[name=kind]")) {
    kind.addEventListener("change", showKind);
  }
  showKind();

  // --- TLS from the start, or STARTTLS, with the port that goes with it

  const port = fieldOf("email_port");
  const tls = fieldOf("email_use_ssl");
  const starttls = fieldOf("email_use_tls");
  const server = port && tls && starttls;

  function chooseTls(chosen, other, wanted, unwanted) {
    chosen.addEventListener("change", function () {
      if (chosen.checked) {
        other.checked = false;
        if (unwanted.includes(port.value)) {
          port.value = wanted;
        }
      }
    });
  }

  if (server) {
    chooseTls(tls, starttls, "465", ["25", "587"]);
    chooseTls(starttls, tls, "587", ["465"]);
  }

  // --- a server for the address that is typed

  const source = document.getElementById("mail-providers");
  const address = fieldOf("from_email");
  const host = fieldOf("email_host");
  const login = fieldOf("email_host_user");
  const advice = document.querySelector("[data-provider-advice]");
  let suggestedHost = "";
  let suggestedLogin = "";

  function suggest(providers) {
    const found = address.value.match(/([^\s<>"]+@([^\s<>"@]+))>?\s*$/);
    const provider = found && providers[found[2].toLowerCase()];
    advice.hidden = !provider;
    if (!provider) {
      return;
    }
    advice.textContent = `${advice.dataset.found.replace("%(name)s", provider.name)} ${provider.advice}`;
    if (!host.value || host.value === suggestedHost) {
      host.value = suggestedHost = provider.host;
      port.value = provider.port;
      tls.checked = !provider.starttls;
      starttls.checked = provider.starttls;
    }
    if (!login.value || login.value === suggestedLogin) {
      login.value = suggestedLogin = found[1];
    }
  }

  if (source && address && host && login && server && !host.value) {
    const providers = JSON.parse(source.textContent);
    address.addEventListener("change", () => suggest(providers));
  }

  // --- the test of the connection

  const test = document.querySelector("[data-connection-test]");
  const result = document.querySelector("[data-connection-result]");

  async function tryConnection(event) {
    event.preventDefault();
    const button = test.querySelector("button");
    button.disabled = true;
    result.textContent = result.dataset.busy;
    try {
      const response = await fetch(test.action, {
        method: "POST",
        body: new FormData(test),
        headers: { "X-Requested-With": "fragment" },
      });
      if (!response.ok || response.redirected) {
        throw new Error(`status ${response.status}`);
      }
      result.innerHTML = await response.text(); // our own template, escaped by the server
    } catch (error) {
      console.warn("The connection could not be tested.", error);
      result.textContent = result.dataset.broken;
    }
    button.disabled = false;
  }

  if (test && result) {
    test.addEventListener("submit", tryConnection);
  }

  // --- the numbers of the panel lead to what they count

  const work = document.getElementById("account-work");

  function openWork() {
    if (work && window.location.hash === "#account-work") {
      work.open = true;
    }
  }

  window.addEventListener("hashchange", openWork);
  openWork();
})();
