// Select rows of a list: the bar appears with the first, and Shift selects a range. Without
// JavaScript the bar is always visible and the boxes still work.
(function () {
  "use strict";

  var last = null;
  if (!document.querySelector("[data-list-form], [data-bulk]")) return;

  function boxes() {
    return Array.prototype.slice.call(document.querySelectorAll("td.check input[form=bulk]"));
  }

  function everyone() {
    return document.querySelector("[data-bulk-everyone]");
  }

  function show() {
    var bar = document.querySelector("[data-bulk]");
    if (!bar) return;
    var all = boxes();
    var picked = all.filter(function (box) { return box.checked; }).length;
    var isEveryone = everyone().checked;
    var page = document.querySelector("[data-check-all]");
    var count = document.querySelector("[data-bulk-count]");
    var words = isEveryone ? bar.dataset.bulkAll : picked + " chosen";
    if (page) {
      page.hidden = false;
      page.checked = all.length > 0 && picked === all.length;
      page.indeterminate = picked > 0 && picked < all.length;
      page.disabled = isEveryone;
    }
    all.forEach(function (box) {
      box.disabled = isEveryone;
      box.closest("tr").classList.toggle("is-picked", isEveryone);
    });
    bar.classList.add("is-live");
    bar.hidden = !picked && !isEveryone;
    document.querySelector("[data-bulk-clear]").hidden = false;
    if (count.textContent !== words) count.textContent = words;
  }

  function pick(some, checked) {
    some.forEach(function (box) { box.checked = checked; });
  }

  document.addEventListener("click", function (event) {
    var box = event.target;
    if (!box.matches) return;
    if (box.matches("td.check")) {
      box = box.querySelector("input");
      if (!box || box.disabled) return;
      box.checked = !box.checked;
    }
    if (box.matches("td.check input[form=bulk]")) {
      var all = boxes();
      var from = all.indexOf(last);
      var to = all.indexOf(box);
      if (event.shiftKey && from !== -1) pick(all.slice(Math.min(from, to), Math.max(from, to) + 1), box.checked);
      last = box;
      show();
    } else if (box.matches("[data-check-all]")) {
      pick(boxes(), box.checked);
      show();
    } else if (box.matches("[data-bulk-everyone]")) {
      pick(boxes(), box.checked);
      show();
    } else if (box.closest("[data-bulk-clear]")) {
      everyone().checked = false;
      pick(boxes(), false);
      show();
    }
  });

  // A search or a change of page replaces the rows and the bar.
  document.addEventListener("list:shown", function () {
    last = null;
    show();
  });

  // The browser may restore a page with ticked boxes.
  window.addEventListener("pageshow", show);
  show();
})();
