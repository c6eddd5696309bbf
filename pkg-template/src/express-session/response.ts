import { withoutHeaders } from "../sessions/hold-back.js";
import type { Visit } from "./visit.js";

/**
 * Lets a response have its cookie with its headers, and end when its session is stored. Until then nothing of it goes out, unless
 * the application has sent the headers by itself before.
 */
export function follow(visit: Visit, response: any, next: (error?: any) => void): void {
  const { writeHead, end } = response;
  // Who has ended the response may still be at work: what it throws then must come first.
  const onError = (error: unknown): void => void setImmediate(next, error);
  let isHeaded = false;
  let isEnded = false;
  let isBroken = false;
  // What a session cannot hold is told to who ends the response, and must not be met again by the answer to that.
  const attempt = <R>(work: () => R): R => {
    try {
      return work();
    } catch (error) {
      isHeaded = isBroken = true;
      throw error;
    }
  };

  response.writeHead = (...given: any[]): any => {
    let all = given;
    if (!isHeaded) {
      isHeaded = true;
      // Headers given here would replace ours of the same name.
      if (given.length > 1) all = withoutHeaders(response, given);
      response.statusCode = given[0];
      attempt(() => visit.sendCookie(response, onError));
    }
    return Reflect.apply(writeHead, response, all);
  };

  response.end = (...given: any[]): any => {
    if (isBroken) return Reflect.apply(end, response, given);
    if (isEnded) return response;
    isEnded = true;
    let isSync = true;
    let isDone = false;
    const settle = (): boolean =>
      visit.settle((error) => {
        if (isDone) return;
        isDone = true;
        if (error) onError(error);
        if (!isSync) Reflect.apply(end, response, given);
      });
    const waits = attempt(settle);
    isSync = false;
    if (!waits || isDone) return Reflect.apply(end, response, given);
    // The headers are as they are from now on, also for those who ask; Node sends them with what comes first.
    if (!response.headersSent) response.writeHead(response.statusCode);
    return response;
  };
}
