// An archive of `shmring receive` as Parquet, and what was lost, by host and cause: with DuckDB, which reads JSON Lines.
//
//   npm install @duckdb/node-api && node archive_parquet.mjs ROOT OUT.parquet
//
// Each line becomes a row: host, ring and log from its path, what every line has as columns, and the whole line as JSON. Where two
// files of a log have the same line, it is taken once. Prove an archive by `shmring verify` first: this only reads it.
import {readdir} from 'node:fs/promises';

import {DuckDBInstance} from '@duckdb/node-api';

const [root, out] = process.argv.slice(2);
if (!root || !out) {
  console.error('usage: node archive_parquet.mjs ROOT OUT.parquet');
  process.exit(2);
}
// DuckDB refuses a pattern that no file has, so the files are listed here.
const named = async (end) => (await readdir(root, {recursive: true})).filter(
  (path) => path.endsWith(end) && path.split('/').length === 4).map((path) => `${root}/${path}`);
const text = (value) => `'${value.replaceAll("'", "''")}'`;
// What differs from an archive is kept there, too, as FILE.conflict; it is not part of a log.
const files = (await Promise.all(['.jsonl', '.jsonl.zst'].map((end) => named(end)))).flat().map(text).join(', ');
if (!files) {
  console.error(`${root}: there is no file of a log in HOST/RING/LOG below it`);
  process.exit(3);
}

const lines = `
  SELECT DISTINCT ON (host, ring, log, index) * FROM (
    SELECT path[-4] AS host, path[-3] AS ring, path[-2] AS log, path[-1] AS file,
           (line ->> 'index')::BIGINT AS index, line ->> 'kind' AS kind, (line ->> 'time')::TIMESTAMPTZ AS time,
           line ->> 'producer' AS producer, (line ->> 'seq')::BIGINT AS seq, line ->> 'type' AS type,
           (line ->> 'sev')::INTEGER AS severity, line -> 'data' AS data, line
    FROM (SELECT json AS line, string_split(filename, '/') AS path
          FROM read_json_objects([${files}], format = 'newline_delimited', filename = true))
  ) ORDER BY host, ring, log, index, file`;

const losses = `
  SELECT host, cause, sum((line ->> ('$.causes.' || cause))::BIGINT) AS lost
  FROM (SELECT host, line, unnest(json_keys(line -> 'causes')) AS cause FROM read_parquet(${text(out)}) WHERE kind = 'loss')
  GROUP BY ALL ORDER BY ALL`;

const connection = await (await DuckDBInstance.create()).connect();
await connection.run(`COPY (${lines}) TO ${text(out)} (FORMAT parquet, COMPRESSION zstd)`);
for (const sql of [`SELECT host, ring, count(*) AS lines, max(index) AS last FROM read_parquet(${text(out)}) GROUP BY ALL ORDER BY ALL`,
                   losses]) {
  for (const row of (await connection.runAndReadAll(sql)).getRowsJson()) console.log(row.join(' '));
}
