// Elements and texts: the little that the pages need of a framework.

/** An element; attributes named on… are listeners, a `null`, `false` or `undefined` attribute or child is left out. */
export function h(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  return dress(document.createElement(name), classes, attributes, children);
}

/** The same in SVG. */
export function s(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  return dress(document.createElementNS("http://www.w3.org/2000/svg", name), classes, attributes, children);
}

function dress(element, classes, attributes, children) {
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const find = (selector, within = document) => within.querySelector(selector);

/**
 * Calls `handle` when the form is sent. Its button is disabled in the page's text and works from now on: sent before there is
 * somebody to listen, the browser would load the page anew and what was typed would be gone.
 */
export function onSubmit(form, handle) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    handle(event);
  });
  find("button[type=submit]", form).disabled = false;
}

/** JSON that the server put into the page. */
export const embedded = (id) => JSON.parse(document.getElementById(id).textContent);

/** Saves text or bytes as a file, without a request. */
export function download(name, type, ...parts) {
  const url = URL.createObjectURL(new Blob(parts, { type }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
