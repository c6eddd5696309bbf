/** The smallest `describe` and `it`: cases are collected, and run one after another when asked. */
export function harness() {
  const cases = [];
  let group = "";
  return {
    cases,
    describe(name, define) {
      const outer = group;
      group = outer === "" ? name : `${outer} > ${name}`;
      define();
      group = outer;
    },
    it(name, run) {
      cases.push({ group, name, run });
    },
    /** Runs the cases; `report` is told of each, with the error of one that failed. */
    async run(report = () => {}, wanted = () => true) {
      const failed = [];
      const chosen = cases.filter(wanted);
      for (const { group, name, run } of chosen) {
        const start = performance.now();
        let error;
        try {
          await run();
        } catch (reason) {
          error = reason ?? new Error(`failed with ${String(reason)}`);
          failed.push(name);
        }
        report({ group, name, error, milliseconds: performance.now() - start });
      }
      return { passed: chosen.length - failed.length, failed };
    },
  };
}
