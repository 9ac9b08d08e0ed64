// Password fields: show the password, and the strength of a new one by the server's rule.
(function () {
  "use strict";

  document.querySelectorAll("[data-password]").forEach(function (box) {
    var input = box.querySelector("input");
    var button = box.querySelector("button");
    button.hidden = false;
    button.addEventListener("click", function () {
      var shown = input.type === "password";
      input.type = shown ? "text" : "password";
      button.setAttribute("aria-pressed", String(shown));
      button.firstChild.data = shown ? "Hide" : "Show";
      input.focus();
    });
    if (input.form) {
      // Submit it as a password, so that the browser does not remember it as text.
      input.form.addEventListener("submit", function () { input.type = "password"; });
    }
  });

  document.querySelectorAll("[data-password-check]").forEach(function (meter) {
    var input = document.getElementById(meter.dataset.field);
    var text = meter.querySelector(".strength-text");
    var form = input.form;
    var timer = 0;
    var latest = 0;
    var level = Number(meter.dataset.level);

    function valueOf(name) {
      var field = form.elements[name];
      return field && field.value ? field.value : "";
    }

    function show(answer) {
      meter.hidden = !answer;
      meter.dataset.score = answer ? String(Math.max(1, answer.score)) : "";
      meter.dataset.acceptable = answer ? String(answer.acceptable) : "";
      text.textContent = answer ? answer.message || wordFor(answer) : "";
    }

    function wordFor(answer) {
      return answer.acceptable && answer.score >= level ? "Strong enough" : "Too easy to guess";
    }

    function ask() {
      var turn = ++latest;
      fetch(meter.dataset.passwordCheck, {
        method: "POST",
        credentials: "same-origin",
        headers: {"Content-Type": "application/json", "Accept": "application/json", "X-CSRFToken": valueOf("csrf_token")},
        body: JSON.stringify({
          password: input.value,
          first_name: valueOf("first_name"),
          last_name: valueOf("last_name"),
          email: valueOf("email")
        })
      }).then(function (response) {
        return response.ok ? response.json() : null;
      }).then(function (answer) {
        if (turn === latest) show(answer);
      }).catch(function () {
        // No response, no meter: the server checks the form on submission.
        if (turn === latest) show(null);
      });
    }

    input.addEventListener("input", function () {
      clearTimeout(timer);
      latest++;
      if (input.value) timer = setTimeout(ask, 350);
      else show(null);
    });
  });
})();
