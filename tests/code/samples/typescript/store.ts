/// <reference types="node" />
import { readFile } from "node:fs/promises";
import type { Logger } from "./logger";
import fs = require("fs");
import Options = Config.Options;

export type Key = string | number;
export type Handler<T> = (value: T) => void;

/** What a store can do. */
export interface Store<T> extends Iterable<T> {
  readonly size: number;
  get(key: Key): T | undefined;
  set(key: Key, value: T): this;
}

export enum Level {
  Low = 1,
  High = "high",
}

declare const enum Flag {
  None = 0,
}

declare global {
  interface Window {
    store: Store<unknown>;
  }
}

declare module "legacy-store" {
  export function open(name: string): Store<unknown>;
}

export namespace Config {
  export interface Options {
    path: string;
    level?: Level;
  }
  export function defaults(): Options {
    return { path: ".", level: Level.Low };
  }
}

function sealed(target: Function): void {
  Object.seal(target);
}

/** A base for stores that log what they do. */
export abstract class Base<T> implements Store<T> {
  protected static count = 0;
  private listeners: Handler<T>[] = [];

  constructor(protected readonly logger: Logger, private options: Options) {
    Base.count += 1;
  }

  abstract get(key: Key): T | undefined;
  abstract set(key: Key, value: T): this;
  abstract get size(): number;
  abstract [Symbol.iterator](): Iterator<T>;

  // An arrow function, so that it can be passed on.
  notify = (value: T): void => {
    this.listeners.forEach((listener) => listener(value));
  };
}

@sealed
export class MemoryStore<T> extends Base<T> {
  readonly #values = new Map<Key, T>();

  get size(): number {
    return this.#values.size;
  }

  get(key: Key): T | undefined {
    return this.#values.get(key);
  }

  @log("debug")
  set(key: Key, value: T): this {
    this.#values.set(key, value);
    this.notify(value);
    return this;
  }

  *[Symbol.iterator](): Iterator<T> {
    yield* this.#values.values();
  }
}

function log(level: string) {
  return (target: object, name: string) => console.log(level, name, target);
}

export function load(path: string): Promise<Store<string>>;
export function load(path: URL): Promise<Store<string>>;
export async function load(path: string | URL): Promise<Store<string>> {
  const text = await readFile(path, "utf8");
  const store = new MemoryStore<string>(console as Logger, Config.defaults());
  for (const [key, value] of Object.entries(JSON.parse(text) as Record<string, string>)) {
    store.set(key, value);
  }
  return store;
}

export const exists = <T extends string>(path: T): boolean => fs.existsSync(path);

const DEFAULTS = { level: Level.High, retries: 3 } as const satisfies object;
export default DEFAULTS;
