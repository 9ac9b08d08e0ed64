// Mark a submitted form as busy after 300 ms, and ignore a double click.
(function () {
  "use strict";

  var busyForms = [];

  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if (busyForms.indexOf(form) !== -1) {
      event.preventDefault();
      return;
    }
    busyForms.push(form);
    var button = event.submitter || form.querySelector("button[type=submit]");
    if (!button) return;
    setTimeout(function () {
      if (busyForms.indexOf(form) !== -1) button.setAttribute("aria-busy", "true");
    }, 300);
  });

  // A page restored from the browser's history is ready again.
  window.addEventListener("pageshow", function (event) {
    if (!event.persisted) return;
    busyForms = [];
    document.querySelectorAll("[aria-busy]").forEach(function (button) {
      button.removeAttribute("aria-busy");
    });
  });

  document.addEventListener("change", function (event) {
    if (event.target.matches("[data-submit-on-change]")) event.target.form.requestSubmit();
  });
})();
