// What the tests do on the page, as its reader would: fields, buttons, and waiting for what is shown. It runs there,
// so it is one function that needs nothing of its module.

export function install() {
  const PATIENCE_MS = 150_000;

  /** The hands on a window that shows the page. */
  globalThis.handsOn = (window) => {
    const { document } = window;
    const at = (selector) => {
      const found = document.querySelector(selector);
      if (found === null) throw new Error(`there is no ${selector} on the page`);
      return found;
    };
    const text = (selector) => at(selector).textContent.trim();

    /** Resolves with what `condition` answers, once that is something; looks whenever the page has changed. */
    const until = (condition, what) =>
      new Promise((resolve, reject) => {
        const observer = new MutationObserver(look);
        const timer = setTimeout(() => {
          observer.disconnect();
          const said = Array.from(document.querySelectorAll(".outcome"), (one) => one.textContent.trim());
          reject(new Error(`in vain waited for ${what}; the page says: ${said.filter(Boolean).join(" | ")}`));
        }, PATIENCE_MS);
        const end = () => {
          clearTimeout(timer);
          observer.disconnect();
        };
        function look() {
          try {
            const found = condition();
            if (!found) return;
            end();
            resolve(found);
          } catch (error) {
            // Thrown on, it would be shown on the page, which is a change to look at.
            end();
            reject(error);
          }
        }
        observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
        look();
      });

    /** A module of the page, as the page itself has it. */
    const load = (name) => import(`${window.location.origin}/page/${name}`);

    const set = (selector, value) => {
      const field = at(selector);
      if (field.type === "checkbox") field.checked = value;
      else field.value = value;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      field.dispatchEvent(new Event("change", { bubbles: true }));
    };

    const choose = (selector, file) => {
      const transfer = new DataTransfer();
      if (file) transfer.items.add(file);
      at(selector).files = transfer.files;
      at(selector).dispatchEvent(new Event("change", { bubbles: true }));
    };

    /** Presses a form's button and answers what comes of it: `{ state, text }`. */
    const press = async (form, action, outcome) => {
      at(outcome).replaceChildren();
      at(outcome).removeAttribute("data-state");
      at(`${form} button[value="${action}"]`).click();
      return said(outcome);
    };

    const said = (outcome) =>
      until(() => {
        const { dataset, textContent } = at(outcome);
        return textContent && dataset.state && { state: dataset.state, text: textContent.trim() };
      }, `the outcome in ${outcome}`);

    const byHand = (action) => press("#by-hand", action, "#hand-outcome");

    /** Reads the session of this id by the form, until it is shown. */
    const read = async (id) => {
      set("#id", id);
      at('#by-hand button[value="read"]').click();
      await until(
        () => !at("#view").hidden && text("#view-facts").startsWith(`Id${id}`),
        "the session to be shown",
      );
    };

    const write = ({
      id = "",
      content = "",
      file,
      idle = "",
      absolute = "",
      tags,
      condition = "always",
      revision,
    }) => {
      set("#id", id);
      at(`input[name="kind"][value="${file ? "file" : "text"}"]`).click();
      set("#content", content);
      choose("#file", file);
      set("#idle", idle);
      set("#absolute", absolute);
      set("#tags", tags ?? "");
      set('input[name="keepTags"]', tags === undefined);
      set("#condition", condition);
      if (revision !== undefined) set("#revision", revision);
      return byHand("write");
    };

    const rows = () =>
      Array.from(document.querySelectorAll(".row"), (row) => ({
        id: row.querySelector(".id").textContent,
        facts: row.querySelector(".facts").textContent,
        left: row.querySelector(".left").textContent,
        tags: Array.from(row.querySelectorAll(".tags bdi"), (tag) => tag.textContent),
        bar: row.querySelector("progress").value,
        isLow: row.classList.contains("low"),
      }));
    const row = (id) => rows().find((found) => found.id === id);

    /** The ids in the list, once they are these. */
    const lists = (...ids) => {
      const wanted = ids.toSorted().join("\n");
      const shown = () =>
        rows()
          .map(({ id }) => id)
          .toSorted()
          .join("\n");
      return until(() => shown() === wanted, `the list to show ${JSON.stringify(ids)}`);
    };

    /** Keeps what the page offers as a download, which is not begun. */
    const catchDownloads = () => {
      const caught = [];
      window.URL.createObjectURL = (blob) => {
        caught.push(blob);
        return "blob:caught";
      };
      window.HTMLAnchorElement.prototype.click = function () {
        caught.at(-1).downloadName = this.download;
      };
      return caught;
    };

    /** In place of the next workers: those that tell at once what is given, by the ends of their scripts' names. */
    const pretendWorkers = (told) => {
      window.Worker = class extends EventTarget {
        constructor(address) {
          super();
          this.messages = told[Object.keys(told).find((name) => String(address).endsWith(name))];
        }
        postMessage() {
          for (const data of [...this.messages, { end: true }]) {
            queueMicrotask(() => this.dispatchEvent(new MessageEvent("message", { data })));
          }
        }
        terminate() {}
      };
    };

    const ready = () => until(() => document.documentElement.dataset.ready, "the page to be ready");

    return {
      at,
      text,
      until,
      load,
      set,
      choose,
      press,
      said,
      byHand,
      read,
      write,
      rows,
      row,
      lists,
      catchDownloads,
      pretendWorkers,
      ready,
    };
  };

  /** The hands on the page in a new frame: a client of its own. */
  const frame = async (width = 1_000) => {
    const made = document.createElement("iframe");
    made.width = width;
    made.height = 700;
    const loaded = new Promise((resolve) => made.addEventListener("load", resolve));
    made.src = "/page/";
    document.body.append(made);
    await loaded;
    const found = globalThis.handsOn(made.contentWindow);
    await found.ready();
    return found;
  };

  globalThis.hands = { ...globalThis.handsOn(globalThis), frame };
}
