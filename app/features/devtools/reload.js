// Development only: asks every second whether styles or pages have changed.
(function () {
  "use strict";

  var url = document.documentElement.dataset.reloadUrl;
  var known = null;
  if (!url) return;

  function swapStyles(href) {
    var old = document.querySelector("link[data-styles]");
    var fresh = old.cloneNode();
    fresh.href = href;
    fresh.addEventListener("load", function () { old.remove(); });
    old.after(fresh);
  }

  function takeNewStyles() {
    // The page itself knows the new file's name.
    fetch(location.href, {credentials: "same-origin"}).then(function (response) {
      return response.text();
    }).then(function (html) {
      var page = new DOMParser().parseFromString(html, "text/html");
      var link = page.querySelector("link[data-styles]");
      if (link) swapStyles(link.getAttribute("href"));
    });
  }

  function check() {
    if (document.hidden) return;
    fetch(url, {cache: "no-store", credentials: "same-origin"}).then(function (response) {
      return response.json();
    }).then(function (now) {
      if (known && now.pages !== known.pages) location.reload();
      else if (known && now.styles !== known.styles) takeNewStyles();
      known = now;
    }).catch(function () {
      // The server restarts; ask again in a second.
    });
  }

  check();
  setInterval(check, 1000);
})();
