// A button that copies a field's text, or selects it if the browser forbids copying.
(function () {
  "use strict";

  document.querySelectorAll("[data-copy]").forEach(function (button) {
    var source = document.getElementById(button.dataset.copy);
    var word = button.querySelector("[data-copy-word]");
    var said = document.querySelector("[data-copy-said]");
    if (!source) return;
    button.hidden = false;

    function say(text) {
      if (word) word.textContent = text;
      if (said) said.textContent = text;
    }

    function select() {
      source.focus();
      source.select();
    }

    button.addEventListener("click", function () {
      if (!navigator.clipboard) {
        select();
        say(document.execCommand("copy") ? "Copied" : "Press Ctrl+C to copy");
        return;
      }
      navigator.clipboard.writeText(source.value).then(function () {
        say("Copied");
      }, function () {
        select();
        say("Press Ctrl+C to copy");
      });
    });
    source.addEventListener("focus", function () { source.select(); });
  });
})();
