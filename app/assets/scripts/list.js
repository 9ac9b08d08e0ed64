// Search, filter, sort and page a list in place: request the same URLs as without this script, and
// replace the parts marked data-list-part.
(function () {
  "use strict";

  var PAUSE = 200;
  var form = document.querySelector("[data-list-form]");
  if (!form || !window.fetch || !window.AbortController) return;

  var said = document.querySelector("[data-list-said]");
  var rows = document.querySelector("[data-list-part=rows]");
  var timer = null;
  var asking = null;
  form.classList.add("is-live");

  // Not form.action, because a list may have a filter named "action".
  var address = new URL(form.getAttribute("action"), location.href);

  function addressOfForm() {
    var query = new URLSearchParams();
    new FormData(form).forEach(function (value, name) {
      if (value !== "") query.append(name, value);
    });
    var text = query.toString();
    return address.pathname + (text ? "?" + text : "");
  }

  function isOfList(link) {
    return link.origin === location.origin && link.pathname === address.pathname;
  }

  // The form has to match the rows, but a field in use keeps its value.
  function setForm(page) {
    var fresh = page.querySelector("[data-list-form]");
    Array.prototype.forEach.call(form.elements, function (field) {
      var other = field.id && fresh.querySelector("#" + field.id);
      if (other && field !== document.activeElement) field.value = other.value;
    });
  }

  function show(html, isNewPage) {
    var page = new DOMParser().parseFromString(html, "text/html");
    if (!page.querySelector("[data-list-part=rows]")) return false;
    document.querySelectorAll("[data-list-part]").forEach(function (part) {
      var fresh = page.querySelector("[data-list-part=\"" + part.dataset.listPart + "\"]");
      var hadFocus = part.contains(document.activeElement) ? document.activeElement : null;
      var href = hadFocus && hadFocus.textContent.trim();
      part.replaceChildren.apply(part, Array.prototype.slice.call(document.importNode(fresh, true).childNodes));
      if (!hadFocus) return;
      // A sort link keeps the focus. After a change of page it moves to the top of the rows.
      var again = isNewPage ? null : Array.prototype.filter.call(part.querySelectorAll("a, summary"), function (element) {
        return element.textContent.trim() === href;
      })[0];
      (again || rows).focus({preventScroll: true});
    });
    setForm(page);
    var total = document.querySelector("[data-list-total]");
    var notices = rows.querySelector(".list-notices");
    said.textContent = (notices ? notices.textContent.trim() + " " : "") + (total ? total.textContent.split("·")[0].trim().replace(/\s+/g, " ") + "." : "");
    document.dispatchEvent(new CustomEvent("list:shown"));
    return true;
  }

  // Show only the response to the latest request.
  function load(address, how) {
    clearTimeout(timer);
    if (asking) asking.abort();
    var mine = asking = new AbortController();
    var slow = setTimeout(function () { rows.setAttribute("aria-busy", "true"); }, 300);
    fetch(address, {credentials: "same-origin", signal: mine.signal, headers: {Accept: "text/html"}}).then(function (response) {
      if (!response.ok || response.redirected) throw new Error("not a list");
      return response.text();
    }).then(function (html) {
      if (asking !== mine) return;
      if (!show(html, how === "turn")) throw new Error("not a list");
      if (how === "type") history.replaceState({list: true}, "", address);
      else if (how !== "back") history.pushState({list: true}, "", address);
      if (how === "turn" && rows.getBoundingClientRect().top < 0) rows.scrollIntoView();
    }).catch(function (error) {
      // The user is signed out, or the request failed: the full page shows the reason.
      if (error.name !== "AbortError" && asking === mine) location.assign(address);
    }).then(function () {
      clearTimeout(slow);
      if (asking === mine) rows.removeAttribute("aria-busy");
    });
  }

  form.addEventListener("input", function (event) {
    if (!event.target.matches("[data-search]")) return;
    clearTimeout(timer);
    timer = setTimeout(function () { load(addressOfForm(), "type"); }, PAUSE);
  });

  form.addEventListener("submit", function (event) {
    event.preventDefault();
    load(addressOfForm(), "filter");
  });

  document.addEventListener("click", function (event) {
    var link = event.target.closest && event.target.closest("[data-list-part] a[href]");
    if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    if (!isOfList(link) || link.hasAttribute("download")) return;
    event.preventDefault();
    load(link.href, link.rel ? "turn" : "sort");
  });

  window.addEventListener("popstate", function () {
    if (isOfList(location)) load(location.href, "back");
  });
})();
