/* CKEditor for mails: what an author writes in the source comes back from the visual view as it was.

   The editor's own filter refuses what could run, and nothing else; the server cleans again. Template
   tags, comments for Outlook and attributes that mail programs need survive both views. */
"use strict";

/* The editor would rewrite width, height, valign and <font> into styles, which Outlook ignores. */
CKEDITOR.filter.prototype.addTransformations = CKEDITOR.filter.prototype.addContentForms = function () {};

CKEDITOR.editorConfig = function (config) {
  config.allowedContent = { $1: { elements: CKEDITOR.dtd, attributes: true, styles: true, classes: true } };
  config.disallowedContent =
    "script; style; link; meta; base; iframe; object; embed; applet; form; input; button; select; " +
    "textarea; svg; math; *[on*,srcdoc,formaction]";

  /* Tags end on their own line, as the server reads them; {{ }} stays visible, editable text. */
  config.protectedSource = [/\{%.*?%\}/g, /\{#.*?#\}/g];

  config.clipboard_handleImages = false; // pictures come from the gallery, not from the clipboard
  const token = document.querySelector("[name=csrfmiddlewaretoken]");
  config.fileTools_requestHeaders = { "X-CSRFToken": token && token.value };

  this.on("instanceReady", function () {
    this.dataProcessor.writer.sortAttributes = 0;
  });

  /* On the way in: conditional comments that others than Outlook read, and cells that hold a blank
     alone, travel as tags, which the editor protects. A picture's tag is what is saved; its address
     is what is seen. */
  const PICTURE = /(<img\b[^>]*?\s)src=(["'])(\{%\s*cid_(media|static)\s+'([^'"<>%]+)'\s*%\})\2/g;
  this.on("toHtml", function (event) {
    const folders = this.config.pictures; // of the page's own configuration, known only now
    event.data.dataValue = event.data.dataValue
      .replace(/<!--\[if([^\]]*)\]>(<!--+>|\s*-->)/g, "{%!if$1%}")
      .replace(/<!\[if([^\]]*)\]>/g, "{%!if$1%}")
      .replace(/<!\[endif\]>/g, "<!--<![endif]-->")
      .replace(PICTURE, function (_all, before, quote, tag, kind, name) {
        return `${before}src="${folders[kind]}${name}" data-cke-saved-src=${quote}${tag}${quote}`;
      })
      .replace(/(<t[dh]\b[^>]*>)\s*&nbsp;\s*(?=<\/t[dh]>)/gi, "$1{%!nbsp%}");
  }, null, null, 1);

  /* On the way out: no character references inside tags, then the stand-ins back. This event and not
     getData, which does not fire for the source view. */
  this.on("toDataFormat", function (event) {
    event.data.dataValue = event.data.dataValue
      .replace(/\{\{.*?\}\}|\{%.*?%\}/g, function (tag) {
        const reader = document.createElement("textarea");
        reader.innerHTML = tag;
        return reader.value.replace(/\u00a0/g, " ");
      })
      .replace(/\{%!if(.*?)%\}/g, "<!--[if$1]><!-->")
      .replace(/\{%!nbsp%\}/g, "&nbsp;");
  }, null, null, 999);
};
