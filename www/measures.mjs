// What is measured of each store, in the order in which it is shown.
export const MEASURES = {
  writeAtOnce: { key: "writeAtOnce", title: "Write, all at once" },
  readAtOnce: { key: "readAtOnce", title: "Read, all at once" },
  writeInTurn: { key: "writeInTurn", title: "Write, one after another" },
  readInTurn: { key: "readInTurn", title: "Read, one after another" },
};
