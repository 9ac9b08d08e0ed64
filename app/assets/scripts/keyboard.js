// `/` goes to the search field; Esc, and a click or the focus elsewhere, close an open menu.
(function () {
  "use strict";

  function isTyping(element) {
    return element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName);
  }

  function openMenus() {
    return document.querySelectorAll("details.menu[open]");
  }

  document.addEventListener("keydown", function (event) {
    if (event.key === "/" && !isTyping(event.target) && !event.ctrlKey && !event.metaKey && !event.altKey) {
      var search = document.querySelector("[data-search]");
      if (search) {
        event.preventDefault();
        search.focus();
        search.select();
      }
    } else if (event.key === "Escape") {
      openMenus().forEach(function (menu) {
        var hadFocus = menu.contains(document.activeElement);
        menu.open = false;
        if (hadFocus) menu.querySelector("summary").focus();
      });
      if (event.target.matches("[data-search]")) event.target.blur();
    }
  });

  ["click", "focusin"].forEach(function (kind) {
    document.addEventListener(kind, function (event) {
      openMenus().forEach(function (menu) {
        if (!menu.contains(event.target)) menu.open = false;
      });
    });
  });

  // The last row's menu opens upwards when there is no room under it.
  document.addEventListener("toggle", function (event) {
    var menu = event.target;
    if (!menu.open || !menu.matches || !menu.matches("details.menu")) return;
    var panel = menu.querySelector(".menu-panel");
    if (!panel) return;
    menu.classList.remove("menu-up");
    if (panel.getBoundingClientRect().bottom > window.innerHeight) menu.classList.add("menu-up");
  }, true);
})();
