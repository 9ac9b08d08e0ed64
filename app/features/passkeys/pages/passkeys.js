// Passkeys: let the browser make or use one, and send its answer with the form.
(function () {
  "use strict";

  var RENEW_AFTER = 4 * 60 * 1000; // ms; a challenge is valid for five minutes
  var offered = null; // stops the offer of the autofill
  var supported = window.PublicKeyCredential && PublicKeyCredential.parseRequestOptionsFromJSON;

  function fetchOptions(form) {
    return fetch(form.dataset.options, {
      method: "POST",
      credentials: "same-origin",
      headers: {"Accept": "application/json", "X-CSRFToken": form.elements.csrf_token.value}
    }).then(function (response) {
      if (!response.ok || response.redirected) throw new Error("no options");
      return response.json();
    });
  }

  function ask(form, more) {
    return fetchOptions(form).then(function (options) {
      var make = form.dataset.passkey === "make";
      var request = Object.assign({}, more, {
        publicKey: make
          ? PublicKeyCredential.parseCreationOptionsFromJSON(options)
          : PublicKeyCredential.parseRequestOptionsFromJSON(options)
      });
      return make ? navigator.credentials.create(request) : navigator.credentials.get(request);
    });
  }

  function send(form, credential) {
    var remember = document.getElementById("remember_me");
    if (form.elements.remember_me && remember) form.elements.remember_me.value = remember.checked ? "y" : "";
    form.elements.credential.value = JSON.stringify(credential.toJSON());
    form.requestSubmit();
  }

  function say(form, text) {
    var place = form.querySelector("[data-passkey-problem]");
    place.textContent = text;
    place.hidden = !text;
  }

  function wordsFor(error) {
    if (error.name === "NotAllowedError") return "No passkey was used. Try again.";
    if (error.name === "InvalidStateError") return "Your account has a passkey on this device already.";
    if (error.name === "SecurityError") return "Passkeys do not work at this address.";
    return "That did not work. Reload the page, and try again.";
  }

  function stopOffer() {
    if (offered) offered.abort();
    offered = null;
  }

  // The browser offers passkeys in the list under the field for the email address.
  function offer(form) {
    var stop = offered = new AbortController();
    var timer = setTimeout(function () {
      if (offered !== stop) return;
      stopOffer();
      offer(form);
    }, RENEW_AFTER);
    ask(form, {mediation: "conditional", signal: stop.signal}).then(function (credential) {
      offered = null;
      send(form, credential);
    }).catch(function () {
      // It was stopped, or the user chose none. The button and the password are still there.
    }).finally(function () {
      clearTimeout(timer);
    });
  }

  document.querySelectorAll("form[data-passkey]").forEach(function (form) {
    var field = document.getElementById(form.dataset.autofill || "");
    if (!supported) {
      if (!form.hidden) say(form, "This browser has no passkeys, or the page was not opened over HTTPS.");
      return;
    }
    form.hidden = false;
    form.addEventListener("submit", function (event) {
      if (form.elements.credential.value) return;
      event.preventDefault();
      stopOffer();
      say(form, "");
      ask(form, {}).then(function (credential) {
        send(form, credential);
      }).catch(function (error) {
        say(form, wordsFor(error));
      });
    });
    if (field && PublicKeyCredential.isConditionalMediationAvailable) {
      PublicKeyCredential.isConditionalMediationAvailable().then(function (available) {
        if (!available) return;
        field.autocomplete = "username webauthn";
        offer(form);
      });
    }
  });

  // A page restored from the browser's history asks again.
  window.addEventListener("pageshow", function (event) {
    if (!event.persisted) return;
    document.querySelectorAll("form[data-passkey]").forEach(function (form) {
      form.elements.credential.value = "";
    });
  });
})();
