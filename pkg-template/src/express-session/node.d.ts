/** What is used of Node; who uses the package has these types from `@types/node`. */
declare module "node:events" {
  export class EventEmitter {
    on(event: string | symbol, listener: (...given: any[]) => void): this;
    emit(event: string | symbol, ...given: any[]): boolean;
  }
}

declare function setImmediate(callback: (...given: any[]) => void, ...given: unknown[]): unknown;
