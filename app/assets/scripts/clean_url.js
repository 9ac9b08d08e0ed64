// Remove the token of a mailed link from the address bar and the history.
(function () {
  "use strict";

  var clean = document.body.dataset.cleanUrl;
  if (clean) history.replaceState(null, "", clean);
})();
