// Takes the secret of a mailed link out of the address bar, the history and what an onlooker sees.
(function () {
  "use strict";

  var clean = document.body.dataset.cleanUrl;
  if (clean) history.replaceState(null, "", clean);
})();
