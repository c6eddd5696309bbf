/** How a library of callbacks is told what came of a call. */
export type Callback<R = void> = (error: unknown, result?: R) => void;

/** Tells a callback, or answers the promise where there is none. */
export function answer<R>(result: Promise<R>, callback: Callback<R> | undefined): Promise<R> | undefined {
  if (callback === undefined) {
    // Who waits is told. Who does not, as with `req.session.destroy()`, must not lose the process by it.
    result.catch(() => {});
    return result;
  }
  // What a callback throws is its own affair: not a failure of the call, and not told to it a second time.
  result.then(
    (value) => queueMicrotask(() => callback(null, value)),
    (error: unknown) => queueMicrotask(() => callback(error)),
  );
  return undefined;
}
