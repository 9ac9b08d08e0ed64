// Refuse a file that is too large before it is sent: the server would close the connection.
(function () {
  "use strict";

  document.addEventListener("change", function (event) {
    var box = event.target.closest("[data-largest-file]");
    if (!box || event.target.type !== "file") return;
    var file = event.target.files[0];
    var most = Number(box.dataset.largestFile);
    var isTooLarge = file && file.size > most * 1024 * 1024;
    event.target.setCustomValidity(isTooLarge ? "The file is larger than " + most + " MB. Import it in parts." : "");
    if (isTooLarge) event.target.reportValidity();
  });
})();
