// Let a user choose the square part of a picture: by dragging, by the arrow keys, by the zoom.
(function () {
  "use strict";

  var box = document.querySelector("[data-crop]");
  if (!box || !window.createImageBitmap) return;
  var form = box.closest("form");
  var input = form.querySelector("input[type=file]");
  var area = box.querySelector("[data-crop-area]");
  var zoom = box.querySelector("[data-crop-zoom]");
  var value = form.querySelector("[data-crop-value]");
  var problem = form.querySelector("[data-crop-problem]");
  var pen = area.getContext("2d");
  var picture = null;
  // Where the square is in the space beside it, from 0 to 1.
  var left = 0.5;
  var top = 0.5;

  // Without this script the text says that the middle is used.
  form.querySelector("[data-without-crop]").hidden = true;

  function between(number) {
    return Math.min(1, Math.max(0, number));
  }

  function side() {
    return Math.min(picture.width, picture.height) / Number(zoom.value);
  }

  function draw() {
    if (!picture) return;
    var length = side();
    var x = (picture.width - length) * left;
    var y = (picture.height - length) * top;
    pen.clearRect(0, 0, area.width, area.height);
    pen.drawImage(picture, x, y, length, length, 0, 0, area.width, area.height);
    value.value = [left, top, 1 / Number(zoom.value)].map(function (number) {
      return String(Math.round(number * 10000) / 10000);
    }).join(",");
  }

  // Move the square by fractions of its side.
  function move(right, down) {
    if (!picture) return;
    var across = picture.width - side();
    var along = picture.height - side();
    if (across > 0) left = between(left + right * side() / across);
    if (along > 0) top = between(top + down * side() / along);
    draw();
  }

  function show(text) {
    problem.textContent = text;
    problem.hidden = !text;
  }

  input.addEventListener("change", function () {
    var file = input.files[0];
    var most = Number(box.dataset.largestFile);
    box.hidden = true;
    picture = null;
    value.value = "";
    input.setCustomValidity("");
    show("");
    if (!file) return;
    if (file.size > most * 1024 * 1024) {
      input.setCustomValidity("The picture is larger than " + most + " MB. Choose a smaller one.");
      input.reportValidity();
      return;
    }
    window.createImageBitmap(file).then(function (bitmap) {
      if (input.files[0] !== file) return;
      picture = bitmap;
      left = 0.5;
      top = 0.5;
      zoom.value = "1";
      box.hidden = false;
      draw();
    }, function () {
      show("Your browser cannot show this file. It may be no picture.");
    });
  });

  zoom.addEventListener("input", draw);

  area.addEventListener("keydown", function (event) {
    var steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    var step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    move(step[0] * 0.05, step[1] * 0.05);
  });

  area.addEventListener("pointerdown", function (event) {
    area.setPointerCapture(event.pointerId);
  });
  area.addEventListener("pointermove", function (event) {
    if (!area.hasPointerCapture(event.pointerId)) return;
    // The picture follows the finger, so the square moves the other way.
    move(-event.movementX / area.clientWidth, -event.movementY / area.clientHeight);
  });
})();
