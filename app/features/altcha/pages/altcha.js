// Solve the puzzle of a form: find the number whose SHA-256 with the salt is the challenge.
(function () {
  "use strict";

  var box = document.querySelector("[data-altcha]");
  if (!box) return;
  var form = box.closest("form");
  var field = box.querySelector("input");
  var said = box.querySelector("[data-altcha-said]");
  var buttons = form.querySelector(".form-buttons");
  var puzzle = box.dataset;
  var running = false;
  var button = null;
  var wantsToSend = false;

  if (buttons) buttons.before(said);

  function say(text) {
    said.hidden = !text;
    said.textContent = text;
  }

  function hex(digest) {
    return Array.from(new Uint8Array(digest), function (byte) {
      return byte.toString(16).padStart(2, "0");
    }).join("");
  }

  function rest() {
    return new Promise(function (wake) {
      setTimeout(wake, 0);
    });
  }

  async function solve() {
    var rested = performance.now();
    var encoder = new TextEncoder();
    var first = parseInt(puzzle.challenge.slice(0, 2), 16);
    for (var number = 0; number <= Number(puzzle.most); number += 1) {
      // Typing goes before.
      if (performance.now() - rested > 8) {
        await rest();
        rested = performance.now();
      }
      var digest = await crypto.subtle.digest("SHA-256", encoder.encode(puzzle.salt + number));
      if (new Uint8Array(digest, 0, 1)[0] === first && hex(digest) === puzzle.challenge) return number;
    }
    return null;
  }

  function finish(number) {
    field.value = btoa(
      JSON.stringify({
        algorithm: "SHA-256",
        challenge: puzzle.challenge,
        number: number,
        salt: puzzle.salt,
        signature: puzzle.signature,
      }),
    );
    say("");
    if (wantsToSend) form.requestSubmit(button);
  }

  function start() {
    if (running) return;
    running = true;
    solve().then(finish);
  }

  if (!window.crypto || !crypto.subtle) {
    say("To keep robots out, this form needs a secure connection. Open the page with https.");
    return;
  }
  form.addEventListener("focusin", start);
  form.addEventListener(
    "submit",
    function (event) {
      if (field.value) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      wantsToSend = true;
      button = event.submitter;
      say("One moment: your browser proves that it is no robot. Then the form is sent.");
      start();
    },
    true,
  );
})();
