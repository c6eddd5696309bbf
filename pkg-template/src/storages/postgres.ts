// The wasm, in the form that this runtime takes.
import "#sessile";
import { SessionError } from "../error.js";
import { invalid } from "../options.js";
import { SharedSessionStorage } from "../shared.js";
import type { NewRecord, SharedOptions, VersionedRecord } from "../types.js";

/** What is used of a `Pool` or `Client` of `pg`. Others answer in the same words, such as PGlite and Neon's. */
export interface PostgresClient {
  query(
    text: string,
    values?: any[],
  ): Promise<{ rows: any[]; rowCount?: number | null; affectedRows?: number | undefined }>;
}

/** The options of {@link PostgresStorage}. */
export interface PostgresOptions extends SharedOptions {
  /** The table's name, also with a schema's before it. Default: `"sessile"`. */
  table?: string | undefined;
}

/**
 * The statement that makes the table, for your migrations; PostgreSQL 13 or newer. It changes nothing where the table is there.
 *
 * @example
 * ```js
 * import { postgresSchema } from "sessile/postgres";
 *
 * console.log(postgresSchema("web.sessions"));
 * ```
 */
export function postgresSchema(table = "sessile"): string {
  const name = quoted(table);
  const index = (column: string): string => `"${table.replaceAll(".", "_")}_${column}"`;
  return `CREATE TABLE IF NOT EXISTS ${name} (
  key bytea PRIMARY KEY,
  version uuid NOT NULL DEFAULT gen_random_uuid(),
  data bytea NOT NULL,
  byte_length bigint,
  expires_at timestamptz,
  tags text[] NOT NULL DEFAULT '{}'
);
CREATE INDEX IF NOT EXISTS ${index("expires_at")} ON ${name} (expires_at);
CREATE INDEX IF NOT EXISTS ${index("tags")} ON ${name} USING gin (tags) WHERE tags <> '{}';`;
}

/**
 * Sessions in a table of PostgreSQL: the whole contract for all machines that use it, checked by the database. Each call is a
 * single statement; a whole write is two, of which the first looks.
 *
 * Failures of the database are `ERR_SESSION_STORAGE`, a full disk `ERR_SESSION_QUOTA`; the cause is the driver's error.
 * `sweep()` removes what has expired, up to 1,024 sessions a call, and every sixteenth write up to sixteen.
 *
 * @example
 * ```js
 * import pg from "pg";
 * import { PostgresStorage, postgresSchema } from "sessile/postgres";
 *
 * const pool = new pg.Pool();
 * await pool.query(postgresSchema());
 * const storage = new PostgresStorage(pool, { idleTimeout: "30m" });
 * ```
 */
export class PostgresStorage extends SharedSessionStorage {
  readonly #client: PostgresClient;
  readonly #table: string;

  constructor(client: PostgresClient, options: PostgresOptions = {}) {
    super(options);
    if (typeof (client as PostgresClient | undefined)?.query !== "function") {
      throw invalid("client must be a Pool or a Client of pg");
    }
    const { table = "sessile" } = options;
    this.#client = client;
    this.#table = quoted(table);
  }

  override async load(key: string): Promise<VersionedRecord | null> {
    const text = `SELECT data, version FROM ${this.#table} WHERE key = decode($1, 'hex')`;
    const [row] = (await this.#query(text, [key])).rows as { data: Uint8Array; version: string }[];
    return row === undefined ? null : row;
  }

  override async replace(key: string, version: string | null, record: NewRecord | null): Promise<boolean> {
    const table = this.#table;
    if (record === null) {
      const text = `DELETE FROM ${table} WHERE key = decode($1, 'hex') AND version = $2`;
      return this.#hasChanged(text, [key, version]);
    }
    const { data, byteLength, expiresAt, tags } = record;
    const values = [key, data, byteLength, expiresAt, tags.map(escaped)];
    const time = "to_timestamp($4::double precision / 1000)";
    if (version === null) {
      const text = `INSERT INTO ${table} (key, data, byte_length, expires_at, tags)
        VALUES (decode($1, 'hex'), $2, $3, ${time}, $5) ON CONFLICT (key) DO NOTHING`;
      return this.#hasChanged(text, values);
    }
    const text = `UPDATE ${table}
      SET version = gen_random_uuid(), data = $2, byte_length = $3, expires_at = ${time}, tags = $5
      WHERE key = decode($1, 'hex') AND version = $6`;
    return this.#hasChanged(text, [...values, version]);
  }

  override async tagged(tag: string): Promise<string[]> {
    const where = "tags <> '{}' AND tags @> ARRAY[$1]::text[]";
    return this.#keys(where, [escaped(tag)]);
  }

  override async expired(now: number, limit: number): Promise<string[]> {
    return this.#keys("expires_at <= to_timestamp($1::double precision / 1000) LIMIT $2", [now, limit]);
  }

  override async count(): Promise<{ sessions: number; bytes: number }> {
    const text = `SELECT count(byte_length) AS sessions, coalesce(sum(byte_length), 0) AS bytes FROM ${this.#table}`;
    const [row] = (await this.#query(text, [])).rows as { sessions: unknown; bytes: unknown }[];
    return { sessions: Number(row?.sessions), bytes: Number(row?.bytes) };
  }

  async #keys(where: string, values: unknown[]): Promise<string[]> {
    const { rows } = await this.#query(
      `SELECT encode(key, 'hex') AS key FROM ${this.#table} WHERE ${where}`,
      values,
    );
    return (rows as { key: string }[]).map((row) => row.key);
  }

  async #hasChanged(text: string, values: unknown[]): Promise<boolean> {
    const { rowCount, affectedRows } = await this.#query(text, values);
    return (rowCount ?? affectedRows ?? 0) > 0;
  }

  async #query(text: string, values: unknown[]): ReturnType<PostgresClient["query"]> {
    try {
      return await this.#client.query(text, values);
    } catch (cause) {
      throw failure(cause);
    }
  }
}

function failure(cause: unknown): SessionError {
  const code = (cause as { code?: unknown } | null | undefined)?.code;
  switch (code) {
    case "53100":
      return new SessionError("ERR_SESSION_QUOTA", "the database's disk is full", { cause });
    // read_only_sql_transaction
    case "25006":
      return new SessionError(
        "ERR_SESSION_STORAGE",
        "the database takes no writes: it is a standby or set to read only; connect to the primary",
        { cause },
      );
    case "42P01":
      return new SessionError(
        "ERR_SESSION_STORAGE",
        "the table is not there; make it by the statement that postgresSchema() gives",
        { cause },
      );
    default:
      return new SessionError("ERR_SESSION_STORAGE", "the database failed", { cause });
  }
}

/** A text of PostgreSQL can hold everything but NUL. */
function escaped(tag: string): string {
  return tag.replaceAll("\\", "\\\\").replaceAll("\0", "\\0");
}

function quoted(table: unknown): string {
  if (typeof table === "string" && /^[A-Za-z_]\w{0,40}(?:\.[A-Za-z_]\w{0,40})?$/.test(table)) {
    return table
      .split(".")
      .map((part) => `"${part}"`)
      .join(".");
  }
  throw invalid("table must be a name of letters, digits and _, also with a schema's before it");
}
