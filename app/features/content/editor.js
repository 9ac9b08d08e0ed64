// Edit a page in place. Without JavaScript the same form shows the HTML as text.
(function () {
  "use strict";

  var editor = document.querySelector("[data-editor]");
  if (!editor) return;

  var details = editor.querySelector("details");
  var form = editor.querySelector("form");
  var source = editor.querySelector("[name=edit_data]");
  var tools = editor.querySelector(".editor-tools");
  var linkRow = editor.querySelector(".editor-link");
  var linkInput = linkRow.querySelector("input");
  var cancel = editor.querySelector("[data-editor-cancel]");
  var content = document.querySelector("[data-editor-content]");
  var area = document.createElement("div");
  var savedRange = null;
  var changed = false;

  area.className = "prose editor-area";
  area.contentEditable = "true";
  area.setAttribute("role", "textbox");
  area.setAttribute("aria-multiline", "true");
  area.setAttribute("aria-label", "Text of this page");
  editor.querySelector(".editor-place").append(area);
  editor.querySelector("[data-editor-source]").hidden = true;
  editor.dataset.ready = "";
  tools.hidden = false;
  cancel.hidden = false;

  function run(command, value) {
    area.focus();
    // execCommand is deprecated, but the only way that works with the browser's undo.
    document.execCommand(command, false, value || null);
  }

  function insideTag(name) {
    var node = window.getSelection().anchorNode;
    while (node && node !== area) {
      if (node.nodeName === name) return node;
      node = node.parentNode;
    }
    return null;
  }

  function toggleLink() {
    var selection = window.getSelection();
    if (insideTag("A")) {
      run("unlink");
      return;
    }
    if (!selection.rangeCount || !area.contains(selection.anchorNode)) return;
    savedRange = selection.getRangeAt(0).cloneRange();
    linkRow.hidden = false;
    linkInput.focus();
  }

  function applyLink() {
    var address = linkInput.value.trim();
    var selection = window.getSelection();
    linkRow.hidden = true;
    area.focus();
    if (!address || !savedRange) return;
    selection.removeAllRanges();
    selection.addRange(savedRange);
    if (savedRange.collapsed) {
      var link = document.createElement("a");
      link.href = address;
      link.textContent = address;
      run("insertHTML", link.outerHTML);
    } else {
      run("createLink", address);
    }
    linkInput.value = "";
  }

  var commands = {
    bold: function () { run("bold"); },
    italic: function () { run("italic"); },
    heading: function () { run("formatBlock", insideTag("H2") ? "p" : "h2"); },
    list: function () { run("insertUnorderedList"); },
    link: toggleLink,
    undo: function () { run("undo"); }
  };

  tools.addEventListener("mousedown", function (event) {
    // A button must not clear the selection.
    if (event.target.closest("button")) event.preventDefault();
  });
  tools.addEventListener("click", function (event) {
    var button = event.target.closest("button");
    if (!button) return;
    if (button.hasAttribute("data-link-apply")) applyLink();
    else commands[button.dataset.command]();
  });
  linkInput.addEventListener("keydown", function (event) {
    if (event.key === "Enter") {
      event.preventDefault();
      applyLink();
    } else if (event.key === "Escape") {
      linkRow.hidden = true;
      area.focus();
    }
  });

  document.addEventListener("selectionchange", function () {
    if (!area.contains(window.getSelection().anchorNode)) return;
    tools.querySelectorAll("[data-command]").forEach(function (button) {
      var name = button.dataset.command;
      var pressed = name === "bold" || name === "italic" ? document.queryCommandState(name)
        : name === "heading" ? Boolean(insideTag("H2"))
        : name === "list" ? Boolean(insideTag("UL"))
        : name === "link" ? Boolean(insideTag("A")) : null;
      if (pressed !== null) button.setAttribute("aria-pressed", String(pressed));
    });
  });

  // The arrow keys move between the tools, as in every toolbar.
  tools.addEventListener("keydown", function (event) {
    if (event.target === linkInput) return;
    var step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!step) return;
    var buttons = Array.from(tools.querySelectorAll("[data-command]"));
    var next = buttons.indexOf(event.target) + step;
    if (buttons[next]) buttons[next].focus();
    event.preventDefault();
  });

  details.addEventListener("toggle", function () {
    content.hidden = details.open;
    if (!details.open) return;
    area.innerHTML = source.value;
    document.execCommand("defaultParagraphSeparator", false, "p");
    document.execCommand("styleWithCSS", false, false);
    changed = false;
    area.focus();
  });

  area.addEventListener("input", function () { changed = true; });
  // Paste as text, because saving would remove other programs' markup.
  area.addEventListener("paste", function (event) {
    event.preventDefault();
    document.execCommand("insertText", false, event.clipboardData.getData("text/plain"));
  });
  cancel.addEventListener("click", function () {
    changed = false;
    details.open = false;
    details.querySelector("summary").focus();
  });
  // Browsers put a list inside the block that it replaces, and leave empty paragraphs behind.
  function tidy() {
    area.querySelectorAll("p > ul, p > ol, h2 > ul, h2 > ol").forEach(function (list) { list.parentNode.replaceWith(list); });
    area.querySelectorAll("p").forEach(function (paragraph) {
      if (!paragraph.textContent.trim()) paragraph.remove();
    });
  }

  form.addEventListener("submit", function () {
    tidy();
    source.value = area.innerHTML;
    changed = false;
  });
  window.addEventListener("beforeunload", function (event) {
    if (changed) event.preventDefault();
  });
})();
