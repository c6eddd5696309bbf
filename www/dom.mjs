// Elements, made of text alone: nothing that a session holds becomes markup.

export const byId = (id) => document.getElementById(id);

/** An element with properties, and with children that are elements or text. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role" || key === "scope") made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children.flat());
  return made;
}

/** Changes a text only where it differs, so that a selection in it, and who reads aloud, are left in peace. */
export function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Calls `action` on the form's submission, and never lets the browser send it. */
export function onSubmit(form, action) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    action(event.submitter?.value ?? "");
  });
}
