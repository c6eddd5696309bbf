// What holds requests back until a test lets them go, in place of sleeping.

/** A promise and what resolves it. */
export function gate() {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  return { opened, open };
}

/** What each of so many waits for; it opens when the last of them has come. */
export function together(count) {
  let missing = count;
  const all = gate();
  return () => {
    missing -= 1;
    if (missing === 0) all.open();
    return all.opened;
  };
}
