// Refresh the parts marked data-live every two seconds while the page is visible, and replace those
// that have changed.
(function () {
  "use strict";

  var PAUSE = 2000;
  // Poll an unreachable server less and less often, then stop.
  var MOST_FAILURES = 8;
  var failures = 0;
  // An open page must not keep its session alive forever.
  var LONGEST_REST = 15 * 60 * 1000;
  var notice = document.querySelector("[data-live-notice]");
  var lastSign = Date.now();
  var timer = null;
  var isAsking = false;
  if (!notice) return;

  function say(text) {
    notice.textContent = text;
    notice.hidden = !text;
  }

  // Identify the element of the new part that had the focus in the old one.
  function sign(element) {
    // Use the text last: numbers in it change.
    return element.tagName + "|" + (element.id || element.getAttribute("href") || element.textContent.trim());
  }

  function isInUse(part) {
    if (part.querySelector("details.menu[open]")) return true;
    var selection = document.getSelection();
    return selection && !selection.isCollapsed && part.contains(selection.anchorNode);
  }

  function swap(part, fresh) {
    // Compare responses with each other, because scripts may have changed the page.
    if (part.liveSource === fresh.innerHTML || isInUse(part)) return;
    if (part.liveSource === undefined && part.innerHTML === fresh.innerHTML) {
      part.liveSource = fresh.innerHTML;
      return;
    }
    var active = part.contains(document.activeElement) ? sign(document.activeElement) : null;
    var scrolled = Array.prototype.map.call(part.querySelectorAll(".scroll-box, .trace"), function (box) {
      return [box.scrollTop, box.scrollLeft];
    });
    part.liveSource = fresh.innerHTML;
    part.replaceChildren.apply(part, Array.prototype.slice.call(document.importNode(fresh, true).childNodes));
    part.querySelectorAll(".scroll-box, .trace").forEach(function (box, index) {
      if (!scrolled[index]) return;
      box.scrollTop = scrolled[index][0];
      box.scrollLeft = scrolled[index][1];
    });
    if (!active) return;
    var found = Array.prototype.filter.call(part.querySelectorAll("a, button, summary, [tabindex]"), function (element) {
      return sign(element) === active;
    })[0];
    // The focused element may be gone, such as a button of an ended job: keep the focus nearby.
    (found || part.closest("[tabindex='-1']")).focus({preventScroll: true});
  }

  function show(html) {
    var page = new DOMParser().parseFromString(html, "text/html");
    document.querySelectorAll("[data-live]").forEach(function (part) {
      var fresh = page.querySelector("[data-live=\"" + part.dataset.live + "\"]");
      if (fresh) swap(part, fresh);
    });
  }

  function stop(text) {
    lastSign = 0;
    say(text + " Reload the page to go on.");
  }

  function ask() {
    timer = null;
    if (document.hidden || isAsking || !lastSign) return;
    if (Date.now() - lastSign > LONGEST_REST) return say("Not updated since you were last here.");
    isAsking = true;
    var began = Date.now();
    fetch(location.href, {headers: {"X-Live": "1"}, credentials: "same-origin", cache: "no-store"}).then(function (response) {
      if (response.redirected) return stop("You are signed out, so this page no longer updates.");
      if (!response.ok) return stop("The server answered with an error, so this page no longer updates.");
      return response.text().then(function (html) {
        failures = 0;
        show(html);
        say("");
      });
    }).catch(function () {
      failures += 1;
      if (failures >= MOST_FAILURES) return stop("The server cannot be reached, so this page no longer updates.");
      say("The server cannot be reached. This page goes on when it can.");
    }).then(function () {
      isAsking = false;
      // Poll a slow server less often.
      wait(Math.max(PAUSE * Math.pow(2, failures), 4 * (Date.now() - began)));
    });
  }

  function wait(pause) {
    if (!timer && lastSign) timer = setTimeout(ask, pause);
  }

  function wake() {
    if (!lastSign) return;
    var rested = Date.now() - lastSign > LONGEST_REST;
    lastSign = Date.now();
    if (rested) wait(0);
  }

  ["pointerdown", "pointermove", "keydown", "scroll"].forEach(function (kind) {
    document.addEventListener(kind, wake, {passive: true, capture: true});
  });
  document.addEventListener("visibilitychange", function () {
    if (!document.hidden) wait(0);
  });
  wait(PAUSE);
})();
