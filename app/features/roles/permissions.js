// The page of a role: the permission for everything ticks all, and unticking one unticks it.
(function () {
  "use strict";

  document.querySelectorAll("[data-permissions]").forEach(function (group) {
    var everything = group.querySelector("[data-everything]");
    var others = Array.prototype.filter.call(group.querySelectorAll("input"), function (box) {
      return box !== everything;
    });
    if (!everything || everything.disabled) return;
    var before = null;

    group.addEventListener("change", function (event) {
      if (event.target !== everything) {
        if (!event.target.checked) everything.checked = false;
        return;
      }
      if (everything.checked) before = others.map(function (box) { return box.checked; });
      others.forEach(function (box, place) {
        box.checked = everything.checked || (before ? before[place] : box.checked);
      });
    });
  });
})();
